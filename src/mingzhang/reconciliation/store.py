"""Files, days and differences of reconciliation: the only SQL that writes them."""

from __future__ import annotations

import hashlib
import zlib
from datetime import date, datetime
from random import Random
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_id
from mingzhang.kit.sql import load
from mingzhang.reconciliation.model import BreakClass, Found, OurSide, TheirSide

SQL: Final = load("mingzhang.reconciliation", "store")
PART_BYTES: Final = 1 << 20
_COLUMNS: Final = 25


class BillFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it came. ``corrects``: the earlier file of the same day, if any."""

    file_id: str
    source: str
    party: str
    day: date
    name: str
    sha256: bytes
    lines_sha256: bytes
    size_bytes: int
    parts: int
    lines: int
    account: str
    standing: str
    origin: str
    corrects: str
    evidence_id: str
    known_at: datetime


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """How far one day of one source is."""

    source: str
    day: date
    party: str
    state: str
    file_id: str
    asked: int
    code: str
    holder: str
    next_actor: str
    since: datetime
    due_at: datetime | None
    deadline_at: datetime | None
    judged_at: datetime | None
    agreed: int
    totals: list[dict[str, Any]]


class Break(msgspec.Struct, kw_only=True):
    """A difference as stored. ``said``: what asking brought last; ``resolution``: how it ended."""

    break_id: str
    source: str
    party: str
    day: date
    class_: str = msgspec.field(name="class")
    kind: str
    key: str
    n: int
    stake_fen: int
    theirs: dict[str, Any] | None
    file_id: str
    ours: dict[str, Any] | None
    subject: str
    state: str
    said: str
    resolution: str
    seq: int
    asked: int
    holder: str
    next_actor: str
    since: datetime
    due_at: datetime | None
    deadline_at: datetime | None
    found_at: datetime
    resolved_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether somebody still has to do something."""
        return self.resolved_at is None

    def found(self) -> Found:
        """The difference as it was found."""
        return Found(
            cls=BreakClass(self.class_),
            kind=self.kind,
            key=self.key,
            n=self.n,
            theirs=None if self.theirs is None else msgspec.convert(self.theirs, TheirSide),
            ours=None if self.ours is None else msgspec.convert(self.ours, OurSide),
        )


def break_id_of(source: str, kind: str, key: str, n: int) -> str:
    """The same difference has the same id in every file and on every run."""
    return hashlib.sha256("\0".join((source, kind, key, str(n))).encode()).hexdigest()[:26].upper()


def read_row(row: asyncpg.Record) -> Break:
    """A row of `recon_break`."""
    told = dict(row)
    told["class_"] = told.pop("class")
    return Break(**told)


async def read_break(conn: asyncpg.Connection, break_id: str) -> Break:
    """One difference. Raises Problem `unknown_break`."""
    row = await conn.fetchrow(SQL.read_break, break_id)
    if row is None:
        raise Problem("unknown_break", Kind.NOT_FOUND)
    return read_row(row)


async def lock_breaks(conn: asyncpg.Connection, ids: list[str]) -> dict[str, Break]:
    """Lock those that exist, in order of their ids."""
    return {row["break_id"]: read_row(row) for row in await conn.fetch(SQL.lock_breaks, ids)}


async def save(conn: asyncpg.Connection, row: Break) -> None:
    """Write a difference as it is now; the caller holds its lock or its day's."""
    values = (
        row.break_id,
        row.source,
        row.party,
        row.day,
        row.class_,
        row.kind,
        row.key,
        row.n,
        row.stake_fen,
        row.theirs,
        row.file_id,
        row.ours,
        row.subject,
        row.state,
        row.said,
        row.resolution,
        row.seq,
        row.asked,
        row.holder,
        row.next_actor,
        row.since,
        row.due_at,
        row.deadline_at,
        row.found_at,
        row.resolved_at,
    )
    assert len(values) == _COLUMNS
    await conn.execute(SQL.upsert_break, *values)


async def note(
    conn: asyncpg.Connection,
    row: Break,
    kind: str,
    now: datetime,
    *,
    who: str = "",
    evidence_id: str = "",
    **data: Any,
) -> None:
    """Add a line to a difference's history; `save` writes its new number."""
    row.seq += 1
    await conn.execute(SQL.insert_event, row.break_id, row.seq, kind, now, who, evidence_id, data)


async def store_file(conn: asyncpg.Connection, file: BillFile, raw: bytes) -> bool:
    """Keep a file once, packed; false when these bytes are there for that day."""
    packer = zlib.compressobj(6)
    packed = packer.compress(raw) + packer.flush()
    parts = [packed[at : at + PART_BYTES] for at in range(0, len(packed), PART_BYTES)]
    fresh = await conn.fetchval(
        SQL.insert_file,
        file.file_id,
        file.source,
        file.party,
        file.day,
        file.name[:200],
        file.sha256,
        file.lines_sha256,
        file.size_bytes,
        len(parts),
        file.lines,
        file.account,
        file.standing,
        file.origin,
        file.corrects,
        file.evidence_id,
        file.known_at,
    )
    if fresh is None:
        return False
    await conn.executemany(SQL.insert_part, [(file.file_id, n, part) for n, part in enumerate(parts)])
    return True


async def read_file(conn: asyncpg.Connection, file_id: str) -> tuple[BillFile, bytes]:
    """A file and its bytes, held against its hash. Raises Problem `unknown_file`, `file_damaged`."""
    row = await conn.fetchrow(SQL.read_file, file_id)
    if row is None:
        raise Problem("unknown_file", Kind.NOT_FOUND)
    file = BillFile(**dict(row))
    packed = b"".join(part["body"] for part in await conn.fetch(SQL.read_parts, file_id))
    raw = zlib.decompress(packed)
    if hashlib.sha256(raw).digest() != file.sha256:
        raise Problem("file_damaged", Kind.INTERNAL, file_id)
    return file, raw


def new_file_id(now: datetime, rng: Random) -> str:
    """An id for a file."""
    return new_id(now, rng)
