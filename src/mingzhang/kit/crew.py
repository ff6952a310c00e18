"""A few threads for work that leaves the interpreter alone (signing): whatever waits goes along in one errand.

An errand to a thread and back costs as much as a third of a signature. While all threads are out, work gathers; the
next free thread takes its share of it. One idle thread takes a single piece at once, so nobody waits for company.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Generic, TypeVar

ERRAND_MAX: Final = 16
Piece = TypeVar("Piece")
Made = TypeVar("Made")


class Crew(Generic[Piece, Made]):
    """`await crew.make(piece)` gives `work(piece)` from a thread, or raises what it raised."""

    def __init__(self, work: Callable[[Piece], Made], threads: int, name: str) -> None:
        self._work = work
        self._free = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._waiting: deque[tuple[Piece, asyncio.Future[Made]]] = deque()

    async def make(self, piece: Piece) -> Made:
        """Wait for a thread's work on one piece."""
        made: asyncio.Future[Made] = asyncio.get_running_loop().create_future()
        self._waiting.append((piece, made))
        self._send()
        return await made

    def close(self) -> None:
        """End the threads; what waits is cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        while self._waiting:
            self._waiting.popleft()[1].cancel()

    def _send(self) -> None:
        while self._waiting and self._free:
            share = min(-(-len(self._waiting) // self._free), ERRAND_MAX)
            batch = [self._waiting.popleft() for _ in range(share)]
            self._free -= 1
            errand = asyncio.get_running_loop().run_in_executor(
                self._threads, self._do, [piece for piece, _ in batch]
            )
            errand.add_done_callback(partial(self._back, [made for _, made in batch]))

    def _do(self, pieces: list[Piece]) -> list[Made | Exception]:
        return [self._one(piece) for piece in pieces]

    def _one(self, piece: Piece) -> Made | Exception:
        try:
            return self._work(piece)
        except Exception as error:  # noqa: BLE001 - it is raised to whoever brought the piece
            return error

    def _back(
        self, waiting: list[asyncio.Future[Made]], errand: asyncio.Future[list[Made | Exception]]
    ) -> None:
        self._free += 1
        if errand.cancelled():
            for made in waiting:
                made.cancel()
            return
        for made, result in zip(waiting, errand.result(), strict=True):
            if made.done():  # whoever asked was cancelled
                continue
            if isinstance(result, Exception):
                made.set_exception(result)
            else:
                made.set_result(result)
        self._send()
