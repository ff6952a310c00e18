"""The one writer of the ledger. Callers hold the lock on the order's row."""

from datetime import datetime

import asyncpg
import msgspec

from mingzhang.evidence import unlogged
from mingzhang.kit.ids import bucket_of
from mingzhang.kit.sql import load
from mingzhang.ledger.moves import Posting, check
from mingzhang.ledger.places import Account, Balances

SQL = load("mingzhang.ledger", "store")


async def read_balances(conn: asyncpg.Connection, subject: str) -> dict[Account, int]:
    """One subject's non-zero sums by account."""
    rows = await conn.fetch(SQL.read_balances, bucket_of(subject), subject)
    return {Account(row["place"], row["party"], row["owner"]): row["amount_fen"] for row in rows}


class Step(msgspec.Struct, frozen=True):
    """One posting as it was booked: its legs by account, in fen."""

    seq: int
    at: datetime
    evidence_id: str
    legs: tuple[tuple[Account, int], ...]


async def read_steps(conn: asyncpg.Connection, subject: str) -> list[Step]:
    """Every posting of one subject, in the order in which they were booked."""
    found: dict[int, list[asyncpg.Record]] = {}
    for row in await conn.fetch(SQL.read_steps, bucket_of(subject), subject):
        found.setdefault(row["seq"], []).append(row)
    return [
        Step(
            seq,
            rows[0]["at"],
            rows[0]["evidence_id"],
            tuple((Account(row["place"], row["party"], row["owner"]), row["amount_fen"]) for row in rows),
        )
        for seq, rows in found.items()
    ]


async def read_float(conn: asyncpg.Connection, place: str, party: str) -> int:
    """The platform's own money at one place (float), in fen."""
    return int(await conn.fetchval(SQL.read_float, place, party))


async def richest(conn: asyncpg.Connection, place: str) -> tuple[str, int]:
    """The party at which the most of the float stands in that place, and how much; ("", 0) when none does."""
    rows = await conn.fetch(SQL.list_floats, place)
    return (rows[0]["party"], int(rows[0]["amount_fen"])) if rows else ("", 0)


async def read_place(conn: asyncpg.Connection, place: str, party: str) -> int:
    """Everything at one place, whoever owns it, in fen: a whole sum, for seldom use."""
    return int(await conn.fetchval(SQL.read_place, place, party))


async def write(
    conn: asyncpg.Connection,
    subject: str,
    balances: Balances,
    posting: Posting,
    *,
    seq: int,
    evidence_id: str,
    now: datetime,
) -> dict[Account, int]:
    """Check a posting against what the subject holds, store its legs, return the balances after it."""
    check(balances, posting)
    after = dict(balances)
    for leg in posting.legs:
        account = Account(leg.place, leg.party, leg.owner)
        after[account] = after.get(account, 0) + leg.amount_fen
    await _insert(conn, bucket_of(subject), posting, seq, evidence_id, now)
    return {account: amount for account, amount in after.items() if amount}


async def _insert(
    conn: asyncpg.Connection, bucket: int, posting: Posting, seq: int, evidence_id: str, now: datetime
) -> None:
    legs = posting.legs
    if not legs:
        return
    await conn.execute(
        SQL.insert_legs,
        bucket,
        seq,
        posting.row,
        evidence_id,
        now,
        [leg.subject for leg in legs],
        list(range(len(legs))),
        [leg.place for leg in legs],
        [leg.party for leg in legs],
        [leg.owner for leg in legs],
        [leg.amount_fen for leg in legs],
    )


async def has_capital(conn: asyncpg.Connection, subject: str) -> bool:
    """Whether this opening balance was booked before."""
    return bool(await conn.fetchval(SQL.has_subject, subject))


async def has_dealt_with(conn: asyncpg.Connection, party: str) -> bool:
    """Whether money ever stood at this supplier. Reads all legs when it did not: for the first day only."""
    return bool(await conn.fetchval(SQL.has_dealt_with, party))


async def next_shared_seq(conn: asyncpg.Connection, subject: str) -> int:
    """The number that a shared subject's next posting takes; the caller holds a lock of its own on it."""
    return int(await conn.fetchval(SQL.next_shared_seq, subject))


async def write_shared(
    conn: asyncpg.Connection, posting: Posting, *, evidence_id: str, now: datetime, seq: int = 1
) -> None:
    """Store a posting that belongs to no order (capital, prefund, stock): bucket 0, a subject of its own, each once."""
    check({}, posting)
    await _insert(conn, 0, posting, seq, evidence_id, now)
    for subject in {leg.subject for leg in posting.legs}:
        await unlogged.note(conn, 0, subject, now)
