from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from mingzhang.kit.clock import Clock, ManualClock, ScaledClock, SystemClock, clock_from_spec
from mingzhang.kit.errors import Problem

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_scaled_clock_passes_through_its_text_unchanged() -> None:
    clock = ScaledClock(time.time() - 10, START.timestamp() + 0.125, 60)
    copy = clock_from_spec(clock.spec())
    assert isinstance(copy, ScaledClock)
    assert copy.spec() == clock.spec()
    assert (copy.real_origin, copy.virtual_origin, copy.speed) == (
        clock.real_origin,
        clock.virtual_origin,
        clock.speed,
    )


def test_scaled_time_runs_at_its_speed() -> None:
    clock = ScaledClock(time.time() - 10, START.timestamp(), 3600)
    elapsed = clock.now() - START
    assert timedelta(hours=10) <= elapsed < timedelta(hours=10) + timedelta(hours=1) * 60
    assert clock.now().utcoffset() == timedelta(0)


async def test_scaled_sleep_is_divided_by_the_speed() -> None:
    clock = ScaledClock(time.time(), START.timestamp(), 86_400)
    before = clock.now()
    await asyncio.wait_for(clock.sleep(3600), 10)
    assert clock.now() - before >= timedelta(minutes=55)


async def test_the_system_clock_is_aware_utc_and_sleeps() -> None:
    clock: Clock = clock_from_spec("system")
    assert isinstance(clock, SystemClock)
    assert clock.spec() == "system"
    assert clock.speed == 1.0
    await clock.sleep(-1)
    assert clock.now().utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "spec",
    ["", "manual", "scaled", "scaled:1:2", "scaled:1:2:0", "scaled:1:2:-1", "scaled:a:b:c", "scaled:1:2:3:4"]
    + ["scaled:nan:0:1", "scaled:0:1e30:1", "scaled:0:0:inf", "scaled:0:0:nan"],
)
def test_bad_clock_texts_are_refused(spec: str) -> None:
    with pytest.raises(Problem, match="clock_invalid"):
        clock_from_spec(spec)


async def test_manual_sleepers_wake_when_due_and_in_order() -> None:
    clock = ManualClock(START)
    woken: list[str] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [
        asyncio.create_task(sleeper(name, seconds)) for name, seconds in (("b", 20), ("a", 10), ("c", 30))
    ]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.gather(tasks[2], return_exceptions=True)
    clock.advance(9.5)
    await asyncio.sleep(0)
    assert woken == []
    assert clock.advance(timedelta(seconds=30)) == START + timedelta(seconds=39.5)
    await asyncio.gather(*tasks[:2])
    assert woken == ["a", "b"]


async def test_manual_time_neither_goes_back_nor_leaves_its_process() -> None:
    clock = ManualClock(START)
    await clock.sleep(0)
    with pytest.raises(Problem, match="clock_invalid"):
        clock.advance(-1)
    with pytest.raises(Problem, match="clock_invalid"):
        clock.spec()
    with pytest.raises(Problem, match="clock_invalid"):
        ManualClock(datetime(2026, 1, 1))
