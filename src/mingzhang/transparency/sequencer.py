"""The one writer of the log: takes what was noted, appends one entry a subject, and signs the new state.

One transaction a round, which sees one moment of the books: notes away, entries, whole tiles and the checkpoint
together. Of several sequencers the one that holds the gate appends; should two ever do so, the second one's entries meet
the first's key.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import asyncpg

from mingzhang.evidence import unlogged
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.transparency.entry import CHANGES_MAX, SALT_BYTES, changes_of, entry_data
from mingzhang.transparency.history import Range, read_histories
from mingzhang.transparency.merkle import HASH_BYTES
from mingzhang.transparency.notes import (
    Checkpoint,
    Signer,
    parse_checkpoint,
    parse_note,
    sign_checkpoint,
    verified,
)
from mingzhang.transparency.tree import SQL, Edge, read_edge

NOTES_MAX: Final = 512  # taken in one round
SUBJECTS_MAX: Final = 2_048  # … and told of
NEWEST: Final = 2**31 - 1
OVERTAKEN: Final = (asyncpg.UniqueViolationError, asyncpg.SerializationError)


class Appended(NamedTuple):
    """What one round did. ``lag_s``: from the oldest note to the checkpoint, in the shop's seconds."""

    entries: int
    changes: int
    size: int
    lag_s: float


class _Entry(NamedTuple):
    """``data``: the hashes alone, since what they are of would weigh on the memory of a whole round."""

    bucket: int
    subject: str
    from_seq: int
    to_seq: int
    salt: bytes
    data: bytes
    noted_at: datetime


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
            entries = await self._take(conn)
            if not entries:
                self._edge = edge
                return None
            now = self._now()
            await self._append(conn, edge, entries, now)
        self._edge = edge
        oldest = min(entry.noted_at for entry in entries)
        return Appended(
            len(entries),
            sum(len(entry.data) for entry in entries) // HASH_BYTES,
            edge.size,
            (now - oldest).total_seconds(),
        )

    def _check_head(self, whole: str) -> None:
        note = parse_note(whole)
        if parse_checkpoint(note.text).origin != self._signer.name or not verified(
            note, self._signer.verifier
        ):
            raise Problem("log_key_changed", Kind.CONFLICT)

    async def _take(self, conn: asyncpg.Connection) -> list[_Entry]:
        """The entries of the oldest notes that tell something new; none: nothing waits."""
        while noted := await unlogged.take(conn, NOTES_MAX):
            oldest_first = sorted(noted, key=lambda where: (noted[where], where))
            waits = {where: noted[where] for where in oldest_first[SUBJECTS_MAX:]}
            entries: list[_Entry] = []
            for entry, whole in await self._entries(conn, oldest_first[:SUBJECTS_MAX], noted):
                entries.append(entry)
                if not whole:
                    waits[entry.bucket, entry.subject] = entry.noted_at
            await unlogged.give_back(conn, waits)
            if entries:
                return entries
        return []

    async def _entries(
        self,
        conn: asyncpg.Connection,
        subjects: Sequence[tuple[int, str]],
        noted: Mapping[tuple[int, str], datetime],
    ) -> list[tuple[_Entry, bool]]:
        """One entry for each subject that was not told with an earlier note, and whether it tells all there is."""
        last = await conn.fetch(SQL.read_last, *zip(*subjects, strict=True))
        ranges = [
            Range(bucket, subject, to_seq, NEWEST)
            for (bucket, subject), (to_seq,) in zip(subjects, last, strict=True)
        ]
        entries: list[tuple[_Entry, bool]] = []
        for where, history in zip(subjects, await read_histories(conn, ranges), strict=True):
            seed = secrets.token_bytes(SALT_BYTES)
            changes = changes_of(history, seed)
            told = changes[:CHANGES_MAX]
            if told:
                span = history.after + 1, told[-1].seq
                entry = _Entry(*where, *span, seed, entry_data(told), noted[where])
                entries.append((entry, len(told) == len(changes)))
        return entries

    async def _append(
        self, conn: asyncpg.Connection, edge: Edge, entries: Sequence[_Entry], now: datetime
    ) -> None:
        indexes = range(edge.size, edge.size + len(entries))
        await conn.execute(SQL.insert_entries, indexes, *zip(*entries, strict=True), now)
        whole = edge.append([entry.data for entry in entries])
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
