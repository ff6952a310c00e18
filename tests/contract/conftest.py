"""One simulator process for the whole suite, and a fresh rig around each adapter for every test."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

import pytest
from rigs import CHANNEL_NAMES, SUPPLIER_NAMES, open_channel, open_supplier

from mingzhang.app.check_adapters.rig import ChannelRig, SupplierRig
from mingzhang.kit.clock import Clock, clock_from_spec
from simulator_process import SimulatorProcess
from variants import short

SPEED = 20  # a virtual minute passes in three real seconds


@pytest.fixture(scope="session")
def clock() -> Clock:
    return clock_from_spec(f"scaled:{time.time()!r}:{time.time()!r}:{SPEED}")


@pytest.fixture(scope="session")
def simulator(clock: Clock) -> Iterator[SimulatorProcess]:
    with SimulatorProcess("--clock", clock.spec(), "--seed", "11") as process:
        yield process


# Each adapter in its first mode every time, in its others in the long run.
@pytest.fixture(params=short(CHANNEL_NAMES, set(CHANNEL_NAMES.values())))
async def channel(
    request: pytest.FixtureRequest, simulator: SimulatorProcess, clock: Clock
) -> AsyncIterator[ChannelRig]:
    async with open_channel(request.param, simulator, clock) as rig:
        yield rig


@pytest.fixture(params=SUPPLIER_NAMES)
async def supplier(
    request: pytest.FixtureRequest, simulator: SimulatorProcess, clock: Clock
) -> AsyncIterator[SupplierRig]:
    async with open_supplier(request.param, simulator, clock) as rig:
        yield rig
