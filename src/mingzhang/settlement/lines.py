"""What each bank line is: a channel's payout, an instruction of ours, the bank's own charge, or nobody's yet (row 6, 27).

A rule books only what it can name: by the reference that was fixed before. All else waits, listed, with its clock.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.custody import instructions
from mingzhang.custody.instructions import SQL as INSTRUCTIONS
from mingzhang.custody.store import SQL as CUSTODY_SQL
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.database import transaction
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.places import CUSTODY
from mingzhang.orders.breaches import SHARED, Late, note_breach
from mingzhang.orders.context import Context
from mingzhang.orders.suspense import put_aside_at_bank
from mingzhang.settlement import flow
from mingzhang.settlement.store import SQL

PERSON_MAX: Final = timedelta(hours=24)
RETRY_S: Final = (5, 30, 60, 300, 600, 1800)
CHARGE_MAX_FEN: Final = 100_000
"""A charge above this is looked at by a person."""

_INSTRUCTION: Final = re.compile(r"MZ[0-9A-HJKMNP-TV-Z]{20}")
_CHARGE: Final = re.compile(r"手续费|服务费|管理费|工本费|bank charge|service fee", re.IGNORECASE)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A line that waits to be booked."""

    account: str
    statement_id: str
    position: int
    bank: str
    amount_fen: int
    reference: str
    state: str
    asked: int
    next_actor: str
    deadline_at: datetime
    since: datetime
    bank_reference: str
    counterparty_account: str
    purpose: str
    evidence_id: str
    sha256: bytes

    @property
    def key(self) -> str:
        """The line's name, for ever."""
        return f"{self.account}/{self.statement_id}/{self.position}"


async def work_line(ctx: Context, account: str, statement_id: str, position: int) -> None:
    """The worker's visit: book it if something names it, else look again; past its time a person is next."""
    async with transaction(ctx.pool) as conn:
        row = await conn.fetchrow(INSTRUCTIONS.lock_task, account, statement_id, position)
        if row is None or row["state"] == "booked":
            return
        task = Task(**{name: row[name] for name in Task.__struct_fields__})
        now = ctx.now()
        used = await _match(ctx, conn, task, now)
        if used is not None:
            await conn.execute(CUSTODY_SQL.book_line, account, statement_id, position, used[0], used[1], now)
        else:
            await _later(conn, task, now)


async def _match(ctx: Context, conn: asyncpg.Connection, task: Task, now: datetime) -> tuple[str, str] | None:
    """What it was booked for, and the subject; None when nothing names it."""
    words = f"{task.reference} {task.purpose}"
    if task.amount_fen > 0:
        batch = await _batch_of(conn, task, words)
        if batch is not None:
            cited = await keep_line(ctx, conn, task, now, batch=":".join(batch))
            if await flow.attach_line(
                conn, now, *batch, line_key=task.key, evidence_id=cited, amount_fen=task.amount_fen
            ):
                return "batch", ":".join(batch)
    for number in _INSTRUCTION.findall(words):
        if await conn.fetchrow(INSTRUCTIONS.read_instruction, number) is not None:
            cited = await keep_line(ctx, conn, task, now, instruction=number)
            if await instructions.book_line(conn, now, number, task.amount_fen, cited):
                return "instruction", number
    if (
        -CHARGE_MAX_FEN <= task.amount_fen < 0
        and _CHARGE.search(task.purpose)
        and not task.counterparty_account
    ):
        return await _charge(ctx, conn, task, now)
    if task.amount_fen > 0 and task.state == "open" and task.deadline_at <= now:
        cited = await keep_line(ctx, conn, task, now, aside=True)
        item = await put_aside_at_bank(
            conn,
            ctx.rng,
            now,
            bank=task.bank,
            line_key=task.key,
            amount_fen=task.amount_fen,
            evidence_id=cited,
        )
        return "aside", item
    return None


async def _batch_of(conn: asyncpg.Connection, task: Task, words: str) -> tuple[str, str] | None:
    """The one payout this line is: by its reference, else by the reference in its words; two are none."""
    rows = await conn.fetch(SQL.find_by_reference, task.reference, task.bank) if task.reference else []
    if not rows:
        awaited = await conn.fetch(SQL.list_awaited, task.bank)
        rows = [row for row in awaited if row["reference"] and row["reference"] in words]
    return (rows[0]["channel"], rows[0]["batch_id"]) if len(rows) == 1 else None


async def _charge(
    ctx: Context, conn: asyncpg.Connection, task: Task, now: datetime
) -> tuple[str, str] | None:
    """Row 27: the bank's own charge, from what is ours there."""
    await conn.fetchrow(CUSTODY_SQL.lock_bank, task.bank)
    fen = -task.amount_fen
    if await ledger.read_float(conn, CUSTODY, task.bank) < fen:
        return None
    subject = f"CHARGE-{task.key}"
    cited = await keep_line(ctx, conn, task, now, charge=fen)
    posting = postings.own_charges(subject, at=(CUSTODY, task.bank), amount_fen=fen)
    await ledger.write_shared(conn, posting, evidence_id=cited, now=now)
    return "charge", subject


async def keep_line(
    ctx: Context, conn: asyncpg.Connection, task: Task, now: datetime, **used_for: Any
) -> str:
    """The line as evidence of its own: which statement and file it is of, and what it was taken for."""
    told = {
        "line": task.key,
        "amount_fen": task.amount_fen,
        "reference": task.reference,
        "statement_evidence": task.evidence_id,
        "file_sha256": task.sha256.hex(),
        **used_for,
    }
    message = Message(
        party=task.bank,
        kind="bank.line",
        direction=Direction.IN,
        standing=Standing.OWN,
        body=msgspec.json.encode(told),
        content_type="application/json",
        note=task.key,
    )
    return await evidence.keep(conn, ctx.rng, now, message)


async def _later(conn: asyncpg.Connection, task: Task, now: datetime) -> None:
    state, actor, deadline, since = task.state, task.next_actor, task.deadline_at, task.since
    if deadline <= now:
        late = Late("bank_line", task.key, "", state, actor, deadline)
        await note_breach(conn, late, "person", now, bucket=SHARED)
        state, actor, since = "person", "person", now
        deadline = now + PERSON_MAX
    due = now + timedelta(seconds=RETRY_S[min(task.asked, len(RETRY_S) - 1)])
    await conn.execute(
        INSTRUCTIONS.set_task,
        task.account,
        task.statement_id,
        task.position,
        state,
        task.asked + 1,
        actor,
        min(due, deadline),
        deadline,
        since,
    )
