"""STS: who am I, and temporary credentials."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from objectlens.access import Caller, Credentials
from objectlens.access.managed import AWS_MANAGED
from objectlens.arn import Arn
from objectlens.catalog.entities import Role
from objectlens.control.identity.attached import own
from objectlens.control.identity.context import Identity, Result
from objectlens.control.identity.documents import checked, size
from objectlens.control.protocol import Handler, Permission, Request
from objectlens.errors import AccessDenied, NoSuchEntity, PackedPolicyTooLarge, ValidationError

# AWS allows 2,048 characters; managed policies named in PolicyArns come on top of that there.
_POLICY_LIMIT = 8192
_CHAINED = 3600
_OF_ROOT = 3600
_DEFAULT_SESSION = 43_200


async def get_caller_identity(_identity: Identity, request: Request) -> Result:
    """GetCallerIdentity, which needs no permission."""
    caller = request.caller
    return {"UserId": caller.principal_id, "Account": caller.account, "Arn": caller.arn}


async def assume_role(identity: Identity, request: Request) -> Result:
    """AssumeRole: the trust policy must allow, and what it leaves to the account, the caller's own policies too.

    Unlike on AWS, root may assume roles whose trust policy names the account: a small installation may have no users.
    """
    params, caller = request.params, request.caller
    role = await _role(identity, params["RoleArn"], caller)
    session_tags = {f"aws:PrincipalTag/{tag['Key']}": tag["Value"] for tag in params.get("Tags", ())}
    keys = _keys(params)
    await identity.access.authorize(caller, "sts:AssumeRole", role, context=keys, http=request.http)
    if session_tags:
        await identity.access.authorize(caller, "sts:TagSession", role, context=keys, http=request.http)
    seconds = _role_lifetime(params.get("DurationSeconds", 3600), role, caller)
    attributes = session_tags | _kept(keys)
    policy = await _session_policy(identity, params)
    made = identity.access.sessions.assume(
        role, params["RoleSessionName"], timedelta(seconds=seconds), policy, attributes=attributes
    )
    user = {
        "AssumedRoleId": f"{role.role_id}:{params['RoleSessionName']}",
        "Arn": f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{params['RoleSessionName']}",
    }
    result: dict[str, Any] = {"Credentials": _shown(made), "AssumedRoleUser": user}
    if policy is not None:
        result["PackedPolicySize"] = min(100, size(policy) * 100 // _POLICY_LIMIT)
    if "SourceIdentity" in params:
        result["SourceIdentity"] = params["SourceIdentity"]
    return result


async def _role(identity: Identity, arn: str, caller: Caller) -> Role:
    """Return the role of an ARN; one that does not exist is refused as one that the caller may not assume."""
    denied = AccessDenied(f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}")
    try:
        name = Arn.parse(arn).resource.rpartition("/")[2]
    except ValueError:
        raise ValidationError(f"{arn} is invalid") from None
    role = await identity.catalog.roles.get(identity.account, name)
    if role is None or role.arn != arn:
        raise denied
    return role


def _keys(params: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    keys: dict[str, str | tuple[str, ...]] = {"sts:RoleSessionName": params["RoleSessionName"]}
    for name in ("ExternalId", "SourceIdentity"):
        if name in params:
            keys[f"sts:{name}"] = params[name]
    for tag in params.get("Tags", ()):
        keys[f"aws:RequestTag/{tag['Key']}"] = tag["Value"]
    if params.get("Tags"):
        keys["aws:TagKeys"] = tuple(tag["Key"] for tag in params["Tags"])
    return keys


def _kept(keys: Mapping[str, str | tuple[str, ...]]) -> dict[str, str]:
    """Return what stays with the session: who is behind it, as the caller said."""
    source = keys.get("sts:SourceIdentity")
    return {"aws:SourceIdentity": source} if isinstance(source, str) else {}


def _role_lifetime(seconds: int, role: Role, caller: Caller) -> int:
    if seconds > role.max_session:
        raise ValidationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    if caller.session is not None and seconds > _CHAINED:
        raise ValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    return seconds


async def _session_policy(identity: Identity, params: Mapping[str, Any]) -> str | None:
    """Return one policy made of all that narrow the session, None when nothing does."""
    documents = [params["Policy"]] if "Policy" in params else []
    for each in params.get("PolicyArns", ()):
        documents.append(await _managed(identity, each["arn"]))  # noqa: PERF401  (each look-up waits)
    if not documents:
        return None
    policy = documents[0] if len(documents) == 1 else _merged([checked(one, "identity") for one in documents])
    if size(policy) > _POLICY_LIMIT:
        raise PackedPolicyTooLarge(
            f"The session policies have {size(policy)} characters; {_POLICY_LIMIT} are allowed. Shorten them, or "
            "attach them to the role."
        )
    return checked(policy, "identity")


async def _managed(identity: Identity, arn: str) -> str:
    if arn in AWS_MANAGED:
        return AWS_MANAGED[arn]
    _, found = await identity.catalog.read(lambda shelves: own(shelves, arn))
    if found is None:
        raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")
    return found.document


def _merged(documents: Sequence[str]) -> str:
    statements: list[Any] = []
    for document in documents:
        found = json.loads(document)["Statement"]
        # Names are unique within one document only.
        statements += [
            {name: value for name, value in one.items() if name != "Sid"}
            for one in (found if isinstance(found, list) else [found])
        ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


async def get_session_token(identity: Identity, request: Request) -> Result:
    """GetSessionToken: the same user, for a while. There are no MFA devices."""
    caller, params = request.caller, request.params
    if caller.session is not None or identity.access.sessions.made_here(caller.access_key_id) is not None:
        raise AccessDenied("Cannot call GetSessionToken with session credentials")
    if "SerialNumber" in params or "TokenCode" in params:
        raise AccessDenied("MultiFactorAuthentication failed with invalid MFA one time pass code.")
    seconds = params.get("DurationSeconds", _DEFAULT_SESSION)
    if caller.kind == "Root":
        seconds = min(seconds, _OF_ROOT)
    return {"Credentials": _shown(identity.access.sessions.for_user(caller, timedelta(seconds=seconds)))}


async def get_access_key_info(identity: Identity, request: Request) -> Result:
    """GetAccessKeyInfo: which account a key belongs to."""
    key_id = request.params["AccessKeyId"]
    if key_id == request.caller.access_key_id or identity.access.sessions.made_here(key_id) is not None:
        return {"Account": identity.account}
    key = await identity.catalog.access_keys.get(key_id)
    if key is None:
        raise ValidationError(f"The access key {key_id} is none that this service has given out.")
    return {"Account": key.account}


def _shown(made: Credentials) -> dict[str, Any]:
    return {
        "AccessKeyId": made.access_key_id,
        "SecretAccessKey": made.secret_access_key,
        "SessionToken": made.session_token,
        "Expiration": made.expires,
    }


async def _nothing(_identity: Identity, _request: Request) -> Sequence[Permission]:
    """Every authenticated caller may; AssumeRole asks the role itself, once it has found it."""
    return ()


async def _info(_identity: Identity, _request: Request) -> Sequence[Permission]:
    return (Permission(action="sts:GetAccessKeyInfo", resource="*"),)


HANDLERS: dict[str, Handler[Identity]] = {
    "GetCallerIdentity": Handler(get_caller_identity, _nothing),
    "AssumeRole": Handler(assume_role, _nothing),
    "GetSessionToken": Handler(get_session_token, _nothing),
    "GetAccessKeyInfo": Handler(get_access_key_info, _info),
}
