from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mingzhang.app.days.walk import stepped_clock
from mingzhang.kit.clock import Clock, ManualClock, ScaledClock, SteppedClock, SystemClock, clock_from_spec
from mingzhang.kit.errors import Problem
from simulators.world import Clock as OutsideClock
from simulators.world import World

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


async def test_a_stepped_clock_is_set_forward_for_product_and_outside_world_at_once(tmp_path: Path) -> None:
    """What was to happen in the hours between happens then, in its order; what is further off waits on."""
    spec = stepped_clock(tmp_path, START)
    clock, world, happened = clock_from_spec(spec), World(clock=OutsideClock.parse(spec)), []
    assert isinstance(clock, SteppedClock)
    assert clock.spec() == spec

    def note(name: str) -> None:
        async def work() -> None:
            happened.append(name)

        world.after({"second": 7200, "first": 3600, "far": 90_000}[name], work)

    for name in ("second", "first", "far"):
        note(name)
    world.step(4 * 3600)
    await asyncio.sleep(0)
    assert happened == ["first", "second"]
    assert timedelta(hours=4) <= clock.now() - START < timedelta(hours=5)
    assert abs(clock.now() - world.now()) < timedelta(minutes=10)
    assert world.next_at is not None
    assert timedelta(hours=25) <= world.next_at - START < timedelta(hours=26)
    with pytest.raises(ValueError, match="no such step"):
        world.step(-1)
    await world.close()
    with pytest.raises(Problem, match="clock_invalid"):
        clock_from_spec(spec + "-gone")


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
