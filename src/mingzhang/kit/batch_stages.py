"""What waits in the batcher, and when a call is due for it (decision 0092).

What a call costs is mostly its own price, not its items'. So a call goes out at once while no other is under way;
beside another one only when it carries enough to be worth its price, or when the other lasts too long to be waited for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Generic, TypeVar

BESIDE_MIN: Final = 16  # what must wait for a call beside another one that is under way
PATIENCE_REAL_S: Final = 0.1  # a call that lasts longer (it waits for a lock, say) holds nobody up

Entry = TypeVar("Entry")


class Stage(Generic[Entry]):
    """What waits for one kind of call, and the lanes of it that have nothing to do."""

    __slots__ = ("idle", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Entry] = deque()
        self.idle: deque[asyncio.Future[None]] = deque()

    def wake(self) -> None:
        """Wake one idle lane. A lane that leaves work behind wakes the next, so one is enough."""
        while self.idle:
            waiter = self.idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


class Stages(Generic[Entry]):
    """Two stages that take turns: what is to be recorded, and what is to be applied."""

    __slots__ = ("_impatient", "_latest", "_timer", "_under_way", "applying", "recording")

    def __init__(self) -> None:
        self.recording: Stage[Entry] = Stage()
        self.applying: Stage[Entry] = Stage()
        self._under_way = 0
        self._impatient = False
        self._latest: Stage[Entry] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def add(self, stage: Stage[Entry], entry: Entry) -> None:
        """Let it wait there, and wake a lane if a call is due."""
        stage.waiting.append(entry)
        self.wake_due(stage)

    def is_due(self, stage: Stage[Entry]) -> bool:
        """Whether what waits there is to go out now."""
        waiting = len(stage.waiting)
        if not waiting or waiting >= BESIDE_MIN:
            return waiting > 0
        if self._under_way:
            return self._impatient
        other = self.applying if stage is self.recording else self.recording
        return not (stage is self._latest and other.waiting)

    def begin(self, stage: Stage[Entry], loop: asyncio.AbstractEventLoop) -> None:
        """A call of this stage goes out."""
        self._under_way += 1
        self._latest = stage
        if self._timer is None:
            self._timer = loop.call_later(PATIENCE_REAL_S, self._go_beside)

    def end(self) -> None:
        """It came back."""
        self._under_way -= 1
        self._impatient = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.wake_due(self.recording)
        self.wake_due(self.applying)

    def wake_due(self, stage: Stage[Entry]) -> None:
        """Wake a lane where a call is due."""
        if stage.idle and self.is_due(stage):
            stage.wake()

    def wake_all(self) -> None:
        """Wake every lane: there is something to end."""
        for stage in (self.recording, self.applying):
            while stage.idle:
                stage.wake()

    def _go_beside(self) -> None:
        self._timer = None
        self._impatient = True
        self.wake_due(self.recording)
        self.wake_due(self.applying)
