"""The checker: every invariant of the ledger over all rows, and state against money (invariants 1-3, 5, 8; R12)."""

from datetime import UTC, datetime
from random import Random

import msgspec

from mingzhang.kit.ids import new_id
from mingzhang.kit.sql import load
from mingzhang.ledger.model import Finding, Replay, State, state_findings, subject_findings
from mingzhang.ledger.places import MISSING, SOURCES, SPENT, Account
from mingzhang.ledger.store import SQL as LEDGER
from mingzhang.orders.context import Context
from mingzhang.orders.store import SQL as ORDERS

SQL = load("mingzhang.app", "audit")
FINDINGS_MAX = 1000
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the audit found; `missing_fen` is money of orders that stands at `missing` (待核实款项)."""

    ok: bool
    findings: list[str]
    subjects: int
    orders: int
    missing_fen: int
    checked_at: datetime


def _line(finding: Finding) -> str:
    return f"{finding.invariant} {finding.code} {finding.subject} {finding.detail}".strip()


async def run_audit(ctx: Context, full: bool) -> AuditReport:
    """Replay the journal and hold state against money. One repeatable-read snapshot, streamed row by row."""
    started = ctx.now()
    found: list[str] = []
    replay = Replay()
    async with ctx.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        async for row in conn.cursor(LEDGER.read_journal, _EPOCH, prefetch=5000):
            posting = (
                f"{row['subject']}#{row['seq']}",
                row["subject"],
                row["place"],
                row["party"],
                row["owner"],
                row["amount_fen"],
                row["evidence_id"],
            )
            found.extend(_line(item) for item in replay.feed((posting,)))
        found.extend(_line(item) for item in replay.finish())
        for subject, balances in replay.books.items():
            found.extend(_line(item) for item in subject_findings(subject, balances))
        orders = 0
        async for row in conn.cursor(ORDERS.list_states, prefetch=5000):
            orders += 1
            balances = replay.books.get(row["order_id"], {})
            state = State(
                paid=row["paid_at"] is not None,
                delivered=row["state"] == "delivered",
                refunded=row["state"] == "refunded",
                costless=row["cost_fen"] == 0,
            )
            found.extend(_line(item) for item in state_findings(row["order_id"], balances, state))
    missing = sum(
        fen
        for account, fen in replay.totals.items()
        if account.place == MISSING and account.place not in SOURCES | SPENT
    )
    async with ctx.pool.acquire() as conn:
        await conn.execute(
            SQL.insert_run,
            new_id(ctx.now(), Random()),
            "full" if full else "incremental",
            started,
            started,
            len(found),
            len(replay.books),
        )
    return AuditReport(
        ok=not found,
        findings=found[:FINDINGS_MAX],
        subjects=len(replay.books),
        orders=orders,
        missing_fen=missing,
        checked_at=ctx.now(),
    )


async def read_places(ctx: Context) -> dict[tuple[str, str], int]:
    """Totals by place and party over all owners (attempts folded into their supplier), fen."""
    totals: dict[tuple[str, str], int] = {}
    async with ctx.pool.acquire() as conn:
        for row in await conn.fetch(LEDGER.read_totals):
            account = Account(row["place"], row["party"].partition("#")[0], row["owner"])
            spot = (account.place, account.party)
            totals[spot] = totals.get(spot, 0) + row["amount_fen"]
    return {spot: fen for spot, fen in totals.items() if fen}
