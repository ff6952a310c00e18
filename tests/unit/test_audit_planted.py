"""Faults planted in a real database, past every guard: the audit names the row and exits 1, and only then."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from audit_faults import PLANTED, move
from audit_shop import Shop, context, execute, fill, run_apart, run_command, with_database

from mingzhang.app.audit import OVERLAP_REAL_S, AuditReport, run_audit
from mingzhang.app.audit_whole import replay_findings
from mingzhang.kit.clock import ManualClock, clock_from_spec
from mingzhang.kit.database import open_pool
from mingzhang.ledger.places import Account

_numbers = itertools.count(1)
OVERLAP = timedelta(seconds=OVERLAP_REAL_S)
GUARDED = ("evidence", "fact", "conflict", "applied", "leg", "event", "placement", "delivered_card")


@pytest.fixture(scope="module")
def shop(
    database_server: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """One shop that every test copies."""
    name = f"mz_{os.getpid()}_audited"
    run_apart(execute(database_server, f"CREATE DATABASE {name} TEMPLATE {template_database}"))
    try:
        dsn = with_database(database_server, name)
        clock, orders = run_apart(fill(dsn, tmp_path_factory.mktemp("audited")))
        yield Shop(database=name, clock=clock, orders=orders)
    finally:
        run_apart(execute(database_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def books(database_server: str, shop: Shop) -> Iterator[str]:
    """DSN of a copy of the shop's database."""
    name = f"mz_{os.getpid()}_books{next(_numbers)}"
    run_apart(execute(database_server, f"CREATE DATABASE {name} TEMPLATE {shop.database}"))
    yield with_database(database_server, name)
    run_apart(execute(database_server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _plant(dsn: str, statements: tuple[str, ...], orders: dict[str, str]) -> None:
    """Run statements with `{ending}` standing for order numbers, with every guard off for the moment."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            for table in GUARDED:
                await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for statement in statements:
                done = await connection.execute(statement.format(**orders))
                assert not done.endswith(" 0"), f"nothing was planted by {statement}"
            for table in GUARDED:
                await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    finally:
        await connection.close()


def plant(dsn: str, shop: Shop, *statements: str) -> None:
    run_apart(_plant(dsn, statements, shop.orders))


def named(report: dict[str, Any], invariant: int, code: str, subject: str, detail: str) -> bool:
    return any(
        item["invariant"] == invariant
        and item["code"] == code
        and item["subject"].startswith(subject)
        and bool(item["subject"]) == bool(subject)
        and detail in item["detail"]
        for item in report["findings"]
    )


def test_a_shop_with_every_ending_is_sound(books: str, shop: Shop) -> None:
    code, report = run_command(books, shop.clock, "--full")
    assert (code, report["findings"]) == (0, [])
    assert report["ok"]
    assert report["orders"] == len(shop.orders)
    assert report["subjects"] == len(shop.orders) + 1 + 4  # and the suspense item, and the opening balances
    assert report["missing_fen"] == 10000  # the doubted payment's
    assert report["scope"] == "full"
    assert report["asked"] == []


def test_the_command_itself_prints_one_line_of_json_and_its_exit_code(books: str, shop: Shop) -> None:
    """`mingzhang audit --full --json` as somebody types it, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", "from mingzhang.app.cli import main; main()", "audit", "--full", "--json"],
        env={
            **os.environ,
            "DATABASE_URL": books,
            "MINGZHANG_CLOCK": shop.clock,
            "MINGZHANG_SECRET_KEY": "6b" * 32,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    report = json.loads(done.stdout)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    assert (report["ok"], report["scope"], report["findings"]) == (True, "full", [])


@pytest.mark.parametrize(
    ("invariant", "code", "ending", "detail", "statements"),
    PLANTED,
    ids=[f"{row[0]}-{row[1]}-{row[2]}" for row in PLANTED],
)
def test_a_planted_fault_is_named(
    books: str, shop: Shop, invariant: int, code: str, ending: str, detail: str, statements: tuple[str, ...]
) -> None:
    plant(books, shop, *statements)
    exit_code, report = run_command(books, shop.clock, "--full", "--no-ask")
    subject = shop.orders.get(ending, ending)
    assert named(report, invariant, code, subject, detail.format(**shop.orders)), report["findings"]
    assert (exit_code, report["ok"], report["asked"]) == (1, False, [])
    assert run_apart(_last_run(books)) == ("full", report["found"], 0)


async def _last_run(dsn: str) -> tuple[str, int, int]:
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow("SELECT scope, findings FROM audit_run ORDER BY run_id DESC LIMIT 1")
        made = await connection.fetchval("SELECT count(*) FROM audit_checkpoint")
        return row["scope"], row["findings"], made
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("code", "detail", "statement"),
    [
        (
            "guard_disabled",
            "table=leg trigger=leg_append_only",
            "ALTER TABLE leg DISABLE TRIGGER leg_append_only",
        ),
        ("guard_disabled", "table=event", "ALTER TABLE event ENABLE REPLICA TRIGGER event_append_only"),
        (
            "guard_missing",
            "table=leg constraint=leg_permitted",
            "ALTER TABLE leg DROP CONSTRAINT leg_permitted",
        ),
        ("guard_missing", "table=evidence", "DROP TRIGGER evidence_append_only ON evidence"),
        (
            "guard_altered",
            "table=fact",
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        ),
        (
            "guard_altered",
            "table=applied",
            "DROP TRIGGER applied_append_only ON applied; "
            "CREATE TRIGGER applied_append_only BEFORE UPDATE ON applied EXECUTE FUNCTION refuse_change()",
        ),
    ],
)
def test_a_guard_that_is_off_is_named(books: str, shop: Shop, code: str, detail: str, statement: str) -> None:
    """Invariant 7: refused by the database, not by habit."""
    run_apart(execute(books, statement))
    for scope in ((), ("--full",)):
        exit_code, report = run_command(books, shop.clock, *scope)
        assert named(report, 7, code, "", detail), report["findings"]
        assert exit_code == 1


async def test_every_trigger_of_the_schema_is_watched(pool: asyncpg.Pool) -> None:
    """A guard that a later migration adds in other words would go unwatched: here it is missed."""
    names = [row[0] for row in await pool.fetch("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")]
    assert len(names) > len(GUARDED)
    await pool.execute(
        "DO $$ DECLARE t record; BEGIN FOR t IN SELECT tgname, tgrelid::regclass AS name FROM pg_trigger "
        "WHERE NOT tgisinternal LOOP EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', t.name, t.tgname); "
        "END LOOP; END $$"
    )
    report = await run_audit(context(pool, ManualClock(datetime(2026, 1, 2, tzinfo=UTC))), full=True)
    assert {item.code for item in report.findings} == {"guard_disabled"}
    assert sorted(item.detail.partition("trigger=")[2] for item in report.findings) == sorted(names)


async def test_what_disagrees_is_asked_about_again(books: str, shop: Shop) -> None:
    """The payment and the attempt of an order become due now, through their slices; nothing else changes."""
    unpaid, silent = shop.orders["unpaid"], shop.orders["silent"]
    statements = (
        "UPDATE orders SET state = 'delivered' WHERE order_id IN ('{silent}', '{unpaid}')",
        "UPDATE supply_attempt SET due_at = sent_at + interval '70 hours', deadline_at = sent_at + interval '70 hours' "
        "WHERE order_id = '{silent}'",
        "INSERT INTO payment (bucket, payment_no, order_id, n, channel, method, amount_fen, state, holder, next_actor, "
        "opened_at, expires_at) SELECT bucket, order_id || 'P1', order_id, 1, 'alipay', 'qr', 1, 'closed', 'payer', "
        "'buyer', placed_at, expires_at FROM orders WHERE order_id = '{unpaid}'",
    )
    await _plant(books, statements, shop.orders)
    async with auditing(books, shop) as (clock, audit):
        quiet = await audit()
        assert (quiet.ok, quiet.asked) == (False, [])
        assert (await _due(books))[f"{silent}T1"] > clock.now() + timedelta(hours=24)
        loud = await audit(ask=True)
        assert (loud.ok, loud.asked) == (False, sorted([silent, unpaid]))
        due = await _due(books)
        assert (due[f"{silent}T1"], due[f"{unpaid}P1"]) == (clock.now(), clock.now())


async def _due(dsn: str) -> dict[str, datetime]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT attempt_no AS name, due_at FROM supply_attempt WHERE state = 'processing' UNION ALL "
            "SELECT payment_no, due_at FROM payment WHERE state = 'closed'"
        )
        return {row["name"]: row["due_at"] for row in rows if row["due_at"] is not None}
    finally:
        await connection.close()


def test_the_command_asks_unless_told_not_to(books: str, shop: Shop) -> None:
    plant(books, shop, "UPDATE orders SET state = 'delivered' WHERE order_id = '{silent}'")
    for options, asked in (
        ((), [shop.orders["silent"]]),
        (("--no-ask",), []),
        (("--full",), [shop.orders["silent"]]),
    ):
        code, report = run_command(books, shop.clock, *options)
        assert (code, report["asked"]) == (1, asked)


def test_replay_and_sums_are_held_against_each_other() -> None:
    """Invariant 6: nothing may be in the sums that is in no subject's journal, nor the reverse."""
    at, other = Account("channel", "alipay", "o"), Account("fee", "alipay", "o")
    assert replay_findings({at: 5}, {at: 5}) == []
    told = [(item.invariant, item.code, item.detail) for item in replay_findings({at: 5}, {at: 4, other: 1})]
    assert told == [
        (6, "rollup_differs", "account=channel/alipay/o stored=4 legs=5"),
        (6, "rollup_differs", "account=fee/alipay/o stored=1 legs=0"),
    ]


@asynccontextmanager
async def auditing(dsn: str, shop: Shop) -> AsyncIterator[tuple[ManualClock, Any]]:
    """A clock in the tests' hands, well after everything in the shop, and a function that audits."""
    clock = ManualClock(clock_from_spec(shop.clock).now() + timedelta(days=1))
    pool = await open_pool(dsn, 1, 4)
    ctx = context(pool, clock)

    async def audit(full: bool = False, ask: bool = False) -> AuditReport:
        return await run_audit(ctx, full, ask=ask)

    try:
        yield clock, audit
    finally:
        await asyncio.wait_for(pool.close(), 10)


async def late_leg(dsn: str, shop: Shop, at: datetime) -> None:
    """Move five fen of the delivered order between two places, dated `at`: sound by itself."""
    statement = move("delivered", ("channel", "alipay", "o"), ("fee", "alipay", "o"))
    await _plant(dsn, (statement.replace("evidence_id, at FROM", f"evidence_id, '{at}' FROM"),
                       "UPDATE orders SET seq = 200 WHERE order_id = '{delivered}'"), shop.orders)  # fmt: skip


async def test_an_incremental_audit_reads_what_changed_and_knows_the_whole(books: str, shop: Shop) -> None:
    async with auditing(books, shop) as (clock, audit):
        first = await audit()
        assert (first.ok, first.scope, first.since) == (True, "full", None)
        clock.advance(3600)
        quiet = await audit()
        assert (quiet.ok, quiet.scope, quiet.subjects) == (True, "incremental", 0)
        assert quiet.since == first.checked_at - OVERLAP
        assert (quiet.orders, quiet.missing_fen) == (first.orders, first.missing_fen)
        await late_leg(books, shop, clock.now())
        clock.advance(1)
        changed = await audit()
        assert (changed.ok, changed.subjects, changed.since) == (True, 1, quiet.checked_at - OVERLAP)
        whole = await audit(full=True)
        assert (whole.ok, whole.orders, whole.missing_fen) == (True, first.orders, first.missing_fen)


async def test_a_changed_subject_is_replayed_in_whole(books: str, shop: Shop) -> None:
    """The wrong leg is old, the new one sound: replaying only the new one would find nothing."""
    async with auditing(books, shop) as (clock, audit):
        await audit()
        clock.advance(3600)
        wrong = (
            "UPDATE leg SET amount_fen = amount_fen + 1 "
            "WHERE subject = '{delivered}' AND posting = 'paid' AND amount_fen > 0"
        )
        await _plant(books, (wrong,), shop.orders)
        assert (await audit()).ok  # old rows are the full audit's
        await late_leg(books, shop, clock.now())
        report = await audit()
        assert not report.ok
        assert ("not_zero", shop.orders["delivered"]) in {
            (item.code, item.subject) for item in report.findings
        }
        clock.advance(3600)
        again = await audit()
        assert (again.since, again.ok) == (report.since, False)  # no checkpoint is made over a finding


async def test_a_commit_seen_late_is_caught_by_the_overlap(books: str, shop: Shop) -> None:
    """Dated before the last audit, visible after it: within the overlap the next audit reads it."""
    async with auditing(books, shop) as (clock, audit):
        await audit()
        clock.advance(3600)
        await audit()
        await late_leg(books, shop, clock.now() - OVERLAP + timedelta(seconds=1))
        clock.advance(3600)
        report = await audit()
        assert (report.ok, report.subjects) == (True, 1)
        assert (await audit(full=True)).ok


async def test_a_full_audit_holds_the_checkpoint_against_the_rows(books: str, shop: Shop) -> None:
    """Rows dated before the checkpoint that it did not see: told once, by account, and then it is replaced."""
    async with auditing(books, shop) as (clock, audit):
        await audit()
        clock.advance(3600)
        await late_leg(books, shop, clock.now() - timedelta(days=1))
        assert (await audit()).subjects == 0
        clock.advance(1)
        report = await audit(full=True)
        assert [(item.invariant, item.code) for item in report.findings] == [(6, "checkpoint_differs")] * 2
        assert "account=fee/alipay/o stored=0 legs=5" in report.findings[1].detail
        clock.advance(3600)
        assert (await audit()).ok
        assert (await audit(full=True)).ok


async def test_a_checkpoint_from_a_later_clock_is_not_built_on(books: str, shop: Shop) -> None:
    async with auditing(books, shop) as (clock, audit):
        clock.advance(timedelta(days=30))
        await audit()
    async with auditing(books, shop) as (_, audit):
        assert (await audit()).scope == "full"
