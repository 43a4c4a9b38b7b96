"""PublishVersion, ListVersionsByFunction."""

from __future__ import annotations

from dataclasses import replace

from objectlens.catalog import Shelves
from objectlens.catalog.entities import LATEST, Function
from objectlens.control.awslambda import render
from objectlens.control.awslambda.context import Lambda, Result
from objectlens.control.awslambda.paging import page_of
from objectlens.control.awslambda.refusals import check_revision, no_function
from objectlens.control.awslambda.settings import check_offered
from objectlens.control.protocol import Request
from objectlens.errors import InvalidParameterValueException


def publish(shelves: Shelves, latest: Function, revision_id: str, description: str | None = None) -> Function:
    """Make a version of `$LATEST`, or return the last one when nothing changed since."""
    versions = shelves.functions.list(account=latest.account, name=latest.name, limit=1_000_000)
    published = [one for one in versions if one.version != LATEST]
    snapshot = replace(latest, policy=None, description=latest.description if description is None else description)
    if published and _same(published[-1], snapshot, ignoring_description=description is None):
        return published[-1]
    number = str(shelves.functions.next_number(latest.account, latest.name))
    return shelves.functions.create(replace(snapshot, version=number, revision_id=revision_id))


def _same(published: Function, snapshot: Function, *, ignoring_description: bool) -> bool:
    neutral = replace(
        snapshot,
        version=published.version,
        revision_id=published.revision_id,
        last_modified=published.last_modified,
        policy=published.policy,
        tags=published.tags,
        reserved_concurrency=published.reserved_concurrency,
    )
    return published == (replace(neutral, description=published.description) if ignoring_description else neutral)


async def publish_version(surroundings: Lambda, request: Request) -> Result:
    """Freeze `$LATEST` under the next number."""
    name, parameters = surroundings.name(request), request.params
    check_offered(parameters)
    digest = parameters.get("CodeSha256")

    def work(shelves: Shelves) -> Function:
        latest = shelves.functions.get(name.account, name.name, LATEST)
        if latest is None:
            raise no_function(name, surroundings.region_of(request))
        check_revision(latest, parameters.get("RevisionId"))
        if digest and digest != latest.code_sha256:
            raise InvalidParameterValueException(
                f"CodeSHA256 ({digest}) is different from current CodeSHA256 in $LATEST ({latest.code_sha256}). Please "
                "try again with the CodeSHA256 in $LATEST."
            )
        return publish(shelves, latest, surroundings.new_id(), parameters.get("Description"))

    return render.version_of(await surroundings.catalog.change(work))


async def list_versions_by_function(surroundings: Lambda, request: Request) -> Result:
    """List `$LATEST` and the published versions."""
    name = surroundings.name(request)
    await surroundings.function(name)
    page, marker = await page_of(surroundings, request.params, account=name.account, name=name.name)
    return {"Versions": [render.version_of(one) for one in page], **marker}
