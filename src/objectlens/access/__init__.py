"""Who is calling, and may they.

What flows through: a request comes in, a `Caller` goes out (`authenticate`); a caller, an action, a resource and its
policies come in, and a pass or `AccessDenied` goes out (`authorize`). Everything is denied unless a policy allows it.
Temporary credentials are made here too (`sessions`). It does not read bodies and does not know what a request means.
"""

from __future__ import annotations

from objectlens.access.acls import OBJECT_ACL
from objectlens.access.dialects import in_dialect
from objectlens.access.door import Access
from objectlens.access.layers import Elsewhere
from objectlens.access.principals import Principals
from objectlens.access.sessions import Sessions
from objectlens.access.values import Caller, Session, Signature
from objectlens.sigv4 import Credentials

__all__ = [
    "OBJECT_ACL",
    "Access",
    "Caller",
    "Credentials",
    "Elsewhere",
    "Principals",
    "Session",
    "Sessions",
    "Signature",
    "in_dialect",
]
