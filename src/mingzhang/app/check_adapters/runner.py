"""Check one adapter: find it, find its rig, run the suite of its kind."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import msgspec

from mingzhang.app.adapters import CHANNELS, OURS, SUPPLIERS, Found, find
from mingzhang.app.check_adapters.complaint_checks import CHANNEL
from mingzhang.app.check_adapters.our_channels import CHANNEL_RIGS
from mingzhang.app.check_adapters.our_own import OWN_RIGS
from mingzhang.app.check_adapters.our_suppliers import SUPPLIER_RIGS
from mingzhang.app.check_adapters.rig import (
    ChannelRig,
    NoWorld,
    OpenRig,
    Setup,
    SupplierRig,
    World,
    close,
    open_inbox,
)
from mingzhang.app.check_adapters.suite import Ending, Result, Suite, run_suite
from mingzhang.app.check_adapters.supplier_checks import SUPPLIER
from mingzhang.app.check_adapters.world import ControlledWorld, SimulatorProcess
from mingzhang.app.embedded import EmbeddedPostgres
from mingzhang.kit.adapter import Inner
from mingzhang.kit.clock import Clock, clock_from_spec
from mingzhang.kit.database import open_pool
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.migrations import migrate
from mingzhang.kit.outbound import Outbound
from mingzhang.kit.vault import Vault

RIGS: Final = "mingzhang.rigs"
SPEED: Final = 20  # a virtual minute passes in three real seconds
SUITES: Final[Mapping[str, tuple[Suite, type[Any]]]] = {
    CHANNELS: (CHANNEL, ChannelRig),
    SUPPLIERS: (SUPPLIER, SupplierRig),
}
_OURS: Final = {CHANNELS: CHANNEL_RIGS, SUPPLIERS: SUPPLIER_RIGS | OWN_RIGS}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a check. `ok`: nothing failed and something passed."""

    adapter: str
    package: str
    version: str
    ok: bool
    passed: int
    failed: int
    skipped: int
    results: tuple[Result, ...]


def find_one(group: str, name: str) -> Found:
    """The adapter; raises ``unknown_adapter`` with the names there are."""
    found = find(group)
    if name not in found:
        raise Problem(
            "unknown_adapter",
            Kind.NOT_FOUND,
            f"{name!r} is not installed; there are: {', '.join(found)}. A package brings one by the entry point "
            f"group {group} (docs/adapters.md)",
        )
    return found[name]


def find_rigs(group: str, found: Found) -> dict[str, OpenRig]:
    """How the adapter is checked, by the rig's name; raises ``adapter_without_rig``."""
    if found.package == OURS:
        return _OURS[group][found.name]
    for point in entry_points(group=RIGS):
        if point.name == found.name and point.dist is not None and point.dist.name == found.package:
            return {found.name: msgspec.structs.replace(found, target=point.value).load(RIGS)}
    raise Problem(
        "adapter_without_rig",
        Kind.INVALID,
        f"{found.package} names no rig: it needs an entry point {found.name!r} in the group {RIGS} (docs/adapters.md)",
    )


@asynccontextmanager
async def open_setup(
    group: str, found: Found, world: World, clock: Clock, inner: Inner | None = None
) -> AsyncIterator[Setup]:
    """An inbox, a folder and a session for one rig; all gone afterwards."""
    http = Outbound()
    async with open_inbox() as inbox:
        with tempfile.TemporaryDirectory(prefix="mingzhang-check-") as folder:
            setup = Setup(
                found=found,
                group=group,
                world=world,
                clock=clock,
                http=http,
                inbox=inbox,
                folder=Path(folder),
                inner=inner,
            )
            try:
                yield setup
            finally:
                await close(setup)
                await http.aclose()


def _own(found: Found) -> Mapping[str, object]:
    """The adapters whose other side is our own database."""
    return OWN_RIGS if found.package == OURS else {}


@asynccontextmanager
async def open_house() -> AsyncIterator[Inner]:
    """A database for the length of a run."""
    with tempfile.TemporaryDirectory(prefix="mingzhang-check-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        dsn = await asyncio.to_thread(server.start)
        try:
            await migrate(dsn)
            pool = await open_pool(dsn, 1, 4)
            try:
                yield Inner(pool=pool, vault=Vault(os.urandom(32)), crash_point=lambda _point: None)
            finally:
                await pool.close()
        finally:
            await asyncio.to_thread(server.stop)


def clock_for_checks() -> Clock:
    """The shop's and the simulators' time: it runs fast."""
    now = time.time()
    return clock_from_spec(f"scaled:{now!r}:{now!r}:{SPEED}")


async def check_adapter(group: str, name: str, control: str, say: Callable[[Result], None]) -> Report:
    """Run the suite against every rig of the adapter. `control`: where a stranger's party is told what to do.

    `say` hears of each result as it comes. Raises Problem for what is not found or cannot be made.
    """
    found = find_one(group, name)
    rigs = find_rigs(group, found)
    suite, kind = SUITES[group]
    clock = clock_for_checks()
    results: list[Result] = []
    async with AsyncExitStack() as stack:
        inner = await stack.enter_async_context(open_house()) if name in _own(found) else None
        world: World
        if control:
            world = ControlledWorld(control)
        elif inner is not None:
            world = NoWorld("its other side is our own database")
        elif found.package == OURS:
            world = stack.enter_context(SimulatorProcess("--clock", clock.spec(), "--seed", "11"))
        else:
            world = NoWorld("no control address is given (--control) and the rig brings no world of its own")
        for rig_name, open_rig in rigs.items():
            async with open_setup(group, found, world, clock, inner) as setup, open_rig(setup) as rig:
                if not isinstance(rig, kind):
                    raise found.broken(f"its rig is no {kind.__name__}")
                async for result in run_suite(suite, rig, rig_name):
                    results.append(result)
                    say(result)
    count = {ending: sum(each.ending is ending for each in results) for ending in Ending}
    return Report(
        adapter=name,
        package=found.package,
        version=found.version,
        ok=not count[Ending.FAILED] and bool(count[Ending.PASSED]),
        passed=count[Ending.PASSED],
        failed=count[Ending.FAILED],
        skipped=count[Ending.SKIPPED],
        results=tuple(results),
    )
