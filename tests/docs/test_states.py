"""docs/states.md says what the code says, and the rows of running houses keep to both."""

from __future__ import annotations

import importlib.util
import json
import re
import time
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from house import House, open_house
from mingzhang.fulfilment import states as attempts
from mingzhang.fulfilment.suppliers.base import Reason
from mingzhang.orders import states as orders
from mingzhang.payments import states as payments
from mingzhang.refunds import states as refunds
from mingzhang.web import words

ROOT = Path(__file__).resolve().parents[2]
TABLES = {
    "orders": orders.TRANSITIONS,
    "payment": payments.TRANSITIONS,
    "supply_attempt": attempts.TRANSITIONS,
    "refund": refunds.TRANSITIONS,
}
SPEED = 120.0
SLACK_S = 60.0  # virtual: half a real second between the product's `now` and the row's
WATCH = """
CREATE TABLE watched (n bigserial PRIMARY KEY, at timestamptz, kind text, old text, new text, row jsonb);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO watched (at, kind, old, new, row)
  VALUES (clock_timestamp(), TG_TABLE_NAME, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, to_jsonb(NEW));
  RETURN NULL;
END $$;
"""


def generator() -> Any:
    """tools/describe_states.py as a module."""
    spec = importlib.util.spec_from_file_location("describe_states", ROOT / "tools" / "describe_states.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_document_is_what_the_generator_prints() -> None:
    written = (ROOT / "docs" / "states.md").read_text(encoding="utf-8")
    assert written == generator().described(), "docs/states.md is old: run `make docs`"


@pytest.mark.parametrize("name", TABLES)
def test_every_state_is_reached_from_another_and_every_target_exists(name: str) -> None:
    table = TABLES[name]
    targets = {target for allowed in table.values() for target in allowed}
    assert targets <= set(table)
    first = {"orders": "awaiting_payment", "payment": "intent"}.get(name, "ready")
    assert set(table) - targets <= {first}


@pytest.mark.parametrize(
    ("slice_name", "table"),
    [("payments", "payment"), ("fulfilment", "supply_attempt"), ("refunds", "refund")],
)
def test_statements_name_only_states_of_the_table(slice_name: str, table: str) -> None:
    text = files("mingzhang").joinpath(slice_name, "store.sql").read_text("utf-8")
    blocks = [block for block in text.split("-- name: ") if re.search(rf"\b{table}\b", block)]
    named = set()
    for block in blocks:
        for found in re.findall(r"state (?:=|<>|IN|NOT IN) *(\([^)]*\)|'[^']*')", block):
            named |= set(re.findall(r"'([a-z_]+)'", found))
    assert named
    assert named <= set(TABLES[table])


def test_every_open_order_state_has_its_clock_and_every_reason_its_words() -> None:
    assert set(orders.MAXIMUM_S) == set(orders.TRANSITIONS) - orders.FINAL
    assert {reason.value for reason in Reason} <= set(words.REASONS)


async def watch(house: House) -> None:
    """Have the database write down every row as it becomes."""
    await house.desk.pool.execute(WATCH)
    for table in TABLES:
        await house.desk.pool.execute(
            f"CREATE TRIGGER watch AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION watch()"
        )


async def live_through_everything(house: House) -> None:
    """Orders that arrive, expire, are refused and refunded, and wait past the promised time."""
    unpaid = await house.place()
    await house.open(unpaid)
    late = await house.place()
    late_payment = await house.open(late)
    arrived = await house.buy()
    unknown = await house.buy(("fulu", "unknown_9999"))
    refused = await house.buy(("fulu", "account_banned"), ("alipay", "refund_unknown_then_success"))
    lost = await house.buy(("alipay", "notify_lost"))
    mistyped = await house.buy(("fulu", "wrong_account"))
    silent = await house.buy(("fulu", "silent"))
    patient = await house.buy(("fulu", "silent"))
    doubted = await house.place()
    await house.world.fault(doubted, "alipay", "notify_for_unpaid")
    await house.world.fault(doubted, "fulu", "silent")
    await house.open(doubted)
    for order_id in (arrived, unknown, lost):
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
    await house.until(mistyped, lambda page: page.supply_badge == "needs_you")
    await house.desk.refuse_correction(mistyped)
    await house.until(refused, lambda page: page.pay_badge == "refunded")
    await house.until(doubted, lambda page: page.sentence.code == "money_in_doubt")
    await house.until(unpaid, lambda page: page.pay_badge == "closed")
    await house.buyer_pays(late_payment, late=True)
    await house.until(late, lambda page: page.supply_badge == "arrived")
    for order_id in (silent, patient):
        await house.until(order_id, lambda page: "choose_refund" in page.actions)
    await house.desk.choose(patient, "wait")
    await house.desk.choose(silent, "refund")
    await house.until(silent, lambda page: page.pay_badge == "refunded")


async def test_rows_of_a_running_house_keep_to_tables_and_clocks(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=SPEED) as house:
        real, virtual = time.time(), house.desk.clock.now().timestamp()
        await watch(house)
        await live_through_everything(house)
        seen = await house.desk.pool.fetch("SELECT at, kind, old, new, row FROM watched ORDER BY n")
    unlisted = {
        (row["kind"], row["old"], row["new"])
        for row in seen
        if row["old"] not in (None, row["new"]) and row["new"] not in TABLES[row["kind"]][row["old"]]
    }
    assert unlisted == set()
    visited = {(row["kind"], row["new"]) for row in seen}
    assert {("orders", state) for state in orders.TRANSITIONS} <= visited
    assert {("payment", state) for state in ("intent", "open", "closed", "paid", "contradicted")} <= visited
    assert {("supply_attempt", state) for state in ("sending", "processing", "unknown", "refused")} <= visited
    assert {("refund", state) for state in ("ready", "sending", "unknown", "accepted", "arrived")} <= visited
    for row in seen:
        now = virtual + (row["at"].timestamp() - real) * SPEED
        order = row["row"] if isinstance(row["row"], dict) else json.loads(row["row"])
        if row["kind"] == "orders" and row["new"] in orders.MAXIMUM_S and order["deadline_at"]:
            longest = orders.MAXIMUM_S[row["new"]][order["next_actor"]]
            allowed = order["promise_s"] if longest is None else longest
            left = _epoch(order["deadline_at"]) - now
            assert left <= allowed + SLACK_S, (row["new"], order["next_actor"], left)
            assert order["due_at"] is None or _epoch(order["due_at"]) <= _epoch(order["deadline_at"])


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
