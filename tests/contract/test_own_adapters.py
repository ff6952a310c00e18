"""Manual fulfilment and own card stock keep the suppliers' contract, too: the database is real, the rig plays the staff."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest

from mingzhang.app.adapters import SUPPLIERS, find
from mingzhang.app.check_adapters.our_own import manual_rig
from mingzhang.app.check_adapters.our_stock import stock_rig
from mingzhang.app.check_adapters.rig import NoWorld, SupplierRig
from mingzhang.app.check_adapters.runner import open_setup
from mingzhang.app.check_adapters.suite import Ending, run_case
from mingzhang.app.check_adapters.supplier_checks import SUPPLIER
from mingzhang.fulfilment.suppliers.base import GoodsKind, SupplyState
from mingzhang.kit.adapter import Inner
from mingzhang.kit.clock import Clock
from mingzhang.kit.vault import Vault


@pytest.fixture
async def by_hand(pool: asyncpg.Pool, clock: Clock) -> AsyncIterator[SupplierRig]:
    inner = Inner(pool=pool, vault=Vault(b"k" * 32), crash_point=lambda _point: None)
    world = NoWorld("the database is the other side")
    async with (
        open_setup(SUPPLIERS, find(SUPPLIERS)["manual"], world, clock, inner) as setup,
        manual_rig(setup) as rig,
    ):
        yield rig


async def test_manual_fulfilment_keeps_the_contract(by_hand: SupplierRig) -> None:
    results = [await run_case(case, by_hand, "manual") for case in SUPPLIER.cases]
    assert [(each.name, each.why) for each in results if each.ending is Ending.FAILED] == []
    assert sum(each.ending is Ending.PASSED for each in results) >= 8


async def test_own_stock_keeps_the_contract(pool: asyncpg.Pool, clock: Clock) -> None:
    inner = Inner(pool=pool, vault=Vault(b"k" * 32), crash_point=lambda _point: None)
    world = NoWorld("the database is the other side")
    async with (
        open_setup(SUPPLIERS, find(SUPPLIERS)["stock"], world, clock, inner) as setup,
        stock_rig(setup) as rig,
    ):
        results = [await run_case(case, rig, "stock") for case in SUPPLIER.cases]
    assert [(each.name, each.why) for each in results if each.ending is Ending.FAILED] == []
    assert sum(each.ending is Ending.PASSED for each in results) >= 4


async def test_an_ended_task_stays_as_it_ended_and_two_people_stand_behind_success(
    by_hand: SupplierRig, pool: asyncpg.Pool
) -> None:
    request = by_hand.request("M0000000000000000AB", GoodsKind.DIRECT, fields=(("区服", "一区"),))
    await by_hand.world.fault("M0000000000000000AB", "manual", "silent")
    await by_hand.supplier.submit(request)
    end = "UPDATE manual_task SET state = 'succeeded', reference = 'R', note = 'n', ended_at = made_at"
    for people in ("reported_by = 'ann'", "reported_by = 'ann', confirmed_by = 'ann'"):
        with pytest.raises(asyncpg.CheckViolationError, match="manual_task_proof"):
            await pool.execute(f"{end}, {people}")
    assert (await by_hand.supplier.query(request.attempt_no, request.kind)).state is SupplyState.PROCESSING
    await by_hand.world.tell("POST", "/decide", {"order": "M0000000000000000AB"})
    while await pool.fetchval("SELECT state FROM manual_task") == "open":
        await by_hand.clock.sleep(1)
    for change in ("UPDATE manual_task SET reference = 'other'", "DELETE FROM manual_task"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append_only"):
            await pool.execute(change)
    stored = await pool.fetchval("SELECT t::text FROM manual_task t")
    assert request.account not in stored
    assert "一区" not in stored


async def test_cards_are_no_work_by_hand(by_hand: SupplierRig) -> None:
    request = msgspec.structs.replace(by_hand.request("C", GoodsKind.DIRECT), kind=GoodsKind.CARD)
    answer = await by_hand.supplier.submit(request)
    assert (answer.state, answer.code) == (SupplyState.REFUSED, "not_by_hand")
