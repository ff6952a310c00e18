"""What every channel must do, whatever its wire: the suite of `mingzhang channel check`, against the simulated party."""

from __future__ import annotations

import pytest

from mingzhang.app.check_adapters.complaint_checks import CHANNEL
from mingzhang.app.check_adapters.rig import ChannelRig
from mingzhang.app.check_adapters.suite import Case, Skipped


@pytest.mark.parametrize("case", CHANNEL.cases, ids=lambda case: case.name)
async def test_channel(channel: ChannelRig, case: Case) -> None:
    try:
        await case.run(channel, **case.arguments)
    except Skipped as skipped:
        pytest.skip(str(skipped))
