"""The life of an environment: which event is allowed when. What is not in the table is denied."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where an environment stands.

    `STARTING`: the process runs and has not yet asked for work. `READY`: it waits for an invocation. `BUSY`: it has
    one. `ANSWERED`: it gave its answer and has not asked again. `DEAD`: it will never take work again.
    """

    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    ANSWERED = "answered"
    DEAD = "dead"


class Event(Enum):
    """What happens to an environment."""

    POLL = "asks for the next invocation"
    DISPATCH = "is given an invocation"
    ANSWER = "answers"
    INIT_ERROR = "reports an initialisation error"
    END = "ends"


class Forbidden(Exception):
    """An event that is not allowed in this state."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"an environment that is {state.value} may not be one that {event.value}")
        self.state = state
        self.event = event


_TABLE = {
    (State.STARTING, Event.POLL): State.READY,
    (State.STARTING, Event.INIT_ERROR): State.DEAD,
    (State.READY, Event.DISPATCH): State.BUSY,
    (State.BUSY, Event.ANSWER): State.ANSWERED,
    (State.ANSWERED, Event.POLL): State.READY,
    (State.STARTING, Event.END): State.DEAD,
    (State.READY, Event.END): State.DEAD,
    (State.BUSY, Event.END): State.DEAD,
    (State.ANSWERED, Event.END): State.DEAD,
    (State.DEAD, Event.END): State.DEAD,
}


def after(state: State, event: Event) -> State:
    """Return the state that follows; raises `Forbidden` for all that the table does not name."""
    try:
        return _TABLE[state, event]
    except KeyError:
        raise Forbidden(state, event) from None
