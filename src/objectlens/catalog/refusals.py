"""What the catalog refuses. Rooms above turn these into the error of the API that was called."""

from __future__ import annotations


class Refusal(Exception):
    """A change that the catalog did not make; the message names the thing and the reason."""


class AlreadyExists(Refusal):
    """Something has that name already. `holder` says what kind of thing, in words."""

    def __init__(self, message: str, holder: str) -> None:
        super().__init__(message)
        self.holder = holder


class NotFound(Refusal):
    """The thing to change, or one that it would belong to, does not exist."""


class InUse(Refusal):
    """Something else still depends on the thing to delete."""
