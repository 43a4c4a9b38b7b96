"""The policy language: documents, matching, conditions, and decisions with their reason.

What flows through: the text of a policy comes in, a `Policy` or a `PolicyError` that names the faulty element goes out
(`parse`). A `Request` and the `Policies` that bear on it come in, a `Decision` with the statements behind it goes out
(`evaluate`). Pure: no I/O; it knows neither callers nor catalogs, and what a resource's owner is must be told to it.
"""

from __future__ import annotations

from objectlens.iam.cache import PolicyCache
from objectlens.iam.conditions import Condition
from objectlens.iam.documents import Policy, foreign_action, parse
from objectlens.iam.evaluate import Attached, Decision, Match, Policies, Reason, Request, Source, evaluate
from objectlens.iam.principals import Named, Principal
from objectlens.iam.public import is_public
from objectlens.iam.statements import Kind, PolicyError, Statement
from objectlens.iam.tokens import Context

__all__ = [
    "Attached",
    "Condition",
    "Context",
    "Decision",
    "Kind",
    "Match",
    "Named",
    "Policies",
    "Policy",
    "PolicyCache",
    "PolicyError",
    "Principal",
    "Reason",
    "Request",
    "Source",
    "Statement",
    "evaluate",
    "foreign_action",
    "is_public",
    "parse",
]
