"""Reserved concurrency and tags, which belong to a function as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from objectlens.catalog import Shelves
from objectlens.catalog.entities import LATEST, Function
from objectlens.control.awslambda.concurrency import arrange, check_shares
from objectlens.control.awslambda.context import Lambda, Result
from objectlens.control.awslambda.names import FunctionName, parse_name
from objectlens.control.awslambda.refusals import no_function
from objectlens.control.protocol import Request
from objectlens.errors import InvalidParameterValueException

MAX_TAGS = 50


async def put_function_concurrency(surroundings: Lambda, request: Request) -> Result:
    """Reserve a concurrency, which is a limit too; 0 stops the function."""
    reserved: int = request.params["ReservedConcurrentExecutions"]
    name = _whole(surroundings.name(request))
    limit, asked = surroundings.concurrency, "ReservedConcurrentExecutions"
    await _change_all(
        surroundings,
        name,
        lambda one: replace(one, reserved_concurrency=reserved),
        check=lambda shelves: check_shares(shelves, name.account, name.name, limit, asked),
    )
    await arrange(surroundings)
    return {"ReservedConcurrentExecutions": reserved}


async def get_function_concurrency(surroundings: Lambda, request: Request) -> Result:
    """Return the reserved concurrency, nothing when there is none."""
    function = await surroundings.function(_whole(surroundings.name(request)))
    reserved = function.reserved_concurrency
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


async def get_function_code_signing_config(surroundings: Lambda, request: Request) -> Result:
    """Return that there is none, as AWS does for a function without: Terraform asks whenever it reads a function."""
    await surroundings.function(_whole(surroundings.name(request)))
    return {}


async def delete_function_concurrency(surroundings: Lambda, request: Request) -> Result:
    """Take the reserved concurrency away."""
    name = _whole(surroundings.name(request))
    await _change_all(surroundings, name, lambda one: replace(one, reserved_concurrency=None))
    await arrange(surroundings)
    return {}


async def tag_resource(surroundings: Lambda, request: Request) -> Result:
    """Set tags."""

    def tagged(function: Function) -> Function:
        tags = {**function.tags, **request.params["Tags"]}
        check_tags(tags)
        return replace(function, tags=tags)

    await _change_all(surroundings, resource_in(request), tagged)
    return {}


async def untag_resource(surroundings: Lambda, request: Request) -> Result:
    """Remove tags."""
    gone = set(request.params["TagKeys"])
    await _change_all(
        surroundings,
        resource_in(request),
        lambda one: replace(one, tags={key: value for key, value in one.tags.items() if key not in gone}),
    )
    return {}


async def list_tags(surroundings: Lambda, request: Request) -> Result:
    """Return the tags."""
    return {"Tags": dict((await surroundings.function(resource_in(request))).tags)}


def check_tags(tags: Mapping[str, str]) -> None:
    """Look at all tags that a function is to have; raises `InvalidParameterValueException`."""
    if len(tags) > MAX_TAGS:
        raise InvalidParameterValueException(f"A function has at most {MAX_TAGS} tags.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise InvalidParameterValueException("aws: prefixed tag key names are not allowed for external use.")


def resource_in(request: Request) -> FunctionName:
    """Return the function that a tagging request names by its ARN."""
    return _whole(parse_name(request.params["Resource"], request.caller.account))


def _whole(name: FunctionName) -> FunctionName:
    if name.qualifier is not None:
        raise InvalidParameterValueException(
            f"This belongs to the function as a whole: name it without the qualifier {name.qualifier}."
        )
    return name


def _no_check(_: Shelves) -> None:
    """Let every change pass."""


async def _change_all(
    surroundings: Lambda,
    name: FunctionName,
    change: Callable[[Function], Function],
    *,
    check: Callable[[Shelves], None] = _no_check,
) -> None:
    """Change all versions at once, so that each of them tells what holds for the function."""

    def work(shelves: Shelves) -> None:
        if shelves.functions.get(name.account, name.name, LATEST) is None:
            raise no_function(name, name.region or surroundings.region)
        for one in shelves.functions.list(account=name.account, name=name.name, limit=1_000_000):
            shelves.functions.update(name.account, name.name, one.version, change=change)
        check(shelves)

    await surroundings.catalog.change(work)
