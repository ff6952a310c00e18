"""Taking statements in, each line once by (account, statement id, position); a file that does not follow is refused."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime, timedelta
from random import Random
from typing import Final

import asyncpg
import msgspec

from mingzhang.custody.formats import read_statements
from mingzhang.custody.model import Statement, refused
from mingzhang.custody.store import SQL, Account
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.database import transaction
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.places import CUSTODY

LINE_MAX: Final = timedelta(hours=24)
"""So long a line may wait to be booked by a rule; then a person is next."""

_CANONICAL: Final = msgspec.json.Encoder(order="sorted")


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one statement. ``fresh``: false when it was here before, word for word."""

    account: str
    bank: str
    statement_id: str
    lines: int
    opening_fen: int
    closing_fen: int
    fresh: bool


async def import_file(
    pool: asyncpg.Pool,
    rng: Random,
    now: datetime,
    body: bytes,
    *,
    name: str,
    who: str,
    template: str = "",
    standing: Standing = Standing.OWN,
) -> list[Taken]:
    """Take every statement of a file in, or none. The same file again changes nothing.

    ``standing``: how far the file may be believed: an answer of the bank's own address, or handed in by staff.
    Raises Problem ``statement_refused`` with line and field.
    """
    form, statements = await asyncio.to_thread(read_statements, body, template)
    async with transaction(pool) as conn:
        cited = await _keep(conn, rng, now, body, name=name, form=form, who=who, standing=standing)
        return [await _take(conn, now, statement, body, cited) for statement in statements]


async def _keep(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    body: bytes,
    *,
    name: str,
    form: str,
    who: str,
    standing: Standing,
) -> str:
    """The file as evidence; a large one is kept whole beside its record. Returns the evidence's id."""
    digest = hashlib.sha256(body).digest()
    known = await conn.fetchrow(SQL.read_file_head, digest)
    if known is not None:
        return str(known["evidence_id"])
    told = msgspec.json.encode(
        {"file": name[:120], "format": form, "sha256": digest.hex(), "bytes": len(body)}
    )
    message = Message(
        party="bank",
        kind="bank.statement",
        direction=Direction.IN,
        standing=standing,
        body=told if len(body) > evidence.BODY_MAX_BYTES else body,
        content_type="application/json"
        if len(body) > evidence.BODY_MAX_BYTES
        else "application/octet-stream",
        note=digest.hex(),
    )
    cited = await evidence.keep(conn, rng, now, message)
    await conn.execute(SQL.insert_file, digest, name[:120], form, body, cited, who[:64], now)
    return cited


def content_hash(statement: Statement) -> bytes:
    """Of what a statement says, whatever format and file it came in."""
    lines = [[str(line.booked_on), line.amount_fen, line.reference] for line in statement.lines]
    return hashlib.sha256(
        _CANONICAL.encode([statement.opening_fen, statement.closing_fen, statement.currency, lines])
    ).digest()


async def _take(
    conn: asyncpg.Connection, now: datetime, statement: Statement, body: bytes, cited: str
) -> Taken:
    row = await conn.fetchrow(SQL.lock_account, statement.account)
    if row is None:
        raise refused("wrong_account", _row(statement), "account", f"{statement.account} is none of ours")
    account = Account(**dict(row))
    if statement.currency != account.currency:
        raise refused(
            "wrong_currency", _row(statement), "currency", f"{statement.currency} of {account.currency}"
        )
    said = content_hash(statement)
    known = await conn.fetchrow(SQL.read_statement, statement.account, statement.statement_id)
    if known is not None and known["content_hash"] != said:
        told = f"{statement.statement_id} was told otherwise before; what was booked stands"
        raise refused("corrected", _row(statement), "statement id", told)
    if known is None:
        await _insert(conn, now, account, statement, said, hashlib.sha256(body).digest(), cited)
    return Taken(
        account=statement.account,
        bank=account.bank,
        statement_id=statement.statement_id,
        lines=len(statement.lines),
        opening_fen=statement.opening_fen,
        closing_fen=statement.closing_fen,
        fresh=known is None,
    )


def _row(statement: Statement) -> int:
    return statement.lines[0].row if statement.lines else 1


async def _insert(
    conn: asyncpg.Connection,
    now: datetime,
    account: Account,
    statement: Statement,
    said: bytes,
    digest: bytes,
    cited: str,
) -> None:
    last = await conn.fetchrow(SQL.read_last_statement, account.account)
    if last is not None:
        if last["closing_fen"] != statement.opening_fen:
            told = f"opens with {statement.opening_fen}, {last['statement_id']} closed with {last['closing_fen']}"
            raise refused("gap", _row(statement), "opening balance", told)
        if statement.closed_on < last["closed_on"]:
            told = f"{statement.closed_on} is before {last['closed_on']} of {last['statement_id']}"
            raise refused("gap", _row(statement), "closing date", told)
    key = (account.account, statement.statement_id)
    n = last["n"] + 1 if last is not None else 1
    await conn.execute(
        SQL.insert_statement,
        *key,
        n,
        statement.opened_on,
        statement.closed_on,
        statement.opening_fen,
        statement.closing_fen,
        len(statement.lines),
        said,
        digest,
        cited,
        now,
    )
    known_fen = await ledger.read_place(conn, CUSTODY, account.bank) if last is None else 0
    if last is None and statement.opening_fen > known_fen:
        # Row 1: what was there before the first line and is not booked yet is the shop's own, by the bank's word.
        posting = postings.capital_in(
            f"CAPITAL-{account.bank}",
            party=account.bank,
            place=CUSTODY,
            amount_fen=statement.opening_fen - known_fen,
        )
        await ledger.write_shared(conn, posting, evidence_id=cited, now=now)
    await _insert_lines(conn, now, account, statement)


async def _insert_lines(
    conn: asyncpg.Connection, now: datetime, account: Account, statement: Statement
) -> None:
    if not statement.lines:
        return
    key = (account.account, statement.statement_id)
    positions = [line.position for line in statement.lines]
    amounts = [line.amount_fen for line in statement.lines]
    references = [line.reference for line in statement.lines]
    await conn.execute(
        SQL.insert_lines,
        *key,
        positions,
        [line.booked_on for line in statement.lines],
        amounts,
        references,
        [line.bank_reference for line in statement.lines],
        [line.counterparty for line in statement.lines],
        [line.counterparty_account for line in statement.lines],
        [line.purpose for line in statement.lines],
        [line.reversal for line in statement.lines],
    )
    await conn.execute(
        SQL.insert_tasks, *key, account.bank, positions, amounts, references, now, now + LINE_MAX
    )
