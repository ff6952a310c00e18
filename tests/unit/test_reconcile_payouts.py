"""Three ways: what a channel announced, what the ledger has, what the bank shows, by one reference (R11, issue 6)."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import pytest
from audit_shop import context

from mingzhang.app.work_money import money_items
from mingzhang.app.worker import Worker
from mingzhang.custody.imports import import_file
from mingzhang.custody.store import SQL as CUSTODY
from mingzhang.custody.store import open_account
from mingzhang.evidence import store as evidence
from mingzhang.evidence.store import Fact
from mingzhang.fulfilment.suppliers.base import BalanceAnswer
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.kit.ids import new_order_id, new_suspense_id
from mingzhang.ledger import postings
from mingzhang.ledger.store import read_float, write_shared
from mingzhang.orders.context import Context
from mingzhang.reconciliation import decide, flow, payouts, resolve
from mingzhang.reconciliation.bills.bank import BankLine, read_lines_of_day, write_lines_of_day
from mingzhang.reconciliation.bills.text import Told
from mingzhang.settlement import flow as settling
from mingzhang.settlement import lines, unknown
from mingzhang.settlement.model import LineKind, Part, SettlementLine, SettlementList
from mingzhang.settlement.store import Waiting, list_members, read_batch

ACCOUNT, BANK = "6217000010001234567", "icbc"
DAY = date(2026, 3, 4)
TEN = datetime(2026, 3, 5, 2, tzinfo=UTC)  # ten in the morning of the next day, Beijing


def test_a_days_lines_come_back_from_their_file() -> None:
    told = [("A-1", 100), ("", -30)]
    days = [
        BankLine(
            line=f"*4567/S/{n}",
            booked_on=DAY,
            amount_fen=fen,
            reference=reference,
            counterparty="甲,乙",
            purpose="",
        )
        for n, (reference, fen) in enumerate(told, start=1)
    ]
    seen = Told(day=DAY)
    read = list(read_lines_of_day(write_lines_of_day(days), seen))
    assert [(it.kind, it.key, it.amount_fen, it.position) for it in read] == [
        ("received", "A-1", 100, 2),
        ("sent", "*4567/S/2", 30, 3),
    ]
    assert seen.lines == 2


async def payout(conn: asyncpg.Connection, name: str, fen: int) -> None:
    """A payout as its list announced it; its members are of no matter here."""
    statement = """INSERT INTO settlement_batch (channel, batch_id, bank, reference, day, lines, members, fee_fen, net_fen,
      payout_fen, content_hash, evidence_id, state, next_actor, due_at, deadline_at, since, listed_at)
      VALUES ('alipay', $1, $2, 'ALI-' || $1, $3, 0, 0, 0, $4, $4, '', 'E' || $1, 'settled', 'bank', $5, $5, $5, $5)"""
    await conn.execute(statement, name, BANK, DAY, fen, TEN)


async def statement(ctx: Context, opening: int, rows: list[tuple[str, int, str, str]]) -> None:
    """Taken in, and every line looked at once."""
    text, balance = f"account: {ACCOUNT}\ncurrency: CNY\n", opening
    text += "date,amount,balance,reference,bank_reference,counterparty,counterparty_account,purpose\n"
    for day, fen, reference, purpose in rows:
        balance += fen
        text += f"{day},{fen / 100:.2f},{balance / 100:.2f},{reference},,,,{purpose}\n"
    await import_file(ctx.pool, ctx.rng, ctx.now(), text.encode(), name="a.csv", who="test", template="plain")
    for row in await ctx.pool.fetch(
        "SELECT account, statement_id, position FROM bank_task WHERE state = 'open'"
    ):
        await lines.work_line(ctx, *row)


async def found(pool: asyncpg.Pool) -> dict[str, tuple[Any, ...]]:
    rows = await pool.fetch(
        "SELECT key, class, state, next_actor, stake_fen, resolution FROM recon_break ORDER BY key"
    )
    return {row["key"]: tuple(row)[1:] for row in rows}


async def test_payouts_are_held_against_bank_lines_and_what_differs_is_listed(pool: asyncpg.Pool) -> None:
    clock = ManualClock(TEN)
    ctx = context(pool, clock)
    async with transaction(pool) as conn:
        await open_account(conn, TEN, account=ACCOUNT, bank=BANK, kind="custody", who="test")
        for name, fen in (("right", 10_000), ("short", 20_000), ("late", 30_000)):
            await payout(conn, name, fen)
    judged = await flow.fetch_day(ctx, "bank.icbc", DAY)
    assert (judged.result, judged.code) == ("waiting", "statement_missing")
    rows = [
        ("2026-03-04", 10_000, "ALI-right", "结算款"),
        ("2026-03-04", 19_995, "ALI-short", "结算款"),
        ("2026-03-04", -30, "", "账户管理费"),
        ("2026-03-04", 700, "", "张三"),
    ]
    await statement(ctx, 50_000, rows)
    judged = await flow.fetch_day(ctx, "bank.icbc", DAY)
    assert (judged.result, judged.agreed) == ("new", 2)
    stranger = next(key for key in await found(pool) if key.endswith("/4"))
    assert await found(pool) == {
        "ALI-short": ("amount", "person", "person", 5, ""),
        "ALI-late": ("timing", "waiting", "bank", 30_000, ""),
        stranger: ("unknown_counterparty", "waiting", "shop", 700, ""),
    }
    assert (await flow.fetch_day(ctx, "bank.icbc", DAY)).result == "same"

    # The late line comes the next day and is met; the stranger's is put aside in time and so is booked.
    clock.advance(timedelta(hours=24))
    await statement(ctx, 80_665, [("2026-03-05", 30_000, "ALI-late", "结算款")])
    for row in await pool.fetch("SELECT break_id FROM recon_break WHERE state = 'waiting'"):
        await resolve.visit(ctx, row["break_id"])
    ends = await found(pool)
    assert ends["ALI-late"] == ("timing", "resolved", "", 30_000, "listed_since")
    assert ends[stranger] == ("unknown_counterparty", "resolved", "", 700, "booked_since")

    # Nobody cared for the short one in a day: that is on record, and on the work list.
    clock.advance(timedelta(hours=1))
    await resolve.note_overdue(ctx)
    late = await pool.fetchrow(
        "SELECT kind, state, late_actor, next_actor FROM breach WHERE kind = 'difference'"
    )
    assert tuple(late) == ("difference", "person", "person", "person")
    assert [(it.kind, it.amount_fen) for it in await money_items(ctx) if it.kind == "difference"] == [
        ("difference", 5)
    ]
    await written_off(ctx)

    # A statement with another line of a day that was judged before: the day is judged again.
    assert (await flow.fetch_day(ctx, "bank.icbc", DAY + timedelta(days=1))).agreed == 1
    clock.advance(timedelta(hours=1))
    await statement(ctx, 110_665, [("2026-03-05", 1, "", "利息"), ("2026-03-06", 2, "", "利息")])
    await payouts.reopen_days(ctx)
    assert await pool.fetchval("SELECT day FROM recon_day WHERE due_at IS NOT NULL") == DAY + timedelta(
        days=1
    )


async def test_a_line_of_a_trade_that_nobody_knows_waits_alone_and_is_put_aside_in_the_end(
    pool: asyncpg.Pool,
) -> None:
    """Row 23: the list is taken, the channel is asked; when it says nothing in a day, its own list is the word."""
    clock = ManualClock(TEN)
    ctx = context(pool, clock)
    line = SettlementLine(
        position=1, kind=LineKind.PAY, transaction_id="T1", gross_fen=1_000, fee_fen=10, net_fen=990
    )
    listed = SettlementList(
        channel="alipay", batch_id="B1", reference="R1", day=DAY, payout_fen=990, lines=(line,)
    )
    for fresh in (True, False):
        async with transaction(pool) as conn:
            assert await settling.list_batch(conn, ctx.rng, clock.now(), listed, BANK) is fresh
    assert await pool.fetchval("SELECT transaction_id FROM trade_hint WHERE state = 'waiting'") == "T1"
    stand = """SELECT b.state, b.next_actor, m.state, m.subject
      FROM settlement_batch b JOIN settlement_member m USING (batch_id)"""
    for hours, actor in ((0, "shop"), (25, "person")):
        clock.advance(timedelta(hours=hours))
        await settling.work_batch(ctx, "alipay", "B1")
        assert tuple(await pool.fetchrow(stand)) == ("listed", actor, "unknown", "?T1")
    assert await pool.fetchval("SELECT key FROM breach WHERE kind = 'payout'") == "alipay:B1"
    assert [it.kind for it in await money_items(ctx)] == ["payout"]
    await settling.work_batch(ctx, "alipay", "B1")
    assert await Worker(ctx).apply_facts(0) == 1
    await settling.work_batch(ctx, "alipay", "B1")
    item = await pool.fetchval("SELECT item_id FROM suspense WHERE transaction_id = 'T1'")
    assert tuple(await pool.fetchrow(stand)) == ("settled", "bank", "settled", item)
    legs = await pool.fetch(
        "SELECT place, sum(amount_fen)::int FROM leg WHERE subject = $1 GROUP BY place HAVING sum(amount_fen) > 0",
        item,
    )
    assert dict(tuple(leg) for leg in legs) == {"transit.settlement": 990, "fee": 10}
    await two_parts(ctx, item)


async def two_parts(ctx: Context, item_id: str) -> None:
    """A trade that turns out to be an order's price and money put aside beside it (F18) becomes a member of each."""
    pay = SettlementLine(
        position=1, kind=LineKind.PAY, transaction_id="T2", gross_fen=1_300, fee_fen=13, net_fen=1_287
    )
    other = SettlementLine(
        position=2, kind=LineKind.PAY, transaction_id="T3", gross_fen=500, fee_fen=5, net_fen=495
    )
    listed = SettlementList(
        channel="alipay", batch_id="B2", reference="R2", day=DAY, payout_fen=1_782, lines=(pay, other)
    )
    order_id, now = new_order_id(0, TEN, Random(2)), ctx.now()
    fact = Fact(
        party="alipay",
        kind="paid",
        external_id="T2",
        subject=order_id,
        content={"payment_no": "", "amount_fen": 1_300, "buyer_mask": ""},
    )
    async with transaction(ctx.pool) as conn:
        await settling.list_batch(conn, ctx.rng, now, listed, BANK)
        cited = await conn.fetchval("SELECT evidence_id FROM settlement_batch WHERE batch_id = 'B2'")
        await evidence.state_fact(conn, fact, cited, now)
        await conn.execute(
            "UPDATE suspense SET transaction_id = 'T2', amount_fen = 300 WHERE item_id = $1", item_id
        )
    async with ctx.pool.acquire() as conn:
        batch = await read_batch(conn, "alipay", "B2")
        assert batch is not None
        (member, *_) = await list_members(conn, batch, ("unknown",), 0, 9)
    told = [(it.subject, it.fee_fen, it.net_fen) for it in await unknown.look(ctx, batch, member)]
    assert told == [(order_id, 13, 987), (item_id, 0, 300)]
    assert await unknown.look(ctx, batch, member) == []
    rows = await ctx.pool.fetch(
        "SELECT n, subject, state FROM settlement_member WHERE batch_id = 'B2' ORDER BY n"
    )
    assert [tuple(row) for row in rows] == [
        (1, order_id, "listed"),
        (2, "?T3", "unknown"),
        (3, item_id, "listed"),
    ]


def test_what_the_largest_part_of_a_trade_cannot_bear_is_the_next_ones() -> None:
    amounts = {"fee_fen": 10, "back_fen": 1_050, "charged_fen": 1_020, "net_fen": 240}
    member = Waiting(bucket=0, subject="?T", n=4, state="unknown", code="", **amounts)
    parts = [Part(subject=new_suspense_id(0, TEN, Random(1)), amount_fen=fen) for fen in (300, 1_000)]
    told = unknown.shares(member, parts)
    assert [(it.fee_fen, it.back_fen, it.charged_fen, it.net_fen) for it in told] == [
        (10, 990, 990, 0),
        (0, 60, 30, 240),
    ]


async def _give_up(ctx: Context, break_id: str) -> None:
    async with transaction(ctx.pool) as conn:
        await conn.execute("SET LOCAL lock_timeout = '50ms'")
        await decide.settle(conn, ctx, break_id, decide.WRITE_OFF, "E2", "wang")


async def written_off(ctx: Context) -> None:
    """Two people give up what was short: row 26, from what stands as missing, and no more than that."""
    break_id = await ctx.pool.fetchval("SELECT break_id FROM recon_break WHERE key = 'ALI-short'")
    async with transaction(ctx.pool) as conn:
        short = postings.batch_short("PAYOUT-alipay-short", bank=BANK, amount_fen=5)
        await write_shared(conn, short, evidence_id="E", now=ctx.now())
    async with transaction(ctx.pool) as closing:  # whoever else moves what is missing there comes first
        await closing.fetchrow(CUSTODY.lock_bank, BANK)
        with pytest.raises(asyncpg.LockNotAvailableError):
            await asyncio.create_task(_give_up(ctx, break_id))
    await _give_up(ctx, break_id)
    async with ctx.pool.acquire() as conn:
        assert await read_float(conn, "missing", BANK) == 0
    assert (await found(ctx.pool))["ALI-short"][1:] == ("resolved", "", 5, "written_off")


async def test_a_suppliers_balance_is_asked_for_once_a_day_and_held_against_the_ledger(
    pool: asyncpg.Pool,
) -> None:
    """R14: what orders have reserved there may be charged or not; what lies beyond that is a difference."""
    clock = ManualClock(TEN)
    there = Supplier()
    ctx = dataclasses.replace(context(pool, clock), suppliers={"fulu": there})  # type: ignore[dict-item]
    async with transaction(pool) as conn:
        capital = postings.capital_in("CAPITAL-fulu", party="fulu", place="supplier.free", amount_fen=5_000)
        await write_shared(conn, capital, evidence_id="E", now=clock.now())
    there.known = False
    waits = await flow.fetch_day(ctx, "fulu.balance", DAY)
    assert (waits.result, waits.code) == ("waiting", "no_answer")
    there.known = True
    assert (await flow.fetch_day(ctx, "fulu.balance", DAY - timedelta(days=1))).code == "too_late"
    for source in ("fulu.balance", "bank.icbc"):
        with pytest.raises(Problem, match="takes no file"):
            await flow.take_file(ctx, source, DAY, flow.Given(name="x", content=b"x", origin="command"))
    assert (await flow.fetch_day(ctx, "fulu.balance", DAY)).agreed == 1
    there.free_fen = 4_999
    assert (await flow.fetch_day(ctx, "fulu.balance", DAY)).result == "same"
    clock.advance(timedelta(days=1))
    assert (await flow.fetch_day(ctx, "fulu.balance", DAY + timedelta(days=1))).counts == {"amount": 1}
    assert await found(pool) == {"2026-03-05": ("amount", "person", "person", 1, "")}


class Supplier:
    """A supplier that answers only what our balance is."""

    def __init__(self) -> None:
        self.known, self.free_fen = True, 5_000

    async def balance(self) -> BalanceAnswer:
        return BalanceAnswer(known=self.known, free_fen=self.free_fen)
