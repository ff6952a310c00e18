"""Processes that share the load, as web processes do: each has its own event loop, pool and batcher."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, Final

from mingzhang.app import loop
from mingzhang.app.bench.core_steps import Slice, run_slice
from mingzhang.app.desk import open_desk
from mingzhang.app.settings import Settings
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context

Part = Callable[[Context, int, float, str], Awaitable[Slice]]
"""What a process does when it is told: so many callers, for so long, under a name."""
START_REAL_S: Final = 0.3  # between the order to begin and the beginning, so that all begin together
READY_REAL_S: Final = 60.0


def _serve(pipe: Connection, settings: dict[str, Any], part: Part) -> None:
    """The process: do what comes down the pipe until it closes."""

    async def work() -> None:
        desk = await open_desk(Settings(**settings))
        try:
            pipe.send("ready")
            while (order := await asyncio.to_thread(pipe.recv)) is not None:
                callers, seconds, name, begin_at = order
                await asyncio.sleep(begin_at - time.time())
                try:
                    pipe.send(await part(desk.ctx, callers, seconds, name))
                except Problem as problem:
                    pipe.send(str(problem))
        finally:
            await desk.aclose()

    loop.run(work())


class Workers:
    """So many processes; `run` spreads the callers over them. Use as a context manager.

    ``part``: a function of a module, named to the processes.
    """

    def __init__(self, settings: Settings, count: int, part: Part = run_slice) -> None:
        context = multiprocessing.get_context("spawn")
        values = {name: getattr(settings, name) for name in settings.__struct_fields__}
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, values, part), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> Workers:
        for pipe in self._pipes:
            _receive(pipe, READY_REAL_S)
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join(10)
            if process.is_alive():
                process.kill()

    def run(self, callers: int, seconds: float, name: str) -> Sequence[Slice]:
        """One slice on all processes at once. Raises Problem `bench_failed`."""
        begin_at = time.time() + START_REAL_S
        for n, pipe in enumerate(self._pipes):
            share = callers // len(self._pipes) + (n < callers % len(self._pipes))
            pipe.send((share, seconds, f"{name}-{n}", begin_at))
        return [_receive(pipe, seconds + READY_REAL_S) for pipe in self._pipes]


def _receive(pipe: Connection, wait_s: float) -> Any:
    if not pipe.poll(wait_s):
        raise Problem("bench_failed", Kind.UNAVAILABLE, "a process does not answer")
    said = pipe.recv()
    if isinstance(said, str) and said != "ready":
        raise Problem("bench_failed", Kind.INTERNAL, said)
    return said
