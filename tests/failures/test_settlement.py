"""Settled trade by trade, into custody on the bank's own line, over the simulated bank's real wire (rows 1, 2, 5, 6, 8)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from house import House, open_house
from mingzhang.app.coverage_watch import measure_now
from mingzhang.custody import instructions
from mingzhang.custody.instructions import Wish
from mingzhang.custody.store import open_account
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.settlement.flow import list_batch
from mingzhang.settlement.model import SettlementList

FLOAT_FEN = 5_000_000


async def use_bank(house: House) -> None:
    """The shop's account at the simulated bank is ours."""
    ctx = house.desk.ctx
    async with transaction(house.desk.pool) as conn:
        account = house.world.ready["bank"]["account"]
        await open_account(
            conn, ctx.now(), account=account, bank="bank", kind="custody", who="test", adapter="bank"
        )


async def settle(house: House, channel: str = "alipay") -> SettlementList:
    """The channel settles; its list is taken twice."""
    told = await house.world.tell("POST", "/settlements", {"channel": channel})
    listed = msgspec.convert(told, SettlementList, strict=False)
    ctx = house.desk.ctx
    for fresh in (True, False):
        async with transaction(house.desk.pool) as conn:
            assert await list_batch(conn, ctx.rng, ctx.now(), listed, "bank") is fresh
    return listed


async def until(house: House, statement: str, wanted: Any, wait_s: float = 40.0) -> None:
    give_up = time.monotonic() + wait_s
    while (found := await house.desk.pool.fetchval(statement)) != wanted:
        assert time.monotonic() < give_up, (found, wanted, await state(house))
        await asyncio.sleep(0.05)


async def state(house: House) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for table in (
        "settlement_batch",
        "settlement_member",
        "bank_task",
        "instruction",
        "unbooked",
        "bank_account",
    ):
        rows += [dict(row) for row in await house.desk.pool.fetch(f"SELECT * FROM {table}")]
    return rows


async def places(house: House) -> dict[tuple[str, str], int]:
    rows = await house.desk.pool.fetch(
        "SELECT place, owner, sum(amount_fen)::bigint AS fen FROM leg GROUP BY place, owner HAVING sum(amount_fen) <> 0"
    )
    return {(row["place"], row["owner"]): row["fen"] for row in rows}


async def sound(house: House) -> None:
    """The books of the outside agree, and so does the audit; the buyers' money is covered to the fen."""
    found = await measure_now(house.desk.ctx)
    assert found.covered_fen == found.owed_fen, found.rows
    assert found.new_money_fen == 0
    outside = await house.outside()
    assert outside.lost_fen == 0, outside.differences
    report = await house.audit()
    assert report.ok, report.findings


async def test_a_day_is_settled_into_custody_and_a_prefund_goes_out(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path, speed=300.0, bank_fen=FLOAT_FEN) as house:
        await use_bank(house)
        delivered = await house.buy()
        refunded = await house.buy(("fulu", "account_banned"))
        twice = await house.place()
        await house.buyer_pays(await house.open(twice), pay_twice=True)
        await house.until(delivered, lambda page: page.supply_badge == "arrived")
        await house.until(twice, lambda page: page.supply_badge == "arrived")
        await house.until(refunded, lambda page: page.pay_badge == "refunded")
        await until(house, "SELECT count(*) FROM refund WHERE state = 'arrived'", 2)
        listed = await settle(house)
        assert listed.payout_fen == 2 * (10_000 - 60)
        await until(house, "SELECT state FROM settlement_batch", "closed")
        held = await places(house)
        assert held["fee", "o"] == 120
        # The order's cost is free again, and what is left of it waits for its window.
        assert held["custody", "F"] == FLOAT_FEN + 2 * 9_850
        assert held["custody", "o"] == 2 * (10_000 - 60 - 9_850)
        assert ("channel", "o") not in held
        await sound(house)
        ctx = house.desk.ctx
        await house.buy(("fulu", "silent"))  # charged, and never ended: the balance shows it no more
        await until(house, "SELECT count(*) FROM supply_attempt WHERE state = 'processing'", 1)
        wish = Wish(
            purpose="prefund",
            bank="bank",
            party="fulu",
            payee_name="福禄",
            payee_account="FULU-PREFUND",
            amount_fen=1_000_000,
        )
        await house.world.fault("MZ", "bank", "status_lost")
        async with transaction(house.desk.pool) as conn:
            names = {"proposed_by": "a", "decided_by": "b"}
            number = await instructions.plan(conn, ctx.rng, ctx.now(), wish, approval_id="A1", **names)
            over = msgspec.structs.replace(wish, amount_fen=held["custody", "F"] - 1_000_000 + 1)
            with pytest.raises(Problem, match="float_short"):
                async with conn.transaction():
                    await instructions.plan(conn, ctx.rng, ctx.now(), over, approval_id="A2", **names)
        await until(house, "SELECT state FROM instruction", "done")
        books = await house.world.books()
        assert books["bank"]["instructions"][number] == {"fen": 1_000_000, "status": "ACSC", "seen": 1}
        assert (await places(house))["custody", "F"] == held["custody", "F"] - 1_000_000
        await sound(house)
        # The supplier sends it back, under the number it came with: the bank's line books it home (row 2).
        left = (await house.world.books())["fulu"]["balance_fen"]
        await house.world.tell("PUT", "/fulu/balance", {"fen": left - 1_000_000})
        await house.world.tell("POST", "/bank/receive", {"fen": 1_000_000, "reference": number})
        await house.world.tell("POST", "/bank/statement", {})
        await until(house, "SELECT code FROM instruction", "returned")
        assert (await places(house))["custody", "F"] == held["custody", "F"]
        await sound(house)


@pytest.mark.long
async def test_a_bank_that_errs_is_refused_or_the_difference_is_listed(
    database_url: str, tmp_path: Path
) -> None:
    """A file without its end or with a line twice is asked for again; short and excess money are booked as such."""
    async with open_house(database_url, tmp_path, speed=300.0, bank_fen=FLOAT_FEN) as house:
        await use_bank(house)
        await house.world.tell("PUT", "/bank/format", {"form": "mt940"})
        faults = (
            ("alipay", "short_line"),
            ("wechat", "excess_line"),
            ("alipay", "no_closing"),
            ("wechat", "duplicate_line"),
        )
        for channel, name in faults:
            await house.world.fault(channel.upper(), "bank", name)
        orders = {channel: await house.buy(channel=channel) for channel in ("alipay", "wechat")}
        for channel, order_id in orders.items():
            await house.until(order_id, lambda page: page.supply_badge == "arrived")
            await settle(house, channel)
        await house.world.tell("POST", "/bank/charge", {"fen": 30})
        await until(house, "SELECT count(*) FROM settlement_batch WHERE state = 'closed'", 2)
        await until(house, "SELECT count(*) FROM bank_task WHERE state <> 'booked'", 0)
        held = await places(house)
        assert held["missing", "F"] == 1
        assert held["custody", "S"] == 1
        assert held["fee", "F"] == 30
        await sound(house)
