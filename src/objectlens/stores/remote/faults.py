"""What stores elsewhere refuse, in words that name the store, the cause and the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore import exceptions as aws
from obstore import exceptions as obs

from objectlens.stores.protocols import StoreDenied, StoreLacks, StoreUnreachable

_DENIED: Final = frozenset(
    {
        "AccessDenied", "AllAccessDisabled", "AuthorizationHeaderMalformed", "ExpiredToken", "Forbidden",
        "InvalidAccessKeyId", "InvalidSecurity", "InvalidToken", "SignatureDoesNotMatch", "TokenRefreshRequired",
        "UnauthorizedAccess", "401", "403",
    }
)  # fmt: skip
_BUSY: Final = frozenset(
    {"SlowDown", "ServiceUnavailable", "RequestTimeout", "InternalError", "503", "500", "502", "504"}
)
_REMEDIES: Final = {
    "InvalidAccessKeyId": "the store does not know the key: see which profile or environment the server has",
    "SignatureDoesNotMatch": "the secret does not belong to the key, or a proxy changed the request",
    "ExpiredToken": "renew the credentials",
    "AuthorizationHeaderMalformed": "the bucket is in another region: set region= in the store's URL",
    "PermanentRedirect": "the bucket is in another region, or its endpoint is another: set region= or endpoint=",
    "IllegalLocationConstraintException": "the bucket is in another region: set region= in the store's URL",
    "NoSuchBucket": "there is no such bucket: see its name, and make it first",
}
# Obstore has no codes: this is how its errors begin that are about what it was given, not about the store. What a store
# answered when asked for a list is told by a status in the text, whatever it was.
_BLOB_REMEDIES: Final = {
    "Generic MicrosoftAzure error: Account must be specified": (
        "add account=NAME to the store's URL, or set AZURE_STORAGE_ACCOUNT_NAME for the server"
    ),
    "Generic MicrosoftAzure error: Invalid Access Key": "AZURE_STORAGE_ACCOUNT_KEY is no key of Azure's: copy it anew",
}
_STATUS = re.compile(r"status code: ([0-9]{3}) ")
_ELSEWHERE = "see the store's own log, and whether it can be reached from this machine"


@contextmanager
def told(doing: str, store: str) -> Iterator[None]:
    """Turn the errors of botocore and obstore into ours. `doing` names the operation and the key."""
    try:
        yield
    except aws.ClientError as error:
        raise refused(doing, store, error) from error
    except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError) as error:
        raise StoreDenied(
            f"cannot {doing} at {store}: the server has no credentials for it ({_brief(error)}); name a profile in the "
            "store's URL (?profile=NAME), set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the server's environment, "
            "or give the machine a role; for a public bucket add anonymous=true"
        ) from error
    except aws.ProfileNotFound as error:
        raise StoreDenied(
            f"cannot {doing} at {store}: {_brief(error)} in the server's AWS configuration files; make it, or set "
            "AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE for the server"
        ) from error
    except (aws.BotoCoreError, aws.HTTPClientError) as error:
        raise StoreUnreachable(f"cannot {doing} at {store}: {_brief(error)}; {_ELSEWHERE}") from error
    except (obs.PermissionDeniedError, obs.UnauthenticatedError) as error:
        raise _refused_by_blobs(doing, store, error) from error
    except obs.NotSupportedError as error:
        raise StoreLacks(f"cannot {doing} at {store}: the store cannot do that ({_cause(error)})") from error
    except obs.BaseError as error:
        cause = _cause(error)
        status = found[1] if (found := _STATUS.search(cause)) else ""
        if status in _DENIED:
            raise _refused_by_blobs(doing, store, error) from error
        remedies = (remedy for begin, remedy in _BLOB_REMEDIES.items() if cause.startswith(begin))
        remedy = next(remedies, _REMEDIES["NoSuchBucket"] if status == "404" else _ELSEWHERE)
        raise StoreUnreachable(f"cannot {doing} at {store}: {cause}; {remedy}") from error


def _refused_by_blobs(doing: str, store: str, error: obs.BaseError) -> StoreDenied:
    return StoreDenied(
        f"cannot {doing} at {store}: the store refuses the server's credentials ({_cause(error)}); see those in the "
        "server's environment, and what they may do"
    )


def refused(doing: str, store: str, error: aws.ClientError) -> StoreDenied | StoreLacks | StoreUnreachable:
    """Return our error for an answer of S3's that is not one of those that operations expect."""
    code, message = code_of(error), error.response.get("Error", {}).get("Message", "")
    text = f"cannot {doing} at {store}: {code}" + (f" ({message})" if message and message != code else "")
    remedy = _REMEDIES.get(code)
    if code in _DENIED:
        return StoreDenied(f"{text}; {remedy or 'see what the credentials of the server may do there'}")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status == 501 or (400 <= status < 500 and code not in _BUSY and code not in _REMEDIES):
        return StoreLacks(f"{text}; the store cannot do or keep that")
    return StoreUnreachable(f"{text}; {remedy or _ELSEWHERE}")


def code_of(error: aws.ClientError) -> str:
    """Return S3's name for an error; HEAD has only the status."""
    return str(error.response.get("Error", {}).get("Code") or error.response["ResponseMetadata"]["HTTPStatusCode"])


def _brief(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def _cause(error: Exception) -> str:
    """Return what an error of obstore says first; what follows are its inner parts, once more."""
    return str(error).partition("\n")[0].rstrip(".")[:500]
