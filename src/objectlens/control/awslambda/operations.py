"""THE TABLE: which operations of the Lambda API are served, by whom, and what their callers need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from objectlens.control.awslambda import (
    aliases,
    attributes,
    invoking,
    layer_permissions,
    layers,
    lifecycle,
    permissions,
    provisioning,
    reading,
    retrying,
    versions,
)
from objectlens.control.awslambda.attributes import resource_in
from objectlens.control.awslambda.context import Lambda
from objectlens.control.awslambda.names import FunctionName
from objectlens.control.protocol import Handler, Permission, Request


async def _everything(_: Lambda, request: Request) -> Sequence[Permission]:
    return (Permission(action=f"lambda:{request.operation}", resource="*"),)


async def _named(surroundings: Lambda, request: Request) -> Sequence[Permission]:
    return await _on(surroundings, request, surroundings.name(request))


async def _tagged(surroundings: Lambda, request: Request) -> Sequence[Permission]:
    return await _on(surroundings, request, resource_in(request))


async def _on(surroundings: Lambda, request: Request, name: FunctionName) -> Sequence[Permission]:
    """Ask for the operation on a function, whose own policy counts; what does not exist has only a name."""
    function = await surroundings.function_or_none(name)
    return (
        Permission(
            action=f"lambda:{request.operation}", resource=function or name.arn(surroundings.region_of(request))
        ),
    )


async def _layer(surroundings: Lambda, request: Request) -> Sequence[Permission]:
    return (await _on_layer(surroundings, request, f"lambda:{request.operation}", layers.named_layer(request)),)


async def _layer_by_arn(surroundings: Lambda, request: Request) -> Sequence[Permission]:
    return (await _on_layer(surroundings, request, "lambda:GetLayerVersion", layers.named_layer(request)),)


async def _on_layer(surroundings: Lambda, request: Request, action: str, name: layers.LayerName) -> Permission:
    """Ask for an action on a layer version, whose own policy counts; what does not exist has only a name."""
    layer = await layers.find_layer(surroundings, name)
    return Permission(action=action, resource=layer or name.arn(surroundings.region_of(request)))


async def _with_role(surroundings: Lambda, request: Request) -> Sequence[Permission]:
    """Ask also for the right to hand on the role: code that runs under it has all that the role may do.

    Roles of other accounts can be handed on by nobody, for no policy here can allow it. Layers must be the caller's to
    get.
    """
    needs = [*await _named(surroundings, request)]
    for arn in request.params.get("Layers") or ():
        name = layers.parse_layer(arn, request.caller.account)
        needs.append(await _on_layer(surroundings, request, "lambda:GetLayerVersion", name))
    role = request.params.get("Role")
    if role is None:
        return needs
    passed = {"iam:PassedToService": "lambda.amazonaws.com"}
    return [*needs, Permission(action="iam:PassRole", resource=role, context=passed)]


async def _invoked(surroundings: Lambda, request: Request) -> Sequence[Permission]:
    return (Permission(action="lambda:InvokeFunction", resource=await invoking.target(surroundings, request)),)


HANDLERS: Mapping[str, Handler[Lambda]] = {
    "AddLayerVersionPermission": Handler(layer_permissions.add_layer_version_permission, _layer),
    "AddPermission": Handler(permissions.add_permission, _named),
    "CreateAlias": Handler(aliases.create_alias, _named),
    "CreateFunction": Handler(lifecycle.create_function, _with_role),
    "DeleteAlias": Handler(aliases.delete_alias, _named),
    "DeleteFunction": Handler(lifecycle.delete_function, _named),
    "DeleteFunctionConcurrency": Handler(attributes.delete_function_concurrency, _named),
    "DeleteFunctionEventInvokeConfig": Handler(retrying.delete_function_event_invoke_config, _named),
    "DeleteProvisionedConcurrencyConfig": Handler(provisioning.delete_provisioned_concurrency_config, _named),
    "DeleteLayerVersion": Handler(layers.delete_layer_version, _layer),
    "GetAccountSettings": Handler(reading.get_account_settings, _everything),
    "GetAlias": Handler(aliases.get_alias, _named),
    "GetFunction": Handler(reading.get_function, _named),
    "GetFunctionCodeSigningConfig": Handler(attributes.get_function_code_signing_config, _named),
    "GetFunctionConcurrency": Handler(attributes.get_function_concurrency, _named),
    "GetFunctionConfiguration": Handler(reading.get_function_configuration, _named),
    "GetFunctionEventInvokeConfig": Handler(retrying.get_function_event_invoke_config, _named),
    "GetLayerVersion": Handler(layers.get_layer_version, _layer),
    "GetLayerVersionByArn": Handler(layers.get_layer_version, _layer_by_arn, "lambda:GetLayerVersion"),
    "GetLayerVersionPolicy": Handler(layer_permissions.get_layer_version_policy, _layer),
    "GetPolicy": Handler(permissions.get_policy, _named),
    "GetProvisionedConcurrencyConfig": Handler(provisioning.get_provisioned_concurrency_config, _named),
    "Invoke": Handler(invoking.invoke, _invoked, "lambda:InvokeFunction"),
    "ListAliases": Handler(aliases.list_aliases, _named),
    "ListFunctionEventInvokeConfigs": Handler(retrying.list_function_event_invoke_configs, _named),
    "ListFunctions": Handler(reading.list_functions, _everything),
    "ListLayerVersions": Handler(layers.list_layer_versions, _layer),
    "ListLayers": Handler(layers.list_layers, _everything),
    "ListProvisionedConcurrencyConfigs": Handler(provisioning.list_provisioned_concurrency_configs, _named),
    "ListTags": Handler(attributes.list_tags, _tagged),
    "ListVersionsByFunction": Handler(versions.list_versions_by_function, _named),
    "PublishLayerVersion": Handler(layers.publish_layer_version, _layer),
    "PublishVersion": Handler(versions.publish_version, _named),
    "PutFunctionConcurrency": Handler(attributes.put_function_concurrency, _named),
    "PutFunctionEventInvokeConfig": Handler(retrying.put_function_event_invoke_config, _named),
    "PutProvisionedConcurrencyConfig": Handler(provisioning.put_provisioned_concurrency_config, _named),
    "RemoveLayerVersionPermission": Handler(layer_permissions.remove_layer_version_permission, _layer),
    "RemovePermission": Handler(permissions.remove_permission, _named),
    "TagResource": Handler(attributes.tag_resource, _tagged),
    "UntagResource": Handler(attributes.untag_resource, _tagged),
    "UpdateAlias": Handler(aliases.update_alias, _named),
    "UpdateFunctionCode": Handler(lifecycle.update_function_code, _named),
    "UpdateFunctionConfiguration": Handler(lifecycle.update_function_configuration, _with_role),
    "UpdateFunctionEventInvokeConfig": Handler(retrying.update_function_event_invoke_config, _named),
}

_CODE_SIGNING = "code signing is not offered: packages are identified by their SHA-256"
DECLINED = (
    ("*DurableExecution*", "durable executions need a workflow store, which this service does not have"),
    ("*EventSourceMapping*", "functions are invoked by GET requests and by Invoke, not by queues or streams"),
    ("*FunctionUrlConfig*", "function URLs are not offered: use Invoke"),
    ("[!G]*CodeSigning*", _CODE_SIGNING),
    ("GetCodeSigningConfig", _CODE_SIGNING),
    ("*CapacityProvider*", "capacity is what this machine has"),
    ("*ScalingConfig", "scaling is set in the server's configuration"),
    ("*RecursionConfig", "loops of functions are not looked for"),
    ("*RuntimeManagementConfig", "runtimes are those of this machine"),
    ("*ResourcePolicy", "use AddPermission, RemovePermission and GetPolicy"),
    ("InvokeAsync", "it is deprecated: use Invoke with the invocation type Event"),
    ("InvokeWithResponseStream", "answers are given whole: use Invoke"),
)
"""Why other operations are not served, by patterns of their names."""
