"""A buyer's wish leaves no personal datum in clear in any table, and at the term none at all; the record still holds."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from house import House, open_house
from mingzhang.app.audit import run_audit
from mingzhang.app.erasure_watch import erase_due
from mingzhang.app.oversight_watch import do_chore
from mingzhang.app.transparency import signer_of
from mingzhang.disputes import flow
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.orders.store import Order
from mingzhang.oversight import chores, erasure
from mingzhang.oversight.privacy import TRADE
from mingzhang.transparency import verify_offline
from mingzhang.transparency.digest import TABLES, digest_next
from mingzhang.transparency.recheck import recheck
from mingzhang.transparency.sequencer import Sequencer

ACCOUNT, CONTACT = "13800138000", "buyer@example.com"
MASKS = ("138****8000", "138 **** 8000", "b***@example.com")
TABLE_NAMES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"


async def found(pool: asyncpg.Pool, *canaries: str) -> dict[str, set[str]]:
    """In which tables each text stands, as text, as a form writes it, or inside bytes."""
    where: dict[str, set[str]] = {}
    looked = {
        form: canary
        for canary in canaries
        for form in (canary, canary.replace("@", "%40"), canary.encode().hex())
    }
    for row in await pool.fetch(TABLE_NAMES):
        for line in await pool.fetch(f"SELECT t::text AS whole FROM {row['relname']} t"):
            for form, canary in looked.items():
                if form in line["whole"]:
                    where.setdefault(canary, set()).add(row["relname"])
    return where


async def recorded(house: House) -> None:
    """Everything digested and logged."""
    ctx, pool = house.desk.ctx, house.desk.pool
    for table in TABLES:
        async with transaction(pool, "repeatable_read") as conn:
            await digest_next(conn, table, ctx.now(), ctx.now())
    sequencer = Sequencer(pool, signer_of(house.desk.settings), ctx.now)
    while await sequencer.round():
        continue


async def sound(house: House) -> None:
    """Books, record and digests agree."""
    report = await run_audit(house.desk.ctx, full=True)
    assert report.ok, report.lines
    _, troubles = await recheck(house.desk.pool, signer_of(house.desk.settings).verifier, lambda *_: None)
    assert troubles == []


async def test_after_an_erasure_no_datum_is_left_and_the_record_holds(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        ctx, pool = house.desk.ctx, house.desk.pool
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        unpaid = await house.place()
        open_one = await house.buy(("fulu", "silent"), account="13900139000")
        await house.until(open_one, lambda page: page.pay_badge == "paid")
        await house.stop_worker()
        async with pool.acquire() as conn:  # more than 我的订单 lists at once
            mine = await erasure.list_mine(conn, ctx.vault, CONTACT)
        assert set(mine) == {order_id, unpaid, open_one}
        line = Message(
            party="bank",
            kind="bank.line",
            direction=Direction.IN,
            standing=Standing.OWN,
            body=f'{{"reference":"{order_id}R1"}}'.encode(),
        )
        async with transaction(pool) as conn:
            line_id = await evidence.keep(conn, ctx.rng, ctx.now(), line)
        await recorded(house)
        headers = {"Authorization": f"Bearer {ctx.vault.token(order_id)}"}
        receipts = f"{house.url}/api/v1/orders/{order_id}/receipts"
        async with house.http.get(receipts, headers=headers) as answer:
            last = (await answer.json())[-1]["url"]
        async with house.http.get(house.url + last, headers=headers) as answer:
            receipt = await answer.read()
        assert "evidence" in (await found(pool, ACCOUNT))[ACCOUNT], "the canary sings"

        # By the API, with the order's token; what is open waits; nobody else may ask.
        url = f"{house.url}/api/v1/orders/{order_id}/erasure"
        async with house.http.post(url, headers={"Authorization": "Bearer none"}) as answer:
            assert answer.status == 401
        for asked in (order_id, open_one, unpaid):
            told = {"Authorization": f"Bearer {ctx.vault.token(asked)}"}
            async with house.http.post(f"{house.url}/api/v1/orders/{asked}/erasure", headers=told) as answer:
                assert (answer.status, (await answer.json())["step"]) == (202, "waiting")
        assert await erase_due(ctx) == 3
        steps = {
            row["order_id"]: row["step"] for row in await pool.fetch("SELECT order_id, step FROM erasure")
        }
        # The unpaid one is open until its time to pay is over.
        assert steps == {order_id: "kept", open_one: "waiting", unpaid: "waiting"}
        left = await found(pool, ACCOUNT, CONTACT)
        assert left == {}, left
        async with house.http.get(url, headers=headers) as answer:
            status = await answer.json()
        assert status["kept"][0]["until"] > status["erased_at"]
        assert not await house.desk.check_contact(order_id, CONTACT)
        assert (await house.page(order_id)).supply_badge == "arrived"
        row = await pool.fetchrow("SELECT sealed, evidence_id FROM erased_message LIMIT 1")
        assert erasure.open_message(ctx.vault, row["sealed"])
        await sound(house)
        assert verify_offline.check(receipt)[0]["subject"] == order_id

        # At the term: masks, seals and keys, too. Nothing else may be emptied, and nothing without saying so.
        await pool.execute("UPDATE orders SET finished_at = finished_at - $1::interval", TRADE.keep)
        await pool.execute("UPDATE erasure SET due_at = asked_at WHERE order_id = $1", order_id)
        await erase_due(ctx)
        whole = await pool.fetchrow(
            "SELECT account_mask, account_enc FROM orders WHERE order_id = $1", order_id
        )
        assert tuple(whole) == ("", b"")
        assert (
            await pool.fetchval(
                "SELECT count(*) FROM erased_message WHERE order_id = $1 AND sealed <> ''", order_id
            )
            == 0
        )
        with pytest.raises(Problem, match="erased"):
            ctx.vault.open(whole["account_enc"])
        body = await pool.fetchval("SELECT body FROM evidence WHERE evidence_id = $1", line_id)
        assert body == line.body, "the bank's vouchers stay"
        await sound(house)
        for change in ("body = ''", "note = ''"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append_only"):
                await pool.execute(f"UPDATE evidence SET {change}")
        async with pool.acquire() as conn:
            outer = conn.transaction()
            await outer.start()
            await conn.execute("SET LOCAL mingzhang.erasing = 'on'")
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="may only be emptied"):
                await conn.execute("UPDATE evidence SET body = 'x'")
            await outer.rollback()

        await _said_afterwards(house, order_id)
        await sound(house)

        # Terms are found by a walk, and what belongs to no order is forgotten.
        async with transaction(pool) as conn:
            await chores.ensure(conn, ["retention"], ctx.now())
        told = await do_chore(ctx, house.desk.settings, "retention")
        assert told is not None
        assert set(told["marks"]) == {"unpaid:0", "contact:0"}
        assert set(told) == {"marks", "addresses", "codes", "sessions"}


async def _said_afterwards(house: House, order_id: str) -> None:
    """What is written into a dispute when all was erased is kept as long as a trade is, from its end on, and then erased."""
    ctx, pool = house.desk.ctx, house.desk.pool
    step = "SELECT step FROM erasure WHERE order_id = $1"
    assert await pool.fetchval(step, order_id) == "done"
    words = "SELECT count(*) FROM dispute_message WHERE text_enc <> '' AND dispute_id = $1"
    opening = flow.Opening(
        order_id=order_id, kind=flow.kinds_for(await _order(house, order_id))[0], words=ACCOUNT
    )
    case = (await flow.open_dispute(ctx, opening)).dispute_id
    await erase_due(ctx)
    assert await pool.fetchval(step, order_id) == "waiting", "nothing is erased while it is open"
    await flow.withdraw(ctx, case)
    await erase_due(ctx)
    assert await pool.fetchval(step, order_id) == "kept"
    assert await pool.fetchval(words, case) > 0
    await pool.execute("UPDATE dispute SET closed_at = closed_at - $1::interval", TRADE.keep)
    await pool.execute("UPDATE erasure SET due_at = asked_at WHERE order_id = $1", order_id)
    await erase_due(ctx)
    assert await pool.fetchval(step, order_id) == "done"
    assert await pool.fetchval(words, case) == 0


async def _order(house: House, order_id: str) -> Order:
    order = await house.desk.ctx.reader.order(order_id)
    assert order is not None
    return order
