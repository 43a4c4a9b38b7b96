"""AddLayerVersionPermission, RemoveLayerVersionPermission, GetLayerVersionPolicy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from objectlens.catalog import NotFound
from objectlens.catalog.entities import LayerVersion
from objectlens.control.awslambda.context import Lambda, Result
from objectlens.control.awslambda.layers import LayerName, find_layer, named_layer, no_layer
from objectlens.control.awslambda.permissions import Statements, add_to, document, principal, remove_from, statements_of
from objectlens.control.awslambda.refusals import PreconditionFailedException
from objectlens.control.protocol import Request
from objectlens.errors import ResourceNotFoundException


async def add_layer_version_permission(surroundings: Lambda, request: Request) -> Result:
    """Add a statement to the policy of a layer version."""
    name, parameters = named_layer(request), request.params
    statement: dict[str, Any] = {
        "Sid": parameters["StatementId"],
        "Effect": "Allow",
        "Principal": principal(parameters["Principal"]),
        "Action": parameters["Action"],
        "Resource": name.arn(surroundings.region_of(request)),
    }
    if organisation := parameters.get("OrganizationId"):
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": organisation}}
    changed = await _change(surroundings, name, parameters.get("RevisionId"), add_to(statement))
    return {"Statement": json.dumps(statement, separators=(",", ":")), "RevisionId": changed.revision_id}


async def remove_layer_version_permission(surroundings: Lambda, request: Request) -> Result:
    """Remove a statement from the policy of a layer version."""
    parameters = request.params
    remove = remove_from(parameters["StatementId"])
    await _change(surroundings, named_layer(request), parameters.get("RevisionId"), remove)
    return {}


async def get_layer_version_policy(surroundings: Lambda, request: Request) -> Result:
    """Return the policy of a layer version; raises `ResourceNotFoundException` when there is none."""
    layer = await find_layer(surroundings, named_layer(request))
    if layer is None:
        raise no_layer()
    if layer.policy is None:
        raise ResourceNotFoundException("No policy is associated with the given resource.")
    return {"Policy": layer.policy, "RevisionId": layer.revision_id}


async def _change(
    surroundings: Lambda, name: LayerName, revision: str | None, edit: Callable[[Statements], Statements]
) -> LayerVersion:
    def edited(layer: LayerVersion) -> LayerVersion:
        if revision and revision != layer.revision_id:
            raise PreconditionFailedException
        return replace(layer, policy=document(edit(statements_of(layer.policy))), revision_id=surroundings.new_id())

    try:
        return await surroundings.catalog.layer_versions.update(
            name.account, name.name, name.version or "", change=edited
        )
    except NotFound:
        raise no_layer() from None
