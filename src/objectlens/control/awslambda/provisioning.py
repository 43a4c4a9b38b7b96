"""PutProvisionedConcurrencyConfig, and Get, Delete and List."""

from __future__ import annotations

from objectlens.catalog import NotFound, Shelves
from objectlens.catalog.entities import LATEST, Function, FunctionAlias, ProvisionedConcurrency
from objectlens.control.awslambda.concurrency import arrange, check_shares
from objectlens.control.awslambda.context import Lambda, Result
from objectlens.control.awslambda.names import FunctionName
from objectlens.control.awslambda.paging import LARGEST
from objectlens.control.awslambda.refusals import ProvisionedConcurrencyConfigNotFoundException, no_function
from objectlens.control.protocol import Request
from objectlens.errors import InvalidParameterValueException, ResourceConflictException


async def put_provisioned_concurrency_config(surroundings: Lambda, request: Request) -> Result:
    """Have so many environments of a version, or of an alias's version, kept ready."""
    name = _qualified(surroundings.name(request))
    value = ProvisionedConcurrency(
        account=name.account,
        function=name.name,
        qualifier=name.version,
        requested=request.params["ProvisionedConcurrentExecutions"],
        last_modified=surroundings.clock.now(),
    )

    def work(shelves: Shelves) -> None:
        _check_target(shelves, name)
        try:
            shelves.provisioned_concurrency.update(*_key(name), change=lambda _: value)
        except NotFound:
            shelves.provisioned_concurrency.create(value)
        limit = surroundings.concurrency
        check_shares(shelves, name.account, name.name, limit, "ConcurrentExecutions")

    await surroundings.catalog.change(work)
    await arrange(surroundings)
    return await _shown(surroundings, value)


async def get_provisioned_concurrency_config(surroundings: Lambda, request: Request) -> Result:
    """Tell how far that is."""
    name = _qualified(surroundings.name(request))
    await surroundings.function(name)
    found = await surroundings.catalog.provisioned_concurrency.get(*_key(name))
    if found is None:
        raise ProvisionedConcurrencyConfigNotFoundException
    return await _shown(surroundings, found)


async def delete_provisioned_concurrency_config(surroundings: Lambda, request: Request) -> Result:
    """Keep nothing ready any more; it is no error when nothing was."""
    name = _qualified(surroundings.name(request))
    await surroundings.function(name)
    await surroundings.catalog.provisioned_concurrency.delete(*_key(name))
    await arrange(surroundings)
    return {}


async def list_provisioned_concurrency_configs(surroundings: Lambda, request: Request) -> Result:
    """List what is kept ready of a function."""
    name, parameters = surroundings.name(request), request.params
    await surroundings.function(name.at(None))
    size = min(parameters.get("MaxItems") or LARGEST, LARGEST)
    found = await surroundings.catalog.provisioned_concurrency.list(
        after=parameters.get("Marker", ""), limit=size + 1, account=name.account, function=name.name
    )
    region = surroundings.region_of(request)
    configs = [
        {"FunctionArn": FunctionName(one.account, one.function, one.qualifier).arn(region)}
        | await _shown(surroundings, one)
        for one in found[:size]
    ]
    more = {"NextMarker": found[size - 1].qualifier} if len(found) > size else {}
    return {"ProvisionedConcurrencyConfigs": configs, **more}


async def _shown(surroundings: Lambda, value: ProvisionedConcurrency) -> Result:
    _, functions = await surroundings.catalog.read(lambda shelves: _targets(shelves, value))
    states = [surroundings.provision(one) for one in functions]
    ready = min(value.requested, sum(one.ready for one in states))
    failure = next((one.failure for one in states if one.failure), None)
    status = "READY" if ready == value.requested else "FAILED" if failure else "IN_PROGRESS"
    return {
        "RequestedProvisionedConcurrentExecutions": value.requested,
        "AvailableProvisionedConcurrentExecutions": ready,
        "AllocatedProvisionedConcurrentExecutions": ready,
        "Status": status,
        "LastModified": value.last_modified.strftime("%Y-%m-%dT%H:%M:%S+0000"),
    } | ({"StatusReason": failure} if status == "FAILED" else {})


def _targets(shelves: Shelves, value: ProvisionedConcurrency) -> list[Function]:
    alias = shelves.function_aliases.get(value.account, value.function, value.qualifier)
    versions = [value.qualifier] if alias is None else [alias.version, *alias.weights]
    found = [shelves.functions.get(value.account, value.function, version) for version in versions]
    return [one for one in found if one is not None]


def _check_target(shelves: Shelves, name: FunctionName) -> None:
    if shelves.functions.get(name.account, name.name, LATEST) is None:
        raise no_function(name.at(None), name.region)
    alias = shelves.function_aliases.get(name.account, name.name, name.version)
    if alias is None and shelves.functions.get(name.account, name.name, name.version) is None:
        raise no_function(name, name.region)
    if alias is not None:
        _check_alias(shelves, alias)
        return
    aliases = shelves.function_aliases.list(account=name.account, function=name.name, version=name.version, limit=1000)
    if any(shelves.provisioned_concurrency.get(name.account, name.name, one.name) for one in aliases):
        raise ResourceConflictException("Version is pointed by a Provisioned Concurrency alias")


def _check_alias(shelves: Shelves, alias: FunctionAlias) -> None:
    if alias.version == LATEST:
        raise _unpublished()
    if alias.weights:
        raise InvalidParameterValueException("Alias with weights can not be used with Provisioned Concurrency")
    if shelves.provisioned_concurrency.get(alias.account, alias.function, alias.version):
        raise ResourceConflictException(
            "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
        )


def _qualified(name: FunctionName) -> FunctionName:
    if name.version == LATEST:
        raise _unpublished()
    return name


def _unpublished() -> InvalidParameterValueException:
    return InvalidParameterValueException(
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    )


def _key(name: FunctionName) -> tuple[str, str, str]:
    return name.account, name.name, name.version
