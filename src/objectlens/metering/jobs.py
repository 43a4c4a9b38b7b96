"""Labels of jobs: what callers say their requests are for."""

from __future__ import annotations

import re

from objectlens.errors import InvalidArgument

_LABEL = re.compile(r"[A-Za-z0-9_.:/=+,@-]{1,128}")


def job_of(header: str | None, session_name: str) -> str:
    """Return the label of a request: what `x-objectlens-job` says, else the name of the caller's session, if any.

    Raises `InvalidArgument` for what is no label.
    """
    if header is None:
        # STS allows up to 64 of the same letters (AssumeRole, RoleSessionName).
        return session_name if session_name and _LABEL.fullmatch(session_name) else ""
    if not _LABEL.fullmatch(header):
        raise InvalidArgument(
            "The job's label must have 1 to 128 characters, of letters, digits and _.:/=+,@-",
            ArgumentName="x-objectlens-job",
        )
    return header
