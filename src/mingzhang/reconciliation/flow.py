"""Taking a file in and holding its day against the ledger (R11). Safe to repeat, in any order, as often as one likes.

The same bytes again change nothing; other bytes for the same day are its corrected file: every difference is judged
anew. A file that is cut short, of another day or of another account is refused by line and field, and nothing of it
is kept but the refusal.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind as ProblemKind
from mingzhang.kit.errors import Problem
from mingzhang.orders.breaches import SHARED, Late, note_breach
from mingzhang.orders.context import Context
from mingzhang.payments.channels.base import HasBills, Outcome
from mingzhang.reconciliation import balances, merge, ours, payouts
from mingzhang.reconciliation.bills.text import RAW_BYTES_MAX, Told, refused
from mingzhang.reconciliation.match import Matcher, Rules, write_theirs
from mingzhang.reconciliation.model import Found, Kind, Line, OurLine, Totals, Wanted, Word
from mingzhang.reconciliation.sources import SOURCES, Source, of_bank, ready_at, source_named
from mingzhang.reconciliation.states import FILE_MAX_S, FILE_RETRY_S, PERSON_S
from mingzhang.reconciliation.store import SQL, BillFile, new_file_id, read_file, read_row, store_file

BREAKS_MAX: Final = 20_000
"""More differences than this on one day of one source are one mistake (a file of another shop), not so many."""

CARRIED_MAX: Final = 20_000
STATEMENT: Final = "statement"
"""The origin of a bank's day: written from the statements that were taken in."""

Say = Callable[[str, float], None]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A file that somebody or something brought. ``standing`` as of evidence; ``evidence_id``: what led to it."""

    name: str
    content: bytes
    origin: str
    standing: str = "own"
    evidence_id: str = ""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a day. ``result``: new, same, corrected (of the file), no_trades, or waiting with its ``code``."""

    source: str
    day: date
    result: str
    code: str = ""
    file_id: str = ""
    sha256: str = ""
    lines: int = 0
    agreed: int = 0
    totals: tuple[Totals, ...] = ()
    counts: dict[str, int] = {}
    opened: int = 0
    closed: int = 0


def silent(_text: str, _done: float) -> None:
    """Nobody looks."""


async def plan_days(ctx: Context) -> None:
    """Yesterday of every source whose party is installed, and of every bank, begins to wait for its file; safe to repeat."""
    now = ctx.now()
    day = now.astimezone(BEIJING).date() - timedelta(days=1)
    ready = ready_at(day)
    async with transaction(ctx.pool) as conn:
        for source in SOURCES.values():
            if source.party in ctx.channels or source.party in ctx.suppliers:
                due = now if source.asked else max(now, ready) if _bills(ctx, source) else None
                await _ensure(ctx, conn, source, day, due)
        for bank in await payouts.list_banks(conn):
            await _ensure(ctx, conn, of_bank(bank), day, max(now, ready))


async def _ensure(
    ctx: Context, conn: asyncpg.Connection, source: Source, day: date, due: datetime | None
) -> None:
    latest = max(ctx.now(), ready_at(day)) + timedelta(seconds=FILE_MAX_S)
    waits_for = "channel" if source.side == "channel" else source.side
    actor = "person" if due is None else waits_for
    values = (source.name, day, source.party, actor, ctx.now(), due, latest)
    await conn.execute(SQL.ensure_day, *values)


def _bills(ctx: Context, source: Source) -> HasBills | None:
    channel: object = ctx.channels.get(source.party) if source.bill else None
    return channel if isinstance(channel, HasBills) else None


async def fetch_day(ctx: Context, name: str, day: date, say: Say = silent) -> Judged:
    """Fetch a source's file and judge the day; not there yet: waiting, asked again later (T+1 10:00)."""
    source = source_named(name)
    bills = _bills(ctx, source)
    own = source.side == "bank" or source.asked
    async with transaction(ctx.pool) as conn:
        await _ensure(ctx, conn, source, day, ctx.now() if bills is not None or own else None)
    if own:
        take = _ask_balance if source.asked else _take_bank_day
        return await take(ctx, source, day, say)
    if bills is None:
        return Judged(source=name, day=day, result="waiting", code="file_needed")
    say("fetch", 0.05)
    answer = await bills.fetch_bill(source.bill, day)
    async with transaction(ctx.pool) as conn:
        evidence_id = await evidence.keep_all(conn, ctx.rng, ctx.now(), answer.messages)
    if answer.outcome is not Outcome.OK:
        return await _not_there(ctx, source, day, answer.code or "unknown")
    if not answer.content:
        return await _judge(ctx, source, day, None, b"", "no_trades", say)
    given = Given(
        name=answer.name,
        content=answer.content,
        origin="fetched",
        standing=answer.standing.value,
        evidence_id=evidence_id,
    )
    try:
        return await take_file(ctx, name, day, given, say)
    except Problem as problem:
        if problem.code != "bill_refused":
            raise
        return await _not_there(ctx, source, day, f"refused_{problem.params.get('why', '')}")


async def _ask_balance(ctx: Context, source: Source, day: date, say: Say) -> Judged:
    """A balance is of the moment in which it is asked: soon after the day's end, once."""
    async with ctx.pool.acquire() as conn:
        row = await conn.fetchrow(SQL.read_day, source.name, day)
    if row["state"] == "judged":
        return Judged(source=source.name, day=day, result="same", agreed=row["agreed"])
    if day != ctx.now().astimezone(BEIJING).date() - timedelta(days=1):
        async with transaction(ctx.pool) as conn:
            await conn.execute(SQL.give_day_up, source.name, day, "too_late")
        return Judged(source=source.name, day=day, result="waiting", code="too_late")
    asked = await balances.ask(ctx, source, day)
    if not asked.known:
        return await _not_there(ctx, source, day, "no_answer")
    say("done", 1.0)
    return Judged(
        source=source.name,
        day=day,
        result="new",
        agreed=int(not asked.differs),
        opened=asked.opened,
        closed=asked.closed,
        counts={"amount": 1} if asked.differs else {},
    )


async def _take_bank_day(ctx: Context, source: Source, day: date, say: Say) -> Judged:
    """The lines of a bank's day stand in the statements that came in; once one reaches to that day, it is judged."""
    async with ctx.pool.acquire() as conn:
        told = await payouts.read_day(conn, source.party, day)
    if told is None:
        return await _not_there(ctx, source, day, "statement_missing")
    content, evidence_id = told
    if not content:
        return await _judge(ctx, source, day, None, b"", "no_trades", say)
    given = Given(
        name=f"{source.name}-{day:%Y%m%d}.csv", content=content, origin=STATEMENT, evidence_id=evidence_id
    )
    return await take_file(ctx, source.name, day, given, say)


async def _not_there(ctx: Context, source: Source, day: date, code: str) -> Judged:
    now = ctx.now()
    async with transaction(ctx.pool) as conn:
        row = await conn.fetchrow(SQL.lock_day, source.name, day)
        wait = timedelta(seconds=FILE_RETRY_S[min(row["asked"], len(FILE_RETRY_S) - 1)])
        await conn.execute(SQL.set_asked, source.name, day, code[:64], now + wait)
        if row["deadline_at"] is not None and row["deadline_at"] <= now:
            key = f"{source.name}/{day}"
            late = Late("bill", key, "", row["state"], row["next_actor"], row["deadline_at"])
            await note_breach(conn, late, "person", now, bucket=SHARED)
            latest = now + timedelta(seconds=PERSON_S)
            await conn.execute(SQL.hand_day_over, source.name, day, now, latest, now + wait)
    return Judged(source=source.name, day=day, result="waiting", code=code)


async def take_file(ctx: Context, name: str, day: date, given: Given, say: Say = silent) -> Judged:
    """Keep a file and judge its day.

    Raises Problem `unknown_source`, `bill_refused` (why, line, field), `too_many_breaks`, `day_not_over`.
    """
    source = source_named(name)
    if day >= ctx.now().astimezone(BEIJING).date():
        raise Problem("day_not_over", ProblemKind.CONFLICT, f"{day} is not over in Beijing")
    if source.asked or (source.side == "bank" and given.origin != STATEMENT):
        raise refused("unknown_form", 0, "source", "takes no file: statements come in by `custody import`")
    if len(given.content) > RAW_BYTES_MAX:
        raise refused("too_large", 0, "file", f"more than {RAW_BYTES_MAX >> 20} MiB")
    return await _judge(ctx, source, day, given, given.content, "", say)


async def judge_again(ctx: Context, name: str, day: date, say: Say = silent) -> Judged:
    """Hold a day against its ledger once more, by the file that is there. Raises Problem `unknown_file`."""
    source = source_named(name)
    async with ctx.pool.acquire() as conn:
        row = await conn.fetchrow(SQL.read_day, name, day)
        if row is None or not row["file_id"]:
            raise Problem("unknown_file", ProblemKind.NOT_FOUND)
        file, raw = await read_file(conn, row["file_id"])
    given = Given(name=file.name, content=raw, origin=file.origin, standing=file.standing)
    return await _judge(ctx, source, day, given, raw, "", say)


async def _judge(
    ctx: Context, source: Source, day: date, given: Given | None, raw: bytes, why_none: str, say: Say
) -> Judged:
    with tempfile.TemporaryDirectory(prefix="mingzhang-reconcile-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        told = Told(day=day)
        say("read", 0.1)
        lines = _compared(source, source.read(raw, told)) if given else iter(())
        await asyncio.to_thread(write_theirs, folder / "theirs.csv", lines)
        result, file = "no_trades", None
        if given is not None:
            result, file = await _keep(ctx, source, day, given, told, folder / "theirs.csv")
        say("ledger", 0.3)
        async with ctx.pool.acquire() as conn:
            await ours.export(conn, source, day, folder / "ours.csv")
            carried = [
                read_row(row) for row in await conn.fetch(SQL.list_carried, source.name, day, CARRIED_MAX)
            ]
        merge.append_carried(folder / "ours.csv", carried)
        say("match", 0.5)
        found, agreed, totals = await _match(ctx, source, day, folder)
    say("differences", 0.9)
    file_id = file.file_id if file else ""
    async with transaction(ctx.pool) as conn:
        await _ensure(ctx, conn, source, day, None)
        await conn.fetchrow(SQL.lock_day, source.name, day)
        changed = await merge.merge(ctx, conn, source, day, file_id, found, carried)
        state = "judged" if given else "no_trades"
        values = (file_id, ctx.now(), agreed, msgspec.to_builtins(totals))
        await conn.execute(SQL.set_judged, source.name, day, state, *values)
    say("done", 1.0)
    counts: dict[str, int] = {}
    for it in found:
        counts[it.cls.value] = counts.get(it.cls.value, 0) + (not it.settled)
    return Judged(
        source=source.name,
        day=day,
        result=result,
        code=why_none,
        file_id=file_id,
        sha256=file.sha256.hex() if file else "",
        lines=told.lines,
        agreed=agreed,
        totals=tuple(totals),
        counts={name: n for name, n in counts.items() if n},
        opened=changed.opened,
        closed=changed.closed,
    )


def _compared(source: Source, lines: Iterator[Line]) -> Iterator[Line]:
    """What of a file is held against the ledger: its kinds, and whatever moves money by itself.

    A trade's fee and refund in an account's movements bear no number of ours; the trade bill tells them exactly.
    """
    trades = (Kind.PAID, Kind.REFUND, Kind.SUPPLY)
    for line in lines:
        if line.kind in source.kinds or (line.kind not in trades and not line.our_no):
            yield line


async def _keep(
    ctx: Context, source: Source, day: date, given: Given, told: Told, lines: Path
) -> tuple[str, BillFile]:
    """Keep the file once; the same lines as the day's present file are that file (its time of export may differ)."""
    now, digest = ctx.now(), hashlib.sha256(given.content).digest()
    lines_digest = await asyncio.to_thread(_digest, lines)
    async with transaction(ctx.pool) as conn:
        known = await conn.fetchval(SQL.find_file, source.name, day, digest)
        before = await conn.fetchrow(SQL.read_day, source.name, day)
        present = before["file_id"] if before else ""
        for file_id in filter(None, (known, present)):
            row = await conn.fetchrow(SQL.read_file, file_id)
            if file_id == known or row["lines_sha256"] == lines_digest:
                return "same" if file_id == present else "corrected", BillFile(**dict(row))
        account = await conn.fetchval(SQL.last_account, source.name)
        if account and told.account and account != told.account:
            raise refused("wrong_account", 0, "account", f"{told.account}, so far {account}")
        file = BillFile(
            file_id=new_file_id(now, ctx.rng),
            source=source.name,
            party=source.party,
            day=day,
            name=given.name,
            sha256=digest,
            lines_sha256=lines_digest,
            size_bytes=len(given.content),
            parts=0,
            lines=told.lines,
            account=told.account,
            standing=given.standing,
            origin=given.origin,
            corrects=present,
            evidence_id=given.evidence_id,
            known_at=now,
        )
        await store_file(conn, file, given.content)
    return ("corrected" if present else "new"), file


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


async def _match(
    ctx: Context, source: Source, day: date, folder: Path
) -> tuple[list[Found], int, list[Totals]]:
    """The matching itself runs in a thread; in between the ledger is asked for what other days may hold."""
    rules = Rules(day=day, edge_s=int(source.edge.total_seconds()))
    matcher = await asyncio.to_thread(Matcher, folder, folder / "theirs.csv", folder / "ours.csv", rules)
    with matcher:
        wanted = await asyncio.to_thread(_pair, matcher)
        late: list[OurLine] = []
        issued: set[str] = set()
        if wanted:
            async with ctx.pool.acquire() as conn:
                late = await ours.look_up(conn, source, wanted)
                issued = await ours.issued_among(conn, wanted)
        # What failed on both sides is no difference, wherever it lies; here only theirs succeeded.
        late = [it for it in late if it.state is not Word.FAILED or it.amount_fen]
        return await asyncio.to_thread(_finish, matcher, late, issued)


def _pair(matcher: Matcher) -> list[Wanted]:
    matcher.pair()
    wanted: list[Wanted] = []
    for batch in matcher.wanted():
        wanted += batch
        _check_count(len(wanted))
    return wanted


def _finish(matcher: Matcher, late: list[OurLine], issued: set[str]) -> tuple[list[Found], int, list[Totals]]:
    matcher.read_elsewhere(late, issued)
    found: list[Found] = []
    for batch in matcher.judge():
        found += batch
        _check_count(len(found))
    return found, matcher.agreed(), matcher.totals()


def _check_count(count: int) -> None:
    if count > BREAKS_MAX:
        told = f"more than {BREAKS_MAX} lines differ: is it this shop's file?"
        raise Problem("too_many_breaks", ProblemKind.INVALID, told)
