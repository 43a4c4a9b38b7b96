"""Here or elsewhere: one `Executor` made of two."""

from __future__ import annotations

from objectlens.catalog.entities import Function
from objectlens.functions.values import Executor, Invocation, Outcome


class Dispatch:
    """Gives functions of ours to `here` and the others to `elsewhere`; see `values.Executor` for its methods."""

    def __init__(self, here: Executor, elsewhere: Executor) -> None:
        self._here = here
        self._elsewhere = elsewhere

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run the function once."""
        executor = self._here if invocation.remote is None else self._elsewhere
        return await executor.invoke(invocation)

    async def retire(self, function: Function) -> None:
        """Let the environments of this version end when they are idle."""
        await self._here.retire(function)

    async def close(self) -> None:
        """Stop both."""
        await self._here.close()
        await self._elsewhere.close()
