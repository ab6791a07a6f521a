"""Coroutines that are driven without tasks end as those in tasks do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from local.endpoints.prompt import Prompt, Waiter


def outcome(coroutine: Any, *steps: Any) -> tuple[Any, Exception | None]:
    """Drive the coroutine, do the steps in turns of the loop; what it came to."""

    async def main() -> tuple[Any, Exception | None]:
        ended: asyncio.Future[tuple[Any, Exception | None]] = asyncio.get_running_loop().create_future()
        Prompt(coroutine, lambda result, error: ended.set_result((result, error)))
        for step in steps:
            step()
        return await asyncio.wait_for(ended, 5)

    return asyncio.run(main())


async def returned(value: int) -> int:
    return value


def test_a_coroutine_that_waits_for_nothing_ends_at_once() -> None:
    ended: list[Any] = []
    Prompt(returned(7), lambda *found: ended.append(found))
    assert ended == [(7, None)]


def test_it_waits_for_futures_and_for_the_clock() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.01, future.set_result, 5)
        await asyncio.wait([future], timeout=5)
        return await future + await returned(2)

    assert outcome(work()) == (7, None)


def test_an_exception_is_its_end() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise ValueError("so it goes")

    result, error = outcome(work())
    assert result is None
    assert isinstance(error, ValueError)
    with pytest.raises(ValueError, match="so it goes"):
        raise error


def test_what_is_closed_goes_on_no_more() -> None:
    async def main() -> list[str]:
        waiter: Waiter[int] = Waiter()
        seen: list[str] = []

        async def work() -> None:
            try:
                await waiter
                seen.append("went on")
            finally:
                seen.append("closed")

        prompt = Prompt(work(), lambda *_: seen.append("done"))
        prompt.close()
        waiter.set_result(7)
        waiter.settled()
        return seen

    assert asyncio.run(main()) == ["closed"]


@pytest.mark.parametrize("wrong", [False, True])
def test_it_goes_on_within_the_call_that_settles(wrong: bool) -> None:
    async def main() -> list[Any]:
        waiter: Waiter[int] = Waiter()
        ended: list[Any] = []

        async def work() -> int:
            try:
                return await waiter
            except KeyError:
                return -1

        Prompt(work(), lambda *found: ended.append(found))
        assert not ended
        if wrong:
            waiter.set_exception(KeyError())
        else:
            waiter.set_result(7)
        waiter.settled()
        return ended

    assert asyncio.run(main()) == [(-1 if wrong else 7, None)]


def test_a_waiter_is_a_future_to_tasks() -> None:
    async def main() -> int:
        waiter: Waiter[int] = Waiter()
        task = asyncio.create_task(asyncio.wait_for(waiter, 5))
        await asyncio.sleep(0)
        waiter.set_result(7)
        waiter.settled()
        return await task

    assert asyncio.run(main()) == 7
