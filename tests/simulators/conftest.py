"""What the simulators' own tests may ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from simulated import Outside, fast, outside_world

from simulators.server import Options


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    """A world a thousand times as fast as the real one."""
    async with outside_world(Options(seed=1, clock=fast())) as outside:
        yield outside
