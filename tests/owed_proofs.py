"""Proofs of what is owed, made of the product's own parts without a database."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from mingzhang.transparency.entry import canonical, utc
from mingzhang.transparency.liabilities import FORMAT, PROOF_FORMAT, PUBLISHED, grow
from mingzhang.transparency.merkle import leaf_hash
from mingzhang.transparency.notes import Checkpoint, Signer, sign_checkpoint
from mingzhang.transparency.owed import Owed
from mingzhang.transparency.sum_tree import path_places, root_of, salt_of

SEED = bytes(range(32))
SIGNER = Signer("shop.example/log", bytes(range(32, 64)))


def owed_by(amounts: list[int]) -> list[Owed]:
    return [Owed(0, f"M{n:05d}", fen) for n, fen in enumerate(amounts)]


def proof_of(amounts: list[int], which: int) -> dict[str, Any]:
    """A buyer's proof as `liabilities.prove` makes it, under a log of this one statement."""
    tree = grow(owed_by(amounts), SEED)
    root, mine = root_of(tree.rows), tree.leaves[which]
    statement = {
        "format": FORMAT,
        "day": "2026-11-23",
        "root": root.hash.hex(),
        "total_fen": root.fen,
        "leaves": len(amounts),
    }
    said = {
        "v": 1,
        "subject": "OWED-20261123",
        "seq": 1,
        "events": [PUBLISHED],
        "at": utc(datetime(2026, 11, 23, 16, 10, tzinfo=UTC)),
        "evidence": _sha(canonical(statement)),
        "money": [],
        "salt": "00" * 16,
        "sealed": "00" * 32,
    }
    entry = bytes.fromhex(_sha(canonical(said)))
    note = sign_checkpoint(Checkpoint(SIGNER.name, 1, leaf_hash(entry)), SIGNER)
    receipt = {
        "format": "mingzhang-receipt/v1",
        "statement": said,
        "entry": [entry.hex()],
        "position": 0,
        "index": 0,
        "proof": [],
        "checkpoint": note.whole(),
        "log_key": SIGNER.verifier.text(),
        "witness_keys": [],
    }
    path = [tree.rows[level][place] for level, place in path_places(which, len(amounts))]
    return {
        "format": PROOF_FORMAT,
        "subject": mine.subject,
        "amount_fen": mine.fen,
        "salt": salt_of(SEED, mine.subject).hex(),
        "index": which,
        "path": [[node.hash.hex(), node.fen] for node in path],
        "statement": statement,
        "receipt": receipt,
    }


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
