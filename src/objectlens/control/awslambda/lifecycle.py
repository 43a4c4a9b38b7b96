"""CreateFunction, UpdateFunctionCode, UpdateFunctionConfiguration, DeleteFunction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from objectlens.catalog import AlreadyExists, InUse, NotFound, Shelves
from objectlens.catalog.entities import LATEST, Function, LoggingConfig
from objectlens.control.awslambda import render
from objectlens.control.awslambda.attributes import check_tags
from objectlens.control.awslambda.code import NO_IMAGES, store_code
from objectlens.control.awslambda.concurrency import arrange
from objectlens.control.awslambda.context import Lambda, Result
from objectlens.control.awslambda.names import FunctionName
from objectlens.control.awslambda.referring import check_size, refer
from objectlens.control.awslambda.refusals import check_revision, function_exists, no_function
from objectlens.control.awslambda.settings import fields_of, logging_of
from objectlens.control.awslambda.sweeping import sweep_packages
from objectlens.control.awslambda.versions import publish
from objectlens.control.protocol import Request
from objectlens.errors import InvalidParameterValueException, ResourceConflictException
from objectlens.functions import Package


async def create_function(surroundings: Lambda, request: Request) -> Result:
    """Make a function; it is active when the call returns."""
    name, parameters = surroundings.name(request), request.params
    fields = fields_of(parameters)
    check_tags(parameters.get("Tags") or {})
    if parameters.get("PackageType") == "Image":
        raise InvalidParameterValueException(NO_IMAGES)
    if not (fields.get("runtime") and fields.get("handler")):
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    if name.qualifier is not None:
        raise InvalidParameterValueException("A new function's name has no qualifier.")
    if await surroundings.catalog.functions.get(name.account, name.name, LATEST) is not None:
        raise function_exists(name.name)
    layers = await refer(surroundings, parameters.get("Layers") or ())
    package = await store_code(surroundings, request.caller, parameters["Code"], "CreateFunction")
    await check_size(surroundings, package.digest, layers)
    function = Function(
        name=name.name,
        account=name.account,
        region=surroundings.region_of(request),
        version=LATEST,
        package=package.digest,
        code_sha256=package.code_sha256,
        code_size=package.code_size,
        last_modified=surroundings.clock.now(),
        revision_id=surroundings.new_id(),
        architectures=tuple(parameters.get("Architectures") or ("x86_64",)),
        layers=tuple(layers),
        logging=logging_of(LoggingConfig(), parameters),
        tags=dict(parameters.get("Tags") or {}),
        **fields,
    )

    def make(shelves: Shelves) -> Function:
        shelves.functions.create(function)
        return publish(shelves, function, surroundings.new_id()) if parameters.get("Publish") else function

    try:
        made = await surroundings.catalog.change(make)
    except AlreadyExists:
        raise function_exists(name.name) from None
    surroundings.tasks.start(surroundings.prepare(made))
    return render.configuration(made, qualifier=None if made.version == LATEST else made.version)


async def update_function_code(surroundings: Lambda, request: Request) -> Result:
    """Give `$LATEST` other code."""
    name, parameters = _unqualified(surroundings.name(request)), request.params
    check_revision(await surroundings.function(name), parameters.get("RevisionId"))
    package = await store_code(surroundings, request.caller, parameters, "UpdateFunctionCode")
    await check_size(surroundings, package.digest, (await surroundings.function(name)).layers)
    architectures = parameters.get("Architectures")

    def with_code(function: Function) -> Function:
        check_revision(function, parameters.get("RevisionId"))
        return replace(
            _with_package(function, package),
            architectures=tuple(architectures or function.architectures),
            last_modified=surroundings.clock.now(),
            revision_id=surroundings.new_id(),
        )

    if parameters.get("DryRun"):
        return render.configuration(with_code(await surroundings.function(name)))
    return await _change(surroundings, name, with_code, publishing=bool(parameters.get("Publish")))


async def update_function_configuration(surroundings: Lambda, request: Request) -> Result:
    """Change settings of `$LATEST`; what the call does not name stays."""
    name, parameters = _unqualified(surroundings.name(request)), request.params
    fields = fields_of(parameters)
    if (arns := parameters.get("Layers")) is not None:
        old = await surroundings.function(name)
        fields["layers"] = tuple(await refer(surroundings, arns, old.layers))
        await check_size(surroundings, old.package, fields["layers"])

    def with_settings(function: Function) -> Function:
        check_revision(function, parameters.get("RevisionId"))
        return replace(
            function,
            **fields,
            logging=logging_of(function.logging, parameters),
            last_modified=surroundings.clock.now(),
            revision_id=surroundings.new_id(),
        )

    return await _change(surroundings, name, with_settings, publishing=False)


async def delete_function(surroundings: Lambda, request: Request) -> Result:
    """Remove a function with all its versions and aliases, or one of its versions."""
    name = surroundings.name(request)
    if name.qualifier == LATEST:
        raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
    gone = await _versions(surroundings, name)
    try:
        found = await surroundings.catalog.functions.delete(name.account, name.name, name.version)
    except InUse:
        raise ResourceConflictException(
            f"Unable to delete version {name.version} of {name.name}: aliases still point to it."
        ) from None
    if not found:
        raise no_function(name, surroundings.region_of(request))
    for function in gone:
        await surroundings.executor.retire(function)
    await arrange(surroundings)
    surroundings.tasks.start(sweep_packages(surroundings))
    return {"StatusCode": 204}


async def _versions(surroundings: Lambda, name: FunctionName) -> list[Function]:
    if name.qualifier is not None:
        one = await surroundings.catalog.functions.get(name.account, name.name, name.qualifier)
        return [one] if one else []
    return await surroundings.catalog.functions.list(account=name.account, name=name.name, limit=100_000)


async def _change(
    surroundings: Lambda, name: FunctionName, change: Callable[[Function], Function], *, publishing: bool
) -> Result:
    old = await surroundings.function(name)

    def work(shelves: Shelves) -> Function:
        new = shelves.functions.update(name.account, name.name, LATEST, change=change)
        return publish(shelves, new, surroundings.new_id()) if publishing else new

    try:
        new = await surroundings.catalog.change(work)
    except NotFound:
        raise no_function(name, name.region) from None
    await surroundings.executor.retire(old)
    surroundings.tasks.start(surroundings.prepare(new))
    surroundings.tasks.start(sweep_packages(surroundings))
    return render.configuration(new, qualifier=None if new.version == LATEST else new.version)


def _with_package(function: Function, package: Package) -> Function:
    return replace(function, package=package.digest, code_sha256=package.code_sha256, code_size=package.code_size)


def _unqualified(name: FunctionName) -> FunctionName:
    if name.qualifier not in {None, LATEST}:
        raise InvalidParameterValueException(
            f"Published versions do not change: name the function without {name.qualifier}."
        )
    return name.at(None)
