"""Static tiles of the log (C2SP tlog-tiles): eight levels of the tree a tile, 256 hashes wide at most.

A tile at level L holds hashes of complete subtrees of 256^L leaves. Addresses: ``tile/<L>/<N>``, ``.p/<W>`` behind it
while only W of its hashes exist; ``tile/entries/<N>`` holds the entries themselves, each behind its length in two
bytes. N is written in groups of three digits, all but the last marked with an x: ``x001/x234/067``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from mingzhang.transparency.merkle import HASH_BYTES, Hashes, node_hash

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
LEVELS_MAX: Final = 6  # 256^6 leaves: more than will ever be
ENTRIES: Final = -1  # the level under which `parse_path` answers for entry bundles

_PATH: Final = re.compile(
    r"(?P<level>entries|[0-5])/(?P<n>(?:x\d{3}/){0,5}\d{3})(?:\.p/(?P<width>[1-9]\d{0,2}))?"
)


class TileName(NamedTuple):
    """``level`` 0 to 5, or `ENTRIES`; ``width`` hashes or entries, 256 when whole."""

    level: int
    n: int
    width: int


def tile_index(n: int) -> str:
    """The tile's number as it stands in addresses."""
    groups = [f"{n % 1000:03d}"]
    while n >= 1000:
        n //= 1000
        groups.append(f"x{n % 1000:03d}")
    return "/".join(reversed(groups))


def tile_path(name: TileName) -> str:
    """The address below the log's prefix."""
    level = "entries" if name.level == ENTRIES else str(name.level)
    part = "" if name.width == WIDTH else f".p/{name.width}"
    return f"tile/{level}/{tile_index(name.n)}{part}"


def parse_path(path: str) -> TileName | None:
    """What ``<L>/<N>[.p/<W>]`` asks for; None: no such address can be (also when it is written otherwise than we do)."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level = ENTRIES if match["level"] == "entries" else int(match["level"])
    n = int(match["n"].replace("x", "").replace("/", ""))
    width = int(match["width"] or WIDTH)
    if (match["width"] and width >= WIDTH) or tile_index(n) != match["n"]:
        return None
    return TileName(level, n, width)


def widths(size: int, level: int) -> tuple[int, int]:
    """How many whole tiles a tree of that size has at a level, and how wide the one after them is."""
    return divmod(size >> HEIGHT * level, WIDTH)


def exists(name: TileName, size: int) -> bool:
    """Whether a tree of that size has all hashes of the tile."""
    available = size if name.level == ENTRIES else size >> HEIGHT * name.level
    return name.n * WIDTH + name.width <= available


def bundle(entries: Sequence[bytes]) -> bytes:
    """Entries behind their lengths, as ``tile/entries`` serves them."""
    return b"".join(len(entry).to_bytes(2) + entry for entry in entries)


def within(tile: bytes, level: int, index: int) -> bytes:
    """The hash of a complete subtree inside a tile: `level` 0 to 8 above the tile's own hashes, `index` from its left."""
    first, count = index << level, 1 << level
    row = [tile[at * HASH_BYTES : (at + 1) * HASH_BYTES] for at in range(first, first + count)]
    if len(row[-1]) != HASH_BYTES:
        raise ValueError("the tile is not that wide")
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def tile_root(tile: bytes) -> bytes:
    """The hash of a whole tile: one of the hashes of the tile above it."""
    return within(tile, HEIGHT, 0)


def needed(level: int, index: int) -> TileName:
    """The narrowest tile in which a complete subtree of the tree is found (its width: what must exist of it)."""
    tile_level, inner = divmod(level, HEIGHT)
    first = index << inner
    n, offset = divmod(first, WIDTH)
    return TileName(tile_level, n, offset + (1 << inner))


def reader(tiles: dict[tuple[int, int], bytes]) -> Hashes:
    """Complete subtrees read from tiles, which may be partial, by (level, number). Raises KeyError for a missing one."""

    def read(level: int, index: int) -> bytes:
        name = needed(level, index)
        inner = level % HEIGHT
        return within(tiles[name.level, name.n], inner, index - (name.n << HEIGHT - inner))

    return read
