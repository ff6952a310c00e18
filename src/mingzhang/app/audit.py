"""The checker: every invariant of the ledger, and state against money (invariants 1-3, 5-8; R12).

Two scopes, one set of checks. *Full*: every subject, every hash, every sum. *Incremental*: whatever has rows
dated after the last clean audit's checkpoint, each such subject replayed in whole, and the roll-ups carried
forward from the checkpoint's totals (decision 0004).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import asyncpg
import msgspec

from mingzhang.app.audit_ask import ask_again
from mingzhang.app.audit_read import BEGINNING, SQL, Reader
from mingzhang.app.audit_rows import Dossier
from mingzhang.app.audit_state import dossier_findings
from mingzhang.app.audit_whole import Sums, read_checkpoint, read_sums, replay_findings, whole_findings
from mingzhang.app.console.fill import check_rollup
from mingzhang.kit.database import COMMAND_TIMEOUT_SECONDS, transaction
from mingzhang.kit.ids import new_id
from mingzhang.ledger.model import Finding, Replay, subject_findings
from mingzhang.ledger.places import MISSING, Account
from mingzhang.ledger.store import SQL as LEDGER
from mingzhang.orders.context import Context

FINDINGS_MAX: Final = 1000  # kept in a report; all are counted
STATEMENTS_MAX: Final = 20
# Real seconds. A row is dated when its transaction begins its work and seen when that commits: hardly ever so much
# later, because each of its statements is given up after the command timeout (decision 0004).
OVERLAP_REAL_S: Final = STATEMENTS_MAX * COMMAND_TIMEOUT_SECONDS


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """One finding: the invariant's number in ledger.md, a closed code, the subject, and the rows."""

    invariant: int
    code: str
    subject: str
    detail: str


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the audit found; `missing_fen` is money that stands at `missing` (待核实款项).

    `findings`: at most FINDINGS_MAX of `found`. `subjects`: replayed now; `orders`: in the shop. `since`: from
    when on rows were looked for, null for all. `asked`: orders whose channel or supplier is asked again.
    """

    ok: bool
    findings: list[Named]
    found: int
    scope: str
    since: datetime | None
    subjects: int
    orders: int
    missing_fen: int
    checked_at: datetime
    asked: list[str]

    @property
    def lines(self) -> list[str]:
        """The findings as text, one line each."""
        return [
            f"{item.invariant} {item.code} {item.subject} {item.detail}".replace("  ", " ").strip()
            for item in self.findings
        ]


class _Found:
    """Findings as they come: the first so many kept, all counted."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.count = 0
        self.grave = 0  # all but differences from an earlier checkpoint

    def add(self, finding: Finding) -> None:
        self.count += 1
        self.grave += finding.code != "checkpoint_differs"
        if len(self.kept) < FINDINGS_MAX:
            self.kept.append(finding)


class _Outcome(msgspec.Struct, kw_only=True):
    since: datetime
    subjects: int
    sums: Sums
    newest: datetime | None


async def run_audit(ctx: Context, full: bool, *, ask: bool = False) -> AuditReport:
    """Check in one repeatable-read snapshot; afterwards remember the run and, if `ask`, re-ask outside parties."""
    started = ctx.now()
    overlap = timedelta(seconds=OVERLAP_REAL_S * ctx.clock.speed)
    found = _Found()
    async with ctx.pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        outcome = await _examine(conn, found, started - overlap, full)
    await _remember(ctx, found, outcome, started, overlap)
    if full:
        await check_rollup(ctx)
    wrong = {item.subject for item in found.kept if item.invariant == 8}
    asked = await ask_again(ctx, sorted(wrong)) if ask else []
    whole = outcome.since == BEGINNING
    return AuditReport(
        ok=not found.count,
        findings=[Named(**item._asdict()) for item in found.kept],
        found=found.count,
        scope="full" if whole else "incremental",
        since=None if whole else outcome.since,
        subjects=outcome.subjects,
        orders=outcome.sums.orders,
        missing_fen=sum(fen for account, fen in outcome.sums.total.items() if account.place == MISSING),
        checked_at=ctx.now(),
        asked=asked,
    )


async def _examine(conn: asyncpg.Connection, found: _Found, closing: datetime, full: bool) -> _Outcome:
    last = await read_checkpoint(conn)
    # A checkpoint ahead of the clock is another clock's: nothing can be built on it.
    start = None if full or last is None or last.closed_to > closing else last
    since = start.closed_to if start else BEGINNING
    replay = Replay()
    subjects = 0
    async for file in Reader(conn, since).dossiers():
        subjects += 1
        for finding in _subject(replay, file):
            found.add(finding)
    sums, differences = await read_sums(conn, start, last, closing)
    if start is None:
        differences += replay_findings(replay.totals, sums.total)
    for finding in differences:
        found.add(finding)
    async for finding in whole_findings(conn, since):
        found.add(finding)
    return _Outcome(since=since, subjects=subjects, sums=sums, newest=last.closed_to if last else None)


def _subject(replay: Replay, file: Dossier) -> list[Finding]:
    """Replay one subject's whole journal, then hold everything else against what it comes to."""
    where = f"bucket={file.bucket}"
    rows = (
        (f"{where} seq={leg.seq}", file.subject, *leg.account, leg.amount_fen, leg.evidence_id)
        for leg in file.legs
    )
    findings = [*replay.feed(rows), *replay.settle()]
    balances = replay.drop(file.subject)
    findings += [
        item._replace(detail=f"{where} {item.detail}") for item in subject_findings(file.subject, balances)
    ]
    findings += dossier_findings(file)
    return findings


async def _remember(
    ctx: Context, found: _Found, outcome: _Outcome, started: datetime, overlap: timedelta
) -> None:
    """Write the run and, when nothing is wrong, a checkpoint for the next one (not more than one an overlap).

    A full audit that finds nothing but an earlier checkpoint's difference has read every row: its own sums
    replace that checkpoint, and the difference is told once.
    """
    whole = outcome.since == BEGINNING
    closing = started - overlap
    run_id = new_id(started, ctx.rng)
    fresh = outcome.newest is None or closing - outcome.newest >= (timedelta(0) if whole else overlap)
    async with transaction(ctx.pool) as conn:
        await conn.execute(
            SQL.insert_run,
            run_id,
            "full" if whole else "incremental",
            started,
            started,
            found.count,
            outcome.subjects,
        )
        if found.grave or not fresh:
            return
        closed = sorted(outcome.sums.closed.items())
        await conn.execute(SQL.insert_checkpoint, run_id, closing, outcome.sums.closed_orders)
        await conn.execute(
            SQL.insert_totals,
            run_id,
            [account.place for account, _ in closed],
            [account.party for account, _ in closed],
            [account.owner for account, _ in closed],
            [fen for _, fen in closed],
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
