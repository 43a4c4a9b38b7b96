"""Concurrency limits: what is refused at once instead of waiting (reference section 14.7)."""

from __future__ import annotations

from collections.abc import Mapping

from objectlens.catalog.entities import Function
from objectlens.errors import TooManyRequestsException


class Throttle:
    """Counts the invocations in work, waiting ones included: those of a function, and those that share what is left.

    `limit` is that of each account. `reserved` is how much of it is set aside, by account, for the functions that have
    reserved concurrency; the others share the rest.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.reserved: Mapping[str, int] = {}
        self.running: dict[str, int] = {}

    def check(self, function: Function, *, patient: bool = False) -> None:
        """Return when one more may be in work; raises `TooManyRequestsException`.

        One that is `patient` must leave the last place to another, where there are two.
        """
        left = 1 if patient else 0
        if (own := function.reserved_concurrency) is not None:
            if self.running.get(_name(function), 0) >= max(min(1, own), own - left):
                raise throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
        elif self.running.get(function.account, 0) >= self._shared(function.account) - left:
            raise throttled("ConcurrentInvocationLimitExceeded")

    def _shared(self, account: str) -> int:
        # Reservations may be older than a limit that was lowered; they must not stop all other functions.
        return max(self._limit // 10, self._limit - self.reserved.get(account, 0))

    def count(self, function: Function, change: int) -> None:
        """Take note that so many more are in work."""
        # What has a reservation is counted by its name, the rest by their account: no name looks like an account.
        names = [_name(function)]
        if function.reserved_concurrency is None:
            names.append(function.account)
        for name in names:
            count = self.running.get(name, 0) + change
            if count:
                self.running[name] = count
            else:
                self.running.pop(name, None)


def throttled(reason: str) -> TooManyRequestsException:
    """Return the refusal with AWS's word for its reason."""
    return TooManyRequestsException(headers={"Retry-After": "1"}, Reason=reason)


def _name(function: Function) -> str:
    return f"{function.account}:{function.name}"
