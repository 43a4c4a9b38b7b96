"""The life of a token: the table of `rendezvous`, row by row."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from objectlens.errors import IncompleteBody, ValidationError
from objectlens.objectlambda.rendezvous import WINDOW, AnswerStream, BrokenAnswer, ClientGone, Rendezvous, Route, State
from objectlens.s3.forwarded import ForwardedResponse


async def stream(*chunks: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk
    await asyncio.sleep(0)
    if error is not None:
        raise error


async def at_once(*chunks: bytes, error: BaseException | None = None) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if error is not None:
        raise error


def forwarded(route: Route) -> ForwardedResponse:
    return ForwardedResponse(route=route.name, token=route.token)


def run(test: Callable[[Rendezvous], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(10):
            rendezvous = Rendezvous("io-1")
            await test(rendezvous)
            assert len(rendezvous) == 0

    asyncio.run(main())


def test_a_small_answer_comes_whole() -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        await rendezvous.find("io-1", route.token).deliver(forwarded(route), stream(b"abc"), 3)
        answer = await route.answer
        assert (answer.body, answer.length) == (b"abc", 3)
        assert route.state is State.DONE
        route.close()

    run(test)


def test_a_body_of_unknown_length_is_streamed() -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        delivery = asyncio.create_task(route.deliver(forwarded(route), stream(b"a", b"b", b"c"), None))
        answer = await route.answer
        assert isinstance(answer.body, AnswerStream)
        assert [chunk async for chunk in answer.body] == [b"a", b"b", b"c"]
        await delivery

    run(test)


def test_an_empty_answer_of_unknown_length() -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        delivery = asyncio.create_task(route.deliver(forwarded(route), stream(), None))
        answer = await route.answer
        assert b"".join([chunk async for chunk in answer.body]) == b""
        await delivery

    run(test)


def test_a_slow_client_slows_the_function_down() -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        taken = 0

        async def body() -> AsyncIterator[bytes]:
            nonlocal taken
            for _ in range(64):
                taken += 1
                yield b"x" * (WINDOW // 4)

        delivery = asyncio.create_task(route.deliver(forwarded(route), body(), None))
        answer = await route.answer
        await asyncio.sleep(0.05)
        assert taken <= 6
        assert sum([len(chunk) async for chunk in answer.body]) == 64 * WINDOW // 4
        await delivery

    run(test)


def test_a_second_answer_is_refused() -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        await route.deliver(forwarded(route), stream(b"abc"), 3)
        with pytest.raises(ValidationError, match="used already"):
            await rendezvous.find("io-1", route.token).deliver(forwarded(route), stream(b"xyz"), 3)
        assert (await route.answer).body == b"abc"
        route.close()
        with pytest.raises(ValidationError, match="unknown"):
            rendezvous.find("io-1", route.token)

    run(test)


@pytest.mark.parametrize(("name", "token"), [("io-1", "guess"), ("io-2", None), ("", ""), ("io-1", "\udcff")])
def test_unknown_names_and_tokens_are_refused(name: str, token: str | None) -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        with pytest.raises(ValidationError):
            rendezvous.find(name, route.token if token is None else token)
        assert not rendezvous.knows("guess")
        assert rendezvous.knows(route.token)
        route.close()

    run(test)


def test_tokens_are_long_and_never_the_same() -> None:
    async def test(rendezvous: Rendezvous) -> None:
        routes = [rendezvous.open() for _ in range(100)]
        assert len({route.token for route in routes}) == 100
        assert min(len(route.token) for route in routes) >= 64
        for route in routes:
            route.close()

    run(test)


@pytest.mark.parametrize("length", [10, None])
def test_a_body_that_breaks_off_breaks_the_answer(length: int | None) -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        body = stream(b"abc", error=ConnectionError("gone"))
        delivery = asyncio.create_task(route.deliver(forwarded(route), body, length))
        answer = await route.answer
        assert isinstance(answer.body, AnswerStream)
        assert await anext(answer.body) == b"abc"
        with pytest.raises(BrokenAnswer):
            await anext(answer.body)
        with pytest.raises(ConnectionError, match="gone"):
            await delivery
        await answer.body.aclose()
        assert route.state is State.BROKEN

    run(test)


@pytest.mark.parametrize(
    ("chunks", "error", "length"),
    [
        ((), ConnectionError("gone"), 5),
        ((), asyncio.CancelledError(), None),
        ((b"abc",), ValueError("digest"), 3),
        ((b"abc",), None, 5),
        ((b"abcde", b"f"), None, 5),
    ],
)
def test_what_broke_before_its_first_byte_was_passed_on_may_be_sent_again(chunks, error, length) -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        with pytest.raises(IncompleteBody if error is None else type(error)):
            await route.deliver(forwarded(route), at_once(*chunks, error=error), length)
        assert (route.state, route.answer.done()) == (State.OPEN, False)
        await rendezvous.find("io-1", route.token).deliver(forwarded(route), stream(b"whole"), 5)
        assert (await route.answer).body == b"whole"
        route.close()

    run(test)


@pytest.mark.parametrize("length", [10, None])
def test_what_was_cut_before_anybody_looked_may_be_sent_again(length: int | None) -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        for _ in range(3):
            with pytest.raises(ConnectionError, match="gone"):
                await route.deliver(forwarded(route), at_once(b"abc", b"de", error=ConnectionError("gone")), length)
        delivery = asyncio.create_task(route.deliver(forwarded(route), at_once(b"12345", b"67890"), length))
        answer = await route.answer
        assert isinstance(answer.body, AnswerStream)
        assert b"".join([chunk async for chunk in answer.body]) == b"1234567890"
        await delivery

    run(test)


def test_what_breaks_after_the_end_of_the_function_is_an_error() -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        delivery = asyncio.create_task(route.deliver(forwarded(route), stream(error=ConnectionError("gone")), 5))
        await asyncio.sleep(0)
        assert route.answering
        route.take_no_other()
        with pytest.raises(BrokenAnswer):
            await route.answer
        with pytest.raises(ConnectionError, match="gone"):
            await delivery
        with pytest.raises(ValidationError, match="used already"):
            await route.deliver(forwarded(route), stream(b"late"), 4)
        route.close()

    run(test)


def test_the_deadline_also_ends_what_broke_before() -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        with pytest.raises(ConnectionError, match="gone"):
            await route.deliver(forwarded(route), at_once(error=ConnectionError("gone")), 5)
        route.expire()
        with pytest.raises(TimeoutError):
            await route.answer
        with pytest.raises(ValidationError, match="used already"):
            await route.deliver(forwarded(route), stream(b"late"), 4)
        route.close()

    run(test)


def test_a_client_that_left_is_told_to_the_function() -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        delivery = asyncio.create_task(route.deliver(forwarded(route), stream(*[b"x" * WINDOW] * 4), None))
        answer = await route.answer
        assert isinstance(answer.body, AnswerStream)
        await anext(answer.body)
        await answer.body.aclose()
        with pytest.raises(ClientGone):
            await delivery
        assert route.state is State.CLOSED

    run(test)


def test_closing_a_stream_that_was_never_read_frees_the_route() -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        delivery = asyncio.create_task(route.deliver(forwarded(route), stream(b"x", b"y"), None))
        answer = await route.answer
        assert isinstance(answer.body, AnswerStream)
        await answer.body.aclose()
        await asyncio.gather(delivery, return_exceptions=True)

    run(test)


def test_the_deadline_ends_a_route_that_nobody_answered() -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        route.expire()
        with pytest.raises(TimeoutError):
            await route.answer
        with pytest.raises(ValidationError):
            await route.deliver(forwarded(route), stream(b"late"), 4)
        route.close()

    run(test)


def test_the_deadline_cuts_an_answer_under_way() -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()

        async def endless() -> AsyncIterator[bytes]:
            while True:
                await asyncio.sleep(0.01)
                yield b"x"

        delivery = asyncio.create_task(route.deliver(forwarded(route), endless(), None))
        answer = await route.answer
        assert isinstance(answer.body, AnswerStream)
        await anext(answer.body)
        route.expire()
        with pytest.raises(BrokenAnswer):
            [_ async for _ in answer.body]
        with pytest.raises(ClientGone):
            await delivery
        await answer.body.aclose()

    run(test)


def test_callbacks_run_once_also_when_added_late() -> None:
    async def test(rendezvous: Rendezvous) -> None:
        route = rendezvous.open()
        calls: list[str] = []
        route.when_closed(lambda: calls.append("before"))
        route.close()
        route.close()
        route.when_closed(lambda: calls.append("after"))
        assert calls == ["before", "after"]

    run(test)


def test_a_token_is_elsewhere_while_it_is_live_and_was_opened_so():
    async def run():
        rendezvous = Rendezvous("io-1")
        here, elsewhere = rendezvous.open(), rendezvous.open(elsewhere=True)
        assert not rendezvous.is_elsewhere(here.token)
        assert rendezvous.is_elsewhere(elsewhere.token)
        assert not rendezvous.is_elsewhere("made up")
        assert not rendezvous.is_elsewhere("")
        elsewhere.close()
        assert not rendezvous.is_elsewhere(elsewhere.token)
        here.close()

    asyncio.run(run())
