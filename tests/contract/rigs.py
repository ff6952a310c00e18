"""The rigs that the contract tests run against: those of `mingzhang channel check` and `mingzhang supplier check`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mingzhang.app.adapters import CHANNELS, SUPPLIERS, find
from mingzhang.app.check_adapters.our_channels import CHANNEL_RIGS
from mingzhang.app.check_adapters.our_suppliers import SUPPLIER_RIGS
from mingzhang.app.check_adapters.rig import ChannelRig, OpenRig, new_order
from mingzhang.app.check_adapters.runner import open_setup
from mingzhang.kit.clock import Clock
from simulator_process import SimulatorProcess

__all__ = ["CHANNEL_NAMES", "SUPPLIER_NAMES", "ChannelRig", "new_order", "open_channel", "open_supplier"]

# Rig → the adapter it belongs to.
CHANNEL_NAMES = {rig: name for name, rigs in CHANNEL_RIGS.items() for rig in rigs}
SUPPLIER_NAMES = {rig: name for name, rigs in SUPPLIER_RIGS.items() for rig in rigs}


@asynccontextmanager
async def _open(
    group: str, name: str, open_rig: OpenRig, world: SimulatorProcess, clock: Clock
) -> AsyncIterator[Any]:
    async with open_setup(group, find(group)[name], world, clock) as setup, open_rig(setup) as rig:
        yield rig


def open_channel(rig: str, world: SimulatorProcess, clock: Clock) -> Any:
    """A channel's rig."""
    name = CHANNEL_NAMES[rig]
    return _open(CHANNELS, name, CHANNEL_RIGS[name][rig], world, clock)


def open_supplier(rig: str, world: SimulatorProcess, clock: Clock) -> Any:
    """A supplier's rig."""
    name = SUPPLIER_NAMES[rig]
    return _open(SUPPLIERS, name, SUPPLIER_RIGS[name][rig], world, clock)
