"""The templates of the function host: which there are, and for how long."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from objectlens.functions.isolation import Confinement
from objectlens.functions.orders import Order
from objectlens.functions.owned import surely
from objectlens.functions.template import MOLD, Template
from objectlens.functions.watchman import Watchman


class KilledError(ConnectionError):
    """A template was killed before it told whether it can be forked: another may tell."""


Opened = Callable[[int, Sequence[socket.socket]], None]
"""Called with a template's number and the sockets at which its sandbox, which has no network, reaches the service."""


@dataclass(slots=True, eq=False)
class _Entry:
    """What was asked for under a key: `opening` gives its template, which may be one that cannot be forked."""

    key: str
    number: int
    opening: asyncio.Task[Template]
    used_at: float
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)


class Templates:
    """Templates by keys, which gateway processes choose: one for what can be forked from one process.

    `capacity` bounds them; one that was not used for `idle_seconds`, or made its module's clients with credentials that
    are older than `age_seconds`, ends when its forks have. `announce` is called with `forgotten` and the number of each
    that is not to be had any more, and with `closed` when it has ended. `script` returns the script that an interpreter
    runs for a template.
    """

    def __init__(
        self,
        *,
        capacity: int,
        idle_seconds: float,
        age_seconds: float,
        confine: Callable[[Order], Confinement],
        watchman: Watchman,
        announce: Callable[[str, int], None],
        script: Callable[[str], str] = lambda _: MOLD,
    ) -> None:
        self._capacity = capacity
        self._idle_seconds = idle_seconds
        self._age_seconds = age_seconds
        self._confine = confine
        self._watchman = watchman
        self._announce = announce
        self._script = script
        self._entries: dict[str, _Entry] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._number = 0

    async def open(self, key: str, order: Order, limit: float, output: int, opened: Opened) -> tuple[int, str | None]:
        """See that there is a template; returns its number, and why it cannot be forked, None when it can.

        `output` is where its imports print, and is closed. `opened` is called before they end. Raises `TimeoutError`
        when they take more than `limit` seconds, `ConnectionError` when it was dismissed or killed meanwhile.
        """
        entry = self._entries.get(key)
        is_new = entry is None
        if entry is None:
            entry = self._enter(key, order, limit, output, opened)
        else:
            os.close(output)
        self._touch(entry)
        try:
            template = await asyncio.shield(entry.opening)
        except asyncio.CancelledError:
            if entry.opening.cancelled():
                raise ConnectionError("the template was dismissed") from None
            raise
        except Exception:
            self._dismiss(entry)
            raise
        if not is_new and template.doors is not None and template.refused is None:
            opened(entry.number, template.doors.service)
        return entry.number, template.refused

    def find(self, key: str) -> Template:
        """Return the template of a key; raises `ConnectionError` when there is none."""
        entry = self._entries.get(key)
        if entry is None or not entry.opening.done() or entry.opening.exception() or not entry.opening.result().alive:
            raise ConnectionError("the template has ended")
        self._touch(entry)
        return entry.opening.result()

    def retire(self, key: str) -> None:
        """End the template of a key when its forks have ended."""
        if entry := self._entries.get(key):
            self._dismiss(entry)

    async def close(self) -> None:
        """End all templates and what they forked; returns when no process is left."""
        for entry in tuple(self._entries.values()):
            self._dismiss(entry)
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _enter(self, key: str, order: Order, limit: float, output: int, opened: Opened) -> _Entry:
        while self._entries and len(self._entries) >= self._capacity:
            self._dismiss(min(self._entries.values(), key=lambda one: one.used_at))
        self._number += 1
        loop = asyncio.get_running_loop()
        opening = loop.create_task(self._start(self._number, order, limit, output, opened))
        entry = self._entries[key] = _Entry(key, self._number, opening, loop.time())
        opening.add_done_callback(lambda _: self._opened(entry))
        return entry

    def _opened(self, entry: _Entry) -> None:
        if self._entries.get(entry.key) is not entry or entry.opening.cancelled() or entry.opening.exception():
            return
        entry.timers["age"] = asyncio.get_running_loop().call_later(self._age_seconds, self._dismiss, entry)
        template = entry.opening.result()
        if template.refused is None:
            template.on_end = lambda: self._dismiss(entry)
            if not template.alive:
                self._dismiss(entry)

    def _touch(self, entry: _Entry) -> None:
        loop = asyncio.get_running_loop()
        entry.used_at = loop.time()
        if timer := entry.timers.pop("idle", None):
            timer.cancel()
        if self._entries.get(entry.key) is entry:
            entry.timers["idle"] = loop.call_later(self._idle_seconds, self._dismiss, entry)

    def _dismiss(self, entry: _Entry) -> None:
        if self._entries.get(entry.key) is not entry:
            return
        del self._entries[entry.key]
        for timer in entry.timers.values():
            timer.cancel()
        self._announce("forgotten", entry.number)
        task = asyncio.get_running_loop().create_task(self._end(entry))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, number: int, order: Order, limit: float, output: int, opened: Opened) -> Template:
        template: Template | None = None
        try:
            confinement = self._confine(order)
            template = Template(self._watchman, confinement, self._script(order.python))
            template.on_open = partial(opened, number)
            if await _begin(template, order, confinement, limit, output):
                return template
        except (TimeoutError, asyncio.CancelledError, KilledError):
            if template is not None:
                await surely(self._close(number, template))
            raise
        finally:
            os.close(output)
        await surely(self._close(number, template))
        return template

    async def _end(self, entry: _Entry) -> None:
        opening = entry.opening
        opening.cancel()
        await asyncio.wait([opening])
        template = None if opening.cancelled() or opening.exception() else opening.result()
        if template is None or template.refused is not None:
            return
        while template.forks:
            await asyncio.wait([process.ended for process in template.forks.values()])
        await self._close(entry.number, template)

    async def _close(self, number: int, template: Template) -> None:
        await template.close()
        self._announce("closed", number)


async def _begin(template: Template, order: Order, confinement: Confinement, limit: float, output: int) -> bool:
    """Start a template; returns whether it can be forked, else it tells why. Raises `TimeoutError`, `KilledError`."""
    variables, marker = order.variables_in(confinement), order.marker
    try:
        confinement.make_temporary()
        if await template.start(order.python, variables, order.task_root, output=output, marker=marker, limit=limit):
            return True
    except TimeoutError:
        raise
    except OSError as error:
        template.refused = str(error)
    if await template.killed():
        raise KilledError("the template was killed while it was started")
    return False
