"""A Merkle sum tree over what is owed: whoever holds one leaf can check that it counts in the published total.

    commitment = SHA-256(0x02 ‖ salt ‖ subject)
    leaf       = SHA-256(0x00 ‖ amount ‖ commitment)                  its sum: amount
    node       = SHA-256(0x01 ‖ left sum ‖ right sum ‖ left ‖ right)  its sum: left sum + right sum

Amounts and sums are whole fen, 8 bytes big-endian, at least 0 and below 2^53. Both sums are hashed, each by itself: a tree
that hashes only their total lets the operator put a smaller sum on one side (the flaw of the first "proofs of
liabilities"). No amount is negative, so no leaf can make the total smaller. The shape is RFC 6962's: the last node of an
odd row goes up as it is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final, NamedTuple

BELOW: Final = 2**53
SALT_BYTES: Final = 16
EMPTY: Final = hashlib.sha256(b"").digest()


class Node(NamedTuple):
    """A subtree: its hash, and what its leaves come to, in fen."""

    hash: bytes
    fen: int

    def packed(self) -> bytes:
        """As it is kept: 32 bytes, then 8."""
        return self.hash + self.fen.to_bytes(8, "big")


def salt_of(seed: bytes, subject: str) -> bytes:
    """The salt of one leaf: the day's seed makes them all, and no salt tells of another."""
    return hmac.digest(seed, subject.encode(), "sha256")[:SALT_BYTES]


def leaf(subject: str, salt: bytes, fen: int) -> Node:
    """Raises ValueError for an amount that is none."""
    if not 0 <= fen < BELOW:
        raise ValueError("not an amount that can be owed")
    commitment = hashlib.sha256(b"\x02" + salt + subject.encode()).digest()
    return Node(hashlib.sha256(b"\x00" + fen.to_bytes(8, "big") + commitment).digest(), fen)


def join(left: Node, right: Node) -> Node:
    """Two subtrees side by side. Raises ValueError when they come to more than can be counted."""
    if left.fen < 0 or right.fen < 0 or left.fen + right.fen >= BELOW:
        raise ValueError("not a sum that can be owed")
    sums = left.fen.to_bytes(8, "big") + right.fen.to_bytes(8, "big")
    return Node(hashlib.sha256(b"\x01" + sums + left.hash + right.hash).digest(), left.fen + right.fen)


def rows_of(leaves: Sequence[Node]) -> list[list[Node]]:
    """The tree, row by row, from the leaves to the root; of nothing, one row with nothing."""
    rows = [list(leaves)]
    while len(rows[-1]) > 1:
        row = rows[-1]
        above = [join(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
        rows.append([*above, row[-1]] if len(row) % 2 else above)
    return rows


def root_of(rows: Sequence[Sequence[Node]]) -> Node:
    """The root of a tree; of nothing, the hash of nothing, and 0."""
    return rows[-1][0] if rows[0] else Node(EMPTY, 0)


def path_places(n: int, size: int) -> list[tuple[int, int]]:
    """Where the siblings on a leaf's way to the root stand: (row, place). Raises ValueError outside the tree."""
    if not 0 <= n < size:
        raise ValueError("no such leaf in a tree of that size")
    places: list[tuple[int, int]] = []
    row = 0
    while size > 1:
        if n ^ 1 < size:
            places.append((row, n ^ 1))
        row, n, size = row + 1, n // 2, (size + 1) // 2
    return places


def climb(node: Node, n: int, size: int, path: Sequence[Node]) -> Node:
    """The root that a leaf and its siblings lead to. Raises ValueError for a path of another length or sum."""
    rest = list(path)
    while size > 1:
        if n ^ 1 < size:
            if not rest:
                raise ValueError("the path is shorter than the tree is high")
            sibling = rest.pop(0)
            node = join(sibling, node) if n & 1 else join(node, sibling)
        n, size = n // 2, (size + 1) // 2
    if rest:
        raise ValueError("the path is longer than the tree is high")
    return node
