"""Merkle trees as RFC 6962 defines them (section 2.1): hashes, and proofs that a stranger can check.

A tree is read through a `Hashes` function: the hash of the complete subtree ``index`` at ``level`` (level 0: leaf
hashes; level k: 2^k leaves). Indexes and sizes are plain integers; hashes are 32 raw bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

Hashes = Callable[[int, int], bytes]
Node = tuple[int, int]  # (level, index) of a complete subtree


def leaf_hash(data: bytes) -> bytes:
    """Of one entry as it stands in the log."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Of two subtrees side by side."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def complete_subtrees(start: int, end: int) -> list[Node]:
    """The fewest complete subtrees that cover the leaves from ``start`` to before ``end``, left to right.

    ``start`` must be a place where a subtree of that size may begin, as it is in every proof of RFC 6962.
    """
    nodes: list[Node] = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def fold(hashes: Sequence[bytes]) -> bytes:
    """One hash of complete subtrees that stand left to right, each smaller than the one before."""
    if not hashes:
        return EMPTY_ROOT
    right = hashes[-1]
    for left in reversed(hashes[:-1]):
        right = node_hash(left, right)
    return right


def root_nodes(size: int) -> list[Node]:
    """The complete subtrees whose fold is the root of a tree of that size."""
    return complete_subtrees(0, size)


def root(size: int, hashes: Hashes) -> bytes:
    """The root (MTH) of the first ``size`` leaves."""
    return fold([hashes(*node) for node in root_nodes(size)])


def _split(size: int) -> int:
    """The largest power of two smaller than ``size`` (at least 2)."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_parts(index: int, size: int) -> list[list[Node]]:
    """For each hash of the proof, lowest first, the complete subtrees it folds. Raises ValueError outside the tree."""
    if not 0 <= index < size:
        raise ValueError("no such entry in a tree of that size")
    parts: list[list[Node]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            parts.append(complete_subtrees(middle, end))
            end = middle
        else:
            parts.append(complete_subtrees(start, middle))
            start = middle
    parts.reverse()
    return parts


def consistency_parts(old: int, new: int) -> list[list[Node]]:
    """For each hash of the proof that the tree of ``old`` leaves is a beginning of that of ``new`` leaves."""
    if not 0 < old <= new:
        raise ValueError("a proof leads from a tree with leaves to one no smaller")
    parts: list[list[Node]] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            parts.append(complete_subtrees(middle, end))
            end = middle
        else:
            parts.append(complete_subtrees(start, middle))
            start, whole = middle, False
    if not whole:
        parts.append(complete_subtrees(start, end))
    parts.reverse()
    return parts


def prove(parts: Iterable[Sequence[Node]], hashes: Hashes) -> list[bytes]:
    """The hashes of a proof, from `inclusion_parts` or `consistency_parts`."""
    return [fold([hashes(*node) for node in part]) for part in parts]


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether the leaf hash stands at that index under that root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, value = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            value = node_hash(sibling, value)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and value == expected


def check_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the older tree is a beginning of the newer (RFC 9162, 2.1.4.2). An empty tree begins every tree."""
    if old > new or old < 0:
        return False
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    if old == new:
        return not proof and old_root == new_root
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    older = newer = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and older == old_root and newer == new_root
