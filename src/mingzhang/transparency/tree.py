"""The right edge of the tree: what must be known to append, and the tiles that become whole by it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import asyncpg

from mingzhang.kit.sql import load
from mingzhang.transparency.merkle import HASH_BYTES, complete_subtrees, fold, leaf_hash
from mingzhang.transparency.tiles import HEIGHT, LEVELS_MAX, WIDTH, needed, reader, tile_root, widths

SQL = load("mingzhang.transparency", "store")
TILE_BYTES = WIDTH * HASH_BYTES


class WholeTile(NamedTuple):
    """A tile that took its last hash."""

    level: int
    n: int
    hashes: bytes
    root: bytes


class Edge:
    """The partial tiles of a tree of ``size`` leaves, one a level, leftmost hash first. In memory, made anew at need."""

    def __init__(self, size: int, partial: list[bytearray]) -> None:
        self.size = size
        self._partial = partial

    @classmethod
    def empty(cls) -> Edge:
        """Of a log with no entries."""
        return cls(0, [bytearray() for _ in range(LEVELS_MAX + 1)])

    def append(self, entries: Iterable[bytes]) -> list[WholeTile]:
        """Take entries in; returns the tiles that became whole, lowest level first."""
        whole: list[WholeTile] = []
        for entry in entries:
            self._push(0, leaf_hash(entry), whole)
            self.size += 1
        return whole

    def _push(self, level: int, value: bytes, whole: list[WholeTile]) -> None:
        row = self._partial[level]
        row += value
        if len(row) == TILE_BYTES:
            hashes = bytes(row)
            row.clear()
            number = (self.size + 1 >> HEIGHT * (level + 1)) - 1
            above = tile_root(hashes)
            whole.append(WholeTile(level, number, hashes, above))
            self._push(level + 1, above, whole)

    def root(self) -> bytes:
        """Of the tree as it stands."""
        tiles = {(level, widths(self.size, level)[0]): bytes(row) for level, row in enumerate(self._partial)}
        read = reader(tiles)
        # Each complete subtree of the edge lies inside the partial tile of its level.
        return fold([read(level, index) for level, index in complete_subtrees(0, self.size)])


async def read_edge(conn: asyncpg.Connection, size: int) -> Edge:
    """The edge of the stored tree: at most 255 entries, and 255 roots a level."""
    entries = await conn.fetch(SQL.list_entry_data, size - size % WIDTH, size)
    partial = [bytearray(b"".join(leaf_hash(row["data"]) for row in entries))]
    for level in range(1, LEVELS_MAX):
        whole, width = widths(size, level)
        roots = await conn.fetch(SQL.list_tile_roots, level - 1, whole * WIDTH, whole * WIDTH + width)
        partial.append(bytearray(b"".join(row["root"] for row in roots)))
    partial.append(bytearray())
    return Edge(size, partial)


async def read_tile(conn: asyncpg.Connection, level: int, n: int, width: int) -> bytes:
    """The first hashes of a tile that exists, whole or not."""
    stored = await conn.fetchval(SQL.read_tile, level, n)
    if stored is not None:
        return bytes(stored[: width * HASH_BYTES])
    first = n * WIDTH
    if level == 0:
        rows = await conn.fetch(SQL.list_entry_data, first, first + width)
        return b"".join(leaf_hash(row["data"]) for row in rows)
    rows = await conn.fetch(SQL.list_tile_roots, level - 1, first, first + width)
    return b"".join(row["root"] for row in rows)


async def prove(conn: asyncpg.Connection, parts: list[list[tuple[int, int]]]) -> list[bytes]:
    """The hashes of a proof, read tile by tile (`merkle.inclusion_parts`, `consistency_parts`)."""
    tiles: dict[tuple[int, int], bytes] = {}
    wanted: dict[tuple[int, int], int] = {}
    for node in (node for part in parts for node in part):
        name = needed(*node)
        wanted[name.level, name.n] = max(name.width, wanted.get((name.level, name.n), 0))
    for (level, n), width in wanted.items():
        tiles[level, n] = await read_tile(conn, level, n, width)
    read = reader(tiles)
    return [fold([read(*node) for node in part]) for part in parts]
