"""The one writer of the log: takes what was noted, appends one entry a subject, and signs the new state.

One transaction a round, which sees one moment of the books: notes away, entries, whole tiles and the checkpoint
together. Of several sequencers the one
that holds the gate appends; should two ever do so, the second one's entries meet the first's key.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import asyncpg

from mingzhang.evidence import unlogged
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.transparency.entry import CHANGES_MAX, SALT_BYTES, Change, changes_of, entry_data
from mingzhang.transparency.history import Range, read_histories
from mingzhang.transparency.notes import (
    Checkpoint,
    Signer,
    parse_checkpoint,
    parse_note,
    sign_checkpoint,
    verified,
)
from mingzhang.transparency.tree import SQL, Edge, read_edge

NOTES_MAX: Final = 256  # notes of one bucket in one round
SUBJECTS_MAX: Final = 2_048  # … and subjects
NEWEST: Final = 2**31 - 1
OVERTAKEN: Final = (asyncpg.UniqueViolationError, asyncpg.SerializationError)


class Appended(NamedTuple):
    """What one round did. ``lag_s``: from the oldest note to the checkpoint, in the shop's seconds."""

    entries: int
    changes: int
    size: int
    lag_s: float


class _Entry(NamedTuple):
    bucket: int
    subject: str
    changes: Sequence[Change]
    after: int
    salt: bytes
    noted_at: datetime

    @property
    def data(self) -> bytes:
        return entry_data(self.changes)


class Sequencer:
    """Keeps the tree's edge in memory between rounds; reads it anew when somebody else has appended."""

    def __init__(self, pool: asyncpg.Pool, signer: Signer, now: Callable[[], datetime]) -> None:
        self._pool = pool
        self._signer = signer
        self._now = now
        self._edge: Edge | None = None

    async def round(self) -> Appended | None:
        """Append what waits, up to the bounds above; None: nothing waited, or another one is at it.

        Raises one of `OVERTAKEN` when another one appended meanwhile: nothing is lost, the next round goes on. Raises
        Problem `log_key_changed` when the newest state is signed under another name or key than ours.
        """
        edge, self._edge = self._edge, None  # whatever fails below, the memory is not trusted after it
        async with transaction(self._pool, "repeatable_read") as conn:
            if await conn.fetchval(SQL.take_gate) is None:
                return None
            head = await conn.fetchrow(SQL.read_head)
            size = head["size"] if head else 0
            if head and (edge is None or edge.size != size):
                self._check_head(head["note"])
            if edge is None or edge.size != size:
                edge = await read_edge(conn, size)
            entries: list[_Entry] = []
            for bucket in await unlogged.buckets(conn):
                entries += await self._take(conn, bucket)
            if not entries:
                self._edge = edge
                return None
            now = self._now()
            await self._append(conn, edge, entries, now)
        self._edge = edge
        oldest = min(entry.noted_at for entry in entries)
        return Appended(
            len(entries), sum(len(e.changes) for e in entries), edge.size, (now - oldest).total_seconds()
        )

    def _check_head(self, whole: str) -> None:
        note = parse_note(whole)
        if parse_checkpoint(note.text).origin != self._signer.name or not verified(
            note, self._signer.verifier
        ):
            raise Problem("log_key_changed", Kind.CONFLICT)

    async def _take(self, conn: asyncpg.Connection, bucket: int) -> list[_Entry]:
        noted = await unlogged.take(conn, bucket, NOTES_MAX)
        subjects = sorted(noted, key=lambda subject: (noted[subject], subject))
        later = subjects[SUBJECTS_MAX:]
        if later:
            await unlogged.give_back(conn, bucket, later, noted[later[0]])
        return await self._entries(conn, bucket, {s: noted[s] for s in subjects[:SUBJECTS_MAX]})

    async def _entries(
        self, conn: asyncpg.Connection, bucket: int, noted: dict[str, datetime]
    ) -> list[_Entry]:
        last = {row["subject"]: row["to_seq"] for row in await conn.fetch(SQL.read_last, bucket, list(noted))}
        ranges = [Range(subject, last[subject], NEWEST) for subject in noted]
        entries: list[_Entry] = []
        for history in await read_histories(conn, bucket, ranges):
            seed = secrets.token_bytes(SALT_BYTES)
            changes = changes_of(history, seed)
            if not changes:
                continue  # told with an earlier note
            kept = changes[:CHANGES_MAX]
            if len(kept) < len(changes):
                await unlogged.give_back(conn, bucket, [history.subject], noted[history.subject])
            entries.append(_Entry(bucket, history.subject, kept, history.after, seed, noted[history.subject]))
        return entries

    async def _append(
        self, conn: asyncpg.Connection, edge: Edge, entries: Sequence[_Entry], now: datetime
    ) -> None:
        first = edge.size
        data = [entry.data for entry in entries]
        await conn.execute(
            SQL.insert_entries,
            list(range(first, first + len(entries))),
            [entry.bucket for entry in entries],
            [entry.subject for entry in entries],
            [entry.after + 1 for entry in entries],
            [entry.changes[-1].seq for entry in entries],
            [entry.salt for entry in entries],
            data,
            [entry.noted_at for entry in entries],
            now,
        )
        whole = edge.append(data)
        if whole:
            await conn.execute(
                SQL.insert_tiles,
                [tile.level for tile in whole],
                [tile.n for tile in whole],
                [tile.hashes for tile in whole],
                [tile.root for tile in whole],
            )
        checkpoint = Checkpoint(self._signer.name, edge.size, edge.root())
        note = sign_checkpoint(checkpoint, self._signer)
        await conn.execute(SQL.insert_checkpoint, edge.size, checkpoint.root, note.whole(), now)
