"""The tamper drill: the record made anew from the books, held against what was signed (R32, R47).

Whoever changes a byte of an event, a leg, a message, a digested row or the record itself, past every guard of the
database, is found, and the row is named: its hash, the hash of the change, the entry's place in the tree or the signed
root no longer agree.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import asyncpg

from mingzhang.kit.errors import Problem
from mingzhang.transparency.anchors import RFC3161
from mingzhang.transparency.digest import PREFIX, TABLES, recheck_table
from mingzhang.transparency.entry import changes_of
from mingzhang.transparency.history import Range, read_histories
from mingzhang.transparency.notes import Verifier, parse_checkpoint, parse_note, verified
from mingzhang.transparency.tree import SQL, Edge
from mingzhang.transparency.verify_offline import Refused, stamped_at

CHUNK: Final = 512
TROUBLES_MAX: Final = 1_000
Tell = Callable[[int, int], None]


class Trouble(NamedTuple):
    """One row that does not say what was recorded."""

    table: str
    row: str
    what: str


async def recheck(pool: asyncpg.Pool, verifier: Verifier, tell: Tell) -> tuple[int, list[Trouble]]:
    """Entries read, and every row that disagrees (at most `TROUBLES_MAX`). One snapshot; nothing is changed."""
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        return await recheck_on(conn, verifier, tell)


async def recheck_on(conn: asyncpg.Connection, verifier: Verifier, tell: Tell) -> tuple[int, list[Trouble]]:
    """The same as one connection sees it."""
    return await _Recheck(conn, verifier, tell).run()


class _Recheck:
    def __init__(self, conn: asyncpg.Connection, verifier: Verifier, tell: Tell) -> None:
        self._conn = conn
        self._verifier = verifier
        self._tell = tell
        self._edge = Edge.empty()
        self._troubles: list[Trouble] = []
        self._reached: dict[tuple[int, str], int] = {}

    def _add(self, table: str, row: str, what: str) -> None:
        if len(self._troubles) < TROUBLES_MAX:
            self._troubles.append(Trouble(table, row, what))

    async def run(self) -> tuple[int, list[Trouble]]:
        head = await self._conn.fetchrow(SQL.read_head)
        size = head["size"] if head else 0
        checkpoints = await self._conn.fetch(SQL.list_checkpoints, 0, 10_000)
        while self._edge.size < size:
            first = self._edge.size
            rows = await self._conn.fetch(SQL.list_entries, first, min(CHUNK, size - first))
            if not rows or [row["idx"] for row in rows] != list(range(first, first + len(rows))):
                self._add("log_entry", f"idx {first} to {first + CHUNK - 1}", "entries are missing")
                break
            await self._entries(rows)
            checkpoints = await self._append(rows, checkpoints)
            self._tell(self._edge.size, size)
        await self._beyond()
        for table in TABLES:
            await recheck_table(self._conn, table, self._add)
        await self._stamps()
        return self._edge.size, self._troubles

    async def _entries(self, rows: Sequence[asyncpg.Record]) -> None:
        ranges = [Range(row["bucket"], row["subject"], row["from_seq"] - 1, row["to_seq"]) for row in rows]
        for row, history in zip(rows, await read_histories(self._conn, ranges), strict=True):
            where = (row["bucket"], row["subject"])
            if row["from_seq"] != self._reached.get(where, 0) + 1:
                self._add("log_entry", f"idx {row['idx']}", "does not follow the subject's entry before")
            self._reached[where] = row["to_seq"]
            made = changes_of(history, row["salt"])
            logged = [row["data"][at : at + 32] for at in range(0, len(row["data"]), 32)]
            spans = row["subject"].startswith(PREFIX)
            if len(made) != len(logged):
                self._add(
                    "digest_span" if spans else "event",
                    f"{row['subject']} {row['from_seq']}–{row['to_seq']}",
                    "rows were added or taken away",
                )
                continue
            for change, expected in zip(made, logged, strict=True):
                if hashlib.sha256(change.canonical()).digest() != expected:
                    self._add(
                        "digest_span" if spans else "event, leg or evidence",
                        f"{row['subject']} {change.shown['seq']}–{change.seq}",
                        f"{', '.join(change.shown['events']) or 'a posting'} is not what entry {row['idx']} recorded",
                    )

    async def _append(
        self, rows: list[asyncpg.Record], checkpoints: list[asyncpg.Record]
    ) -> list[asyncpg.Record]:
        """Grow the tree, holding every whole tile and every signed state against it."""
        for row in rows:
            for tile in self._edge.append([row["data"]]):
                stored = await self._conn.fetchrow(SQL.read_tile_row, tile.level, tile.n)
                if stored is None or (stored["hashes"], stored["root"]) != (tile.hashes, tile.root):
                    self._add("log_tile", f"level {tile.level}, n {tile.n}", "is not the tree's")
            while checkpoints and checkpoints[0]["size"] == self._edge.size:
                self._checkpoint(checkpoints[0])
                checkpoints = checkpoints[1:]
                if not checkpoints:
                    checkpoints = await self._conn.fetch(SQL.list_checkpoints, self._edge.size + 1, 10_000)
        return checkpoints

    def _checkpoint(self, row: asyncpg.Record) -> None:
        where, root = f"size {row['size']}", self._edge.root()
        try:
            note = parse_note(row["note"])
            told = parse_checkpoint(note.text)
        except Problem:
            self._add("log_checkpoint", where, "is malformed")
            return
        if not verified(note, self._verifier):
            self._add("log_checkpoint", where, "its signature does not hold")
        if (told.size, told.root, row["root"]) != (row["size"], root, root):
            self._add("log_checkpoint", where, "signed another tree than the entries make")

    async def _stamps(self) -> None:
        """Each timestamp stamps the state beside which it stands. Whose signature it bears was checked when it came."""
        for row in await self._conn.fetch(SQL.list_stamped):
            if row["form"] != RFC3161:
                continue
            where = f"{row['anchor']} size {row['size']}"
            if row["note"] is None:
                self._add("log_anchor", where, "stamps a state that is not there")
                continue
            text = parse_note(row["note"]).text.encode()
            try:
                at = stamped_at(base64.b64encode(row["token"]).decode(), text)
            except Refused as refusal:
                self._add("log_anchor", where, str(refusal))
                continue
            if at != row["stamped_at"]:
                self._add("log_anchor", where, "says another time than its token")

    async def _beyond(self) -> None:
        """What changed without ever being noted for the record."""
        for row in await self._conn.fetch(SQL.list_unrecorded, TROUBLES_MAX):
            self._add(
                "event or leg", f"{row['subject']} {row['seq']}", "is in the books, but not in the record"
            )
