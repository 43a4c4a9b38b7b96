"""CreateAlias, GetAlias, ListAliases, UpdateAlias, DeleteAlias."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from objectlens.catalog import AlreadyExists, NotFound, Shelves
from objectlens.catalog.entities import LATEST, FunctionAlias
from objectlens.control.awslambda import render
from objectlens.control.awslambda.concurrency import arrange
from objectlens.control.awslambda.context import Lambda, Parameters, Result
from objectlens.control.awslambda.names import FunctionName
from objectlens.control.awslambda.paging import LARGEST
from objectlens.control.awslambda.refusals import PreconditionFailedException, no_alias, no_function
from objectlens.control.protocol import Request
from objectlens.errors import InvalidParameterValueException, ResourceConflictException


async def create_alias(surroundings: Lambda, request: Request) -> Result:
    """Make a name for a version."""
    name, parameters = surroundings.name(request), request.params
    value = FunctionAlias(
        name=parameters["Name"],
        account=name.account,
        function=name.name,
        version=parameters["FunctionVersion"],
        revision_id=surroundings.new_id(),
        description=parameters.get("Description", ""),
        weights=_weights(parameters) or {},
        updated_at=surroundings.clock.now(),
    )

    def make(shelves: Shelves) -> FunctionAlias:
        _check_versions(shelves, name, value)
        return shelves.function_aliases.create(value)

    try:
        return render.alias(await surroundings.catalog.change(make), surroundings.region_of(request))
    except AlreadyExists:
        raise ResourceConflictException(f"Alias already exists: {_arn(name, value.name)}") from None


async def get_alias(surroundings: Lambda, request: Request) -> Result:
    """Describe an alias."""
    name, alias = surroundings.name(request), request.params["Name"]
    found = await surroundings.catalog.function_aliases.get(name.account, name.name, alias)
    if found is None:
        raise no_alias(_arn(name, alias))
    return render.alias(found, surroundings.region_of(request))


async def list_aliases(surroundings: Lambda, request: Request) -> Result:
    """List the aliases of a function, or those of one version."""
    name, parameters = surroundings.name(request), request.params
    await surroundings.function(name.at(None))
    size = min(parameters.get("MaxItems") or LARGEST, LARGEST)
    where = {"account": name.account, "function": name.name}
    if version := parameters.get("FunctionVersion"):
        where["version"] = version
    found = await surroundings.catalog.function_aliases.list(
        after=parameters.get("Marker", ""), limit=size + 1, **where
    )
    result: Result = {"Aliases": [render.alias(one, surroundings.region_of(request)) for one in found[:size]]}
    if len(found) > size:
        result["NextMarker"] = found[size - 1].name
    return result


async def update_alias(surroundings: Lambda, request: Request) -> Result:
    """Point an alias elsewhere."""
    name, parameters = surroundings.name(request), request.params
    weights = _weights(parameters)

    def changed(old: FunctionAlias) -> FunctionAlias:
        if parameters.get("RevisionId") not in {None, old.revision_id}:
            raise PreconditionFailedException
        return replace(
            old,
            version=parameters.get("FunctionVersion", old.version),
            description=parameters.get("Description", old.description),
            weights=old.weights if weights is None else weights,
            revision_id=surroundings.new_id(),
            updated_at=surroundings.clock.now(),
        )

    def work(shelves: Shelves) -> FunctionAlias:
        new = shelves.function_aliases.update(name.account, name.name, parameters["Name"], change=changed)
        _check_versions(shelves, name, new)
        return new

    try:
        updated = await surroundings.catalog.change(work)
    except NotFound:
        raise no_alias(_arn(name, parameters["Name"])) from None
    await arrange(surroundings)
    return render.alias(updated, surroundings.region_of(request))


async def delete_alias(surroundings: Lambda, request: Request) -> Result:
    """Remove an alias; it is no error when there is none."""
    name = surroundings.name(request)
    await surroundings.catalog.function_aliases.delete(name.account, name.name, request.params["Name"])
    await arrange(surroundings)
    return {}


def _weights(parameters: Parameters) -> Mapping[str, float] | None:
    routing = parameters.get("RoutingConfig")
    return None if routing is None else dict(routing.get("AdditionalVersionWeights") or {})


def _check_versions(shelves: Shelves, name: FunctionName, alias: FunctionAlias) -> None:
    for version in (alias.version, *alias.weights):
        if shelves.functions.get(alias.account, alias.function, version) is None:
            raise no_function(name.at(version), name.region)
    if alias.weights and (len(alias.weights) > 1 or LATEST in (alias.version, *alias.weights)):
        raise InvalidParameterValueException("An alias routes to at most two versions, none of which is $LATEST.")
    if alias.version in alias.weights:
        raise InvalidParameterValueException("The additional version of an alias is another one than its own.")


def _arn(name: FunctionName, alias: str) -> str:
    return name.at(alias).arn(name.region)
