"""Hard maxima: what passes its deadline goes on by the printed table, on record each time; the database agrees (R34)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
import pytest
from lifecycle_house import START, LifecycleHouse, open_lifecycle_house

from auditor.clocks import Took, Wait, clock_findings, read_clocks
from mingzhang.app.clocks import CLOCKS, Clock, exported
from mingzhang.orders import pay
from mingzhang.payments.channels.alipay import Alipay
from mingzhang.payments.channels.base import TradeAnswer, TradeState
from mingzhang.refunds.overdue import hand_over

HOUR: Final = 3600
NOW: Final = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
# What the database is told the entry is, by kind; `supplying` and `refunding` are held by the one writer, `Turn.move`.
ENTRY_COLUMN: Final = {
    ("order", "buyer"): "placed_at",
    ("order", "shop"): "paid_at",
    ("payment", "buyer"): "expires_at",
    ("payment", "channel"): "expires_at",
    ("payment", "shop"): "paid_at",
    ("refund", "shop"): "planned_at",
    ("hint", "shop"): "known_at",
    ("claim", "shop"): "made_at",
    ("claim", "channel"): "made_at",
    ("dispute", "shop"): "round_at",
}
TABLE: Final = {
    "order": "orders",
    "payment": "payment",
    "refund": "refund",
    "hint": "trade_hint",
    "suspense": "suspense",
    "claim": "claim",
    "supply": "supply_attempt",
    "dispute": "dispute",
}
BY_TYPE: Final[dict[str, Any]] = {
    "text": "x",
    "integer": 1,
    "smallint": 1,
    "bigint": 1,
    "boolean": True,
    "bytea": b"x",
    "timestamp with time zone": NOW,
    "jsonb": "{}",
    "interval": timedelta(0),
    "ARRAY": [],
}


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[LifecycleHouse]:
    async with open_lifecycle_house(database_url, tmp_path) as opened:
        yield opened


async def insert(pool: asyncpg.Pool, clock: Clock, over_s: int) -> None:
    """One row that waits so, `over_s` beyond what the table allows; rolled back."""
    table, column = TABLE[clock.kind], ENTRY_COLUMN.get((clock.kind, clock.actor), "since")
    async with pool.acquire() as conn:
        rows = await conn.fetch(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name = $1 AND is_nullable = 'NO'",
            table,
        )
        row = {name: BY_TYPE[kind] for name, kind in rows}
        row |= {"state": clock.states[0], "next_actor": clock.actor, column: NOW, "due_at": NOW}
        row["deadline_at"] = NOW + timedelta(seconds=clock.max_s + over_s)
        if clock.kind == "supply" and clock.states[0] == "succeeded":
            row["finished_at"] = NOW
        if clock.kind == "claim":
            row |= {"answer": "", "answered_by": ""}
        if clock.kind == "refund":
            row |= {"way": "channel", "payee_n": 0}
        if clock.kind == "dispute":
            row |= {"source": "buyer", "outcome": "", "final_by": NOW + timedelta(hours=72)}
            row |= {"paused_at": NOW} if clock.actor == "buyer" else {}
        marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await conn.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())


async def test_the_database_refuses_what_lies_beyond_the_printed_table(pool: asyncpg.Pool) -> None:
    held = 0
    await pool.execute("ALTER TABLE dispute DISABLE TRIGGER dispute_kept")
    for clock in CLOCKS:
        by_writer = clock.kind == "order" and (clock.states[0], clock.actor) not in {
            ("awaiting_payment", "buyer"),
            ("paid", "shop"),
        }
        if clock.promise or clock.kind == "fact" or by_writer:
            continue
        with pytest.raises(asyncpg.CheckViolationError):
            await insert(pool, clock, 1)
        await insert(pool, clock, 0)
        await pool.execute(f"DELETE FROM {TABLE[clock.kind]}")
        held += 1
    assert held >= 22


async def paid_order(house: LifecycleHouse) -> str:
    """An order whose instruction went to a supplier that answers nothing any more."""
    order_id = await house.place()
    payment = (await pay.open_payment(house.ctx, order_id, "alipay", "page")).payment
    await house.parties.pay(payment.url)
    house.clock.advance(6)
    for payment_no in await house.claim("payment_no"):
        await house.visit("payment_no", payment_no)
    while await house.apply_next():
        pass
    return order_id


async def look(house: LifecycleHouse) -> None:
    """What a worker does in one round, without the facts."""
    await hand_over(house.ctx, house.bucket)
    for key in ("attempt_no", "refund_no", "payment_no", "item_id", "order_id", "hint", "claim_id"):
        for subject in await house.claim(key):
            await house.visit(key, subject)


async def judge(house: LifecycleHouse) -> list[str]:
    """The outside auditor's word on every clock."""
    async with house.ctx.pool.acquire() as conn:
        waits, took = await read_clocks(conn)
    return clock_findings(waits, took, exported(), house.ctx.now(), 600)


async def test_a_silent_supplier_is_asked_to_a_hard_end_and_each_missed_deadline_is_on_record(
    house: LifecycleHouse,
) -> None:
    order_id = await paid_order(house)
    await house.parties.down("fulu", down=True)
    await look(house)
    seen: dict[str, float] = {}
    began = house.ctx.now()
    for _ in range(24 * 7):  # a week, looked at every hour, and every ten minutes at first
        (row,) = await house.read("SELECT * FROM supply_attempt WHERE order_id = $1", order_id)
        seen.setdefault(row["next_actor"], (house.ctx.now() - began).total_seconds())
        assert row["due_at"] <= row["deadline_at"]
        house.clock.advance(600 if len(seen) < 2 else HOUR)
        await look(house)
        assert await judge(house) == []
    assert seen["supplier"] == 0
    assert 900 <= seen["shop"] <= 900 + 2 * 600
    assert 4 * 24 <= (seen["person"] - seen["shop"]) / HOUR <= 4 * 24 + 2
    breaches = await house.read(
        "SELECT kind, next_actor FROM breach WHERE subject = $1 ORDER BY at", order_id
    )
    by_kind = {
        kind: [row["next_actor"] for row in breaches if row["kind"] == kind] for kind in ("order", "supply")
    }
    assert by_kind["supply"][:2] == ["shop", "person"]
    assert by_kind["order"][:2] == ["buyer", "person"]
    assert len(by_kind["supply"]) >= 4  # each day that the person let go by
    (order,) = await house.read(
        "SELECT state, next_actor, due_at, deadline_at FROM orders WHERE order_id = $1", order_id
    )
    assert (order["state"], order["next_actor"]) == ("supplying", "person")
    assert house.ctx.now() - timedelta(hours=2) < order["due_at"] == order["deadline_at"]


async def test_a_channel_that_never_answers_is_a_persons_after_three_days(house: LifecycleHouse) -> None:
    order_id = await house.place()
    await pay.open_payment(house.ctx, order_id, "alipay", "page")
    await house.parties.down("alipay", down=True)
    for _ in range(24 * 4):
        house.clock.advance(HOUR)
        await look(house)
        assert await judge(house) == []
    (row,) = await house.read("SELECT state, next_actor, asked FROM payment WHERE order_id = $1", order_id)
    assert (row["state"], row["next_actor"]) == ("closed", "person")
    work = [item for item in await house.desk.work_list() if item.kind == "payment"]
    assert [item.order_id for item in work] == [order_id]
    await house.parties.down("alipay", down=False)
    await house.desk.staff_action("finance", "payment", order_id, "ask_channel")
    await look(house)
    assert not [item for item in await house.desk.work_list() if item.kind == "payment"]
    assert await judge(house) == []


async def test_a_refund_past_its_promise_names_a_person_and_goes_on(house: LifecycleHouse) -> None:
    order_id = await paid_order(house)
    await look(house)
    await house.parties.decide(order_id, "failed")
    house.clock.advance(6)
    await look(house)
    await house.parties.down("alipay", down=True)
    while await house.apply_next():
        pass
    for _ in range(24 * 4):
        house.clock.advance(HOUR)
        await look(house)
        assert await judge(house) == []
    (order,) = await house.read("SELECT state, next_actor FROM orders WHERE order_id = $1", order_id)
    assert tuple(order) == ("refunding", "person")
    await house.parties.down("alipay", down=False)
    for _ in range(3):
        house.clock.advance(26 * HOUR)
        await look(house)
        while await house.apply_next():
            pass
    assert (await house.read("SELECT state FROM orders WHERE order_id = $1", order_id))[0][
        "state"
    ] == "refunded"
    assert await judge(house) == []


async def test_a_last_word_that_comes_late_is_on_record_though_nobody_looked_in_between(
    house: LifecycleHouse,
) -> None:
    await paid_order(house)
    await look(house)
    order_id = (await house.read("SELECT order_id FROM orders"))[0]["order_id"]
    await house.parties.decide(order_id, "success")
    house.clock.advance(2 * HOUR)
    for attempt_no in await house.claim("attempt_no"):
        await house.visit("attempt_no", attempt_no)
    while await house.apply_next():
        pass
    (row,) = await house.read("SELECT kind, late_actor, next_actor FROM breach WHERE kind = 'supply'")
    assert tuple(row) == ("supply", "supplier", "")
    for order in await house.claim("order_id"):
        await house.visit("order_id", order)
    assert await judge(house) == []


class OtherCurrency(Alipay):
    """A channel whose every answer about a payment names another currency (WeChat's adapter says so)."""

    async def query(self, payment_no: str) -> TradeAnswer:
        answer = await super().query(payment_no)
        return msgspec.structs.replace(answer, state=TradeState.UNKNOWN, code="wrong_currency")


async def test_an_amount_in_another_currency_is_a_persons_at_once(house: LifecycleHouse) -> None:
    order_id = await house.place()
    await pay.open_payment(house.ctx, order_id, "alipay", "page")
    channel = house.ctx.channels["alipay"]
    channel.__class__ = OtherCurrency
    house.clock.advance(6)
    await look(house)
    (item,) = [item for item in await house.desk.work_list() if item.kind == "payment"]
    assert (item.reason, item.next_actor) == ("other_currency", "person")
    assert item.deadline_at == house.ctx.now() + timedelta(hours=24)
    for _ in range(30):
        house.clock.advance(HOUR)
        await look(house)
        assert await judge(house) == []
    (row,) = await house.read(
        "SELECT count(*) AS n FROM event WHERE order_id = $1 AND kind = 'needs_person'", order_id
    )
    assert row["n"] == 1
    assert await house.read("SELECT 1 FROM leg WHERE subject = $1", order_id) == []


def wait(**changes: Any) -> Wait:
    """A refund that has waited an hour of its three days."""
    sound = {
        "kind": "refund",
        "key": "R1",
        "state": "accepted",
        "actor": "shop",
        "promise_s": 0,
        "due_at": START,
        "deadline_at": START + timedelta(hours=71),
        "told": False,
        "entries": {"planned": START - timedelta(hours=1)},
    }
    return Wait(**{**sound, **changes})


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ({}, ""),
        ({"deadline_at": START + timedelta(hours=71, seconds=3)}, "beyond the table's maximum"),
        ({"deadline_at": None}, "no deadline"),
        ({"actor": ""}, "the table knows no such wait"),
        ({"entries": {}}, "nothing says since when"),
        ({"deadline_at": START - timedelta(seconds=601), "due_at": None}, "no breach on record"),
        ({"deadline_at": START - timedelta(seconds=601), "due_at": None, "told": True}, ""),
        ({"due_at": START + timedelta(hours=72)}, "due after its deadline"),
    ],
)
def test_the_auditor_finds_each_planted_clock(planted: dict[str, Any], said: str) -> None:
    found = clock_findings([wait(**planted)], [], exported(), START, 600)
    assert [said in finding for finding in found] == ([True] if said else [])


def test_the_auditor_finds_what_took_too_long_and_left_no_breach() -> None:
    took = Took("refund", "R1", "shop", "accepted", 0, 72 * 3600 + 601.0, told=False)
    assert len(clock_findings([], [took], exported(), START, 600)) == 1
    assert clock_findings([], [took._replace(told=True)], exported(), START, 600) == []


async def test_a_row_that_cannot_be_handed_on_holds_up_no_other(house: LifecycleHouse) -> None:
    """Each row by itself: one that nobody understands stays where it is, and the worker goes on."""
    for kind in ("suspense", "claim"):  # of an order that does not exist; an item needs one, a claim does not
        await insert(house.ctx.pool, next(clock for clock in CLOCKS if clock.kind == kind), 0)
    house.clock.advance(400 * 24 * HOUR)
    assert await hand_over(house.ctx, 1) == 1
    assert [row["kind"] for row in await house.read("SELECT kind FROM breach")] == ["claim"]
