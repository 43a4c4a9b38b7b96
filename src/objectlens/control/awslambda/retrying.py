"""PutFunctionEventInvokeConfig, and Update, Get, Delete and List: how events are tried again."""

from __future__ import annotations

from dataclasses import replace

from objectlens.catalog import NotFound, Shelves
from objectlens.catalog.entities import EventInvokeConfig
from objectlens.control.awslambda.context import Lambda, Parameters, Result
from objectlens.control.awslambda.events import MAX_AGE, MAX_RETRIES
from objectlens.control.awslambda.names import FunctionName
from objectlens.control.awslambda.paging import LARGEST
from objectlens.control.protocol import Request
from objectlens.errors import InvalidParameterValueException, ResourceNotFoundException


async def put_function_event_invoke_config(surroundings: Lambda, request: Request) -> Result:
    """Set it; what is not given has its default."""
    return await _set(surroundings, request, merging=False)


async def update_function_event_invoke_config(surroundings: Lambda, request: Request) -> Result:
    """Change it; what is not given stays."""
    return await _set(surroundings, request, merging=True)


async def get_function_event_invoke_config(surroundings: Lambda, request: Request) -> Result:
    """Tell it."""
    name = surroundings.name(request)
    await surroundings.function(name)
    found = await surroundings.catalog.event_invoke_configs.get(*_key(name))
    if found is None:
        raise _missing(surroundings, request, name)
    return _shown(found, surroundings.region_of(request))


async def delete_function_event_invoke_config(surroundings: Lambda, request: Request) -> Result:
    """Return to the defaults."""
    name = surroundings.name(request)
    await surroundings.function(name)
    if not await surroundings.catalog.event_invoke_configs.delete(*_key(name)):
        raise _missing(surroundings, request, name)
    return {}


async def list_function_event_invoke_configs(surroundings: Lambda, request: Request) -> Result:
    """List those of a function's versions and aliases."""
    name, parameters = surroundings.name(request), request.params
    await surroundings.function(name.at(None))
    size = min(parameters.get("MaxItems") or LARGEST, LARGEST)
    found = await surroundings.catalog.event_invoke_configs.list(
        after=parameters.get("Marker", ""), limit=size + 1, account=name.account, function=name.name
    )
    region = surroundings.region_of(request)
    more = {"NextMarker": found[size - 1].qualifier} if len(found) > size else {}
    return {"FunctionEventInvokeConfigs": [_shown(one, region) for one in found[:size]], **more}


async def limits_of(surroundings: Lambda, name: FunctionName) -> tuple[int, float]:
    """Return how often events to a version or an alias are tried again, and how old they may grow, in seconds."""
    found = await surroundings.catalog.event_invoke_configs.get(*_key(name))
    if found is None:
        return MAX_RETRIES, MAX_AGE
    return MAX_RETRIES if found.retries is None else found.retries, found.age or MAX_AGE


async def _set(surroundings: Lambda, request: Request, *, merging: bool) -> Result:
    name, parameters = surroundings.name(request), request.params
    _check_destinations(parameters)
    await surroundings.function(name)
    account, function, qualifier = _key(name)
    given = EventInvokeConfig(
        account=account,
        function=function,
        qualifier=qualifier,
        last_modified=surroundings.clock.now(),
        retries=parameters.get("MaximumRetryAttempts"),
        age=parameters.get("MaximumEventAgeInSeconds"),
    )

    def changed(old: EventInvokeConfig) -> EventInvokeConfig:
        if not merging:
            return given
        retries = old.retries if given.retries is None else given.retries
        return replace(given, retries=retries, age=given.age or old.age)

    def work(shelves: Shelves) -> EventInvokeConfig:
        try:
            return shelves.event_invoke_configs.update(*_key(name), change=changed)
        except NotFound:
            if merging:
                raise _missing(surroundings, request, name) from None
            return shelves.event_invoke_configs.create(given)

    return _shown(await surroundings.catalog.change(work), surroundings.region_of(request))


def _check_destinations(parameters: Parameters) -> None:
    destinations = parameters.get("DestinationConfig") or {}
    if any((destinations.get(kind) or {}).get("Destination") for kind in ("OnSuccess", "OnFailure")):
        raise InvalidParameterValueException(
            "This server does not offer destinations: leave DestinationConfig out; the server's log tells of events "
            "that are given up."
        )


def _shown(value: EventInvokeConfig, region: str) -> Result:
    result: Result = {
        "LastModified": value.last_modified,
        "FunctionArn": FunctionName(value.account, value.function, value.qualifier).arn(region),
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
    }
    if value.retries is not None:
        result["MaximumRetryAttempts"] = value.retries
    if value.age is not None:
        result["MaximumEventAgeInSeconds"] = value.age
    return result


def _missing(surroundings: Lambda, request: Request, name: FunctionName) -> ResourceNotFoundException:
    arn = FunctionName(*_key(name)).arn(surroundings.region_of(request))
    return ResourceNotFoundException(f"The function {arn} doesn't have an EventInvokeConfig")


def _key(name: FunctionName) -> tuple[str, str, str]:
    return name.account, name.name, name.version
