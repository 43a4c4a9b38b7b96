"""Who is calling, and may they.

What flows through: a request comes in, a `Caller` goes out (`authenticate`); a caller, an action, a resource and its
policies come in, and a pass or `AccessDenied` goes out (`authorize`). Everything is denied unless a policy allows it.
"""

from __future__ import annotations

from objectlens.access.values import Caller, Session, Signature

__all__ = ["Caller", "Session", "Signature"]
