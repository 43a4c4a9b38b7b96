"""GetFunction, GetFunctionConfiguration, ListFunctions, GetAccountSettings."""

from __future__ import annotations

from typing import Any

from objectlens.catalog import Shelves, function_cursor
from objectlens.catalog.entities import LATEST, Function
from objectlens.control.awslambda import render
from objectlens.control.awslambda.concurrency import shares_of
from objectlens.control.awslambda.context import Lambda, Result
from objectlens.control.awslambda.paging import page_of
from objectlens.control.protocol import Request


async def get_function(surroundings: Lambda, request: Request) -> Result:
    """Describe a function, and tell where its code can be fetched."""
    name = surroundings.name(request)
    function = await surroundings.function(name)
    result: Result = {
        "Configuration": render.configuration(function, qualifier=name.qualifier),
        "Code": {"RepositoryType": "S3"},
    }
    if (location := surroundings.downloads.url(request.http, function.package)) is not None:
        result["Code"]["Location"] = location
    if function.tags:
        result["Tags"] = dict(function.tags)
    if function.reserved_concurrency is not None:
        result["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
    return result


async def get_function_configuration(surroundings: Lambda, request: Request) -> Result:
    """Describe the settings of a function."""
    name = surroundings.name(request)
    return render.configuration(await surroundings.function(name), qualifier=name.qualifier)


async def list_functions(surroundings: Lambda, request: Request) -> Result:
    """List the caller's functions, with `FunctionVersion=ALL` their published versions too."""
    everything = request.params.get("FunctionVersion") == "ALL"
    where = {"account": request.caller.account} | ({} if everything else {"version": LATEST})
    page, marker = await page_of(surroundings, request.params, **where)
    shown = render.version_of if everything else render.configuration
    return {"Functions": [shown(one) for one in page], **marker}


async def get_account_settings(surroundings: Lambda, request: Request) -> Result:
    """Tell the limits and how much of them is used."""
    account = request.caller.account
    _, (functions, layers) = await surroundings.catalog.read(
        lambda shelves: (all_functions(shelves, account), shelves.layer_versions.list(account=account, limit=1_000_000))
    )
    _, shares = await surroundings.catalog.read(lambda shelves: shares_of(shelves, account))
    return {
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800,
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": surroundings.concurrency,
            "UnreservedConcurrentExecutions": max(0, shares.unreserved(surroundings.concurrency)),
        },
        "AccountUsage": {
            "TotalCodeSize": sum(one.code_size for one in functions) + sum(one.code_size for one in layers),
            "FunctionCount": sum(one.version == LATEST for one in functions),
        },
    }


def all_functions(shelves: Shelves, account: str | None = None) -> list[Function]:
    """Return all versions of all functions, or of those of one account."""
    where: dict[str, Any] = {} if account is None else {"account": account}
    found: list[Function] = []
    while page := shelves.functions.list(after=function_cursor(found[-1]) if found else "", **where):
        found += page
    return found
