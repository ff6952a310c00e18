"""Work in few threads: every piece gets its own result, and what waits goes along together."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mingzhang.kit.crew import Crew


async def test_every_piece_gets_its_own_result_or_error() -> None:
    def halve(number: int) -> int:
        if number % 2:
            raise ValueError(number)
        return number // 2

    crew = Crew(halve, 2, "halves")
    made = await asyncio.gather(*(crew.make(number) for number in range(100)), return_exceptions=True)
    for number, result in enumerate(made):
        if number % 2:
            assert isinstance(result, ValueError)
            assert result.args == (number,)
        else:
            assert result == number // 2
    crew.close()


async def test_what_waits_meanwhile_goes_along_and_who_left_is_not_missed() -> None:
    begin, threads = threading.Event(), []

    def work(piece: int) -> int:
        begin.wait(30)
        threads.append(threading.current_thread().name)
        return piece

    crew = Crew(work, 1, "alone")
    asked = [asyncio.ensure_future(crew.make(piece)) for piece in range(40)]
    await asyncio.sleep(0)
    asked[0].cancel()
    asked[30].cancel()
    await asyncio.sleep(0)
    begin.set()
    made = await asyncio.gather(*asked, return_exceptions=True)
    assert [piece for piece, result in enumerate(made) if result != piece] == [0, 30]
    assert len(set(threads)) == 1
    crew.close()


async def test_closing_cancels_what_waits() -> None:
    begin = threading.Event()
    crew = Crew(lambda piece: begin.wait(30) and piece, 1, "closing")
    first, second = (asyncio.ensure_future(crew.make(piece)) for piece in (1, 2))
    await asyncio.sleep(0)
    crew.close()
    begin.set()
    assert await first == 1
    with pytest.raises(asyncio.CancelledError):
        await second
