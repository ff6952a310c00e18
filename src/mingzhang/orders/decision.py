"""What two people decided, kept as evidence: postings that rest on their word cite it."""

from __future__ import annotations

import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.orders.store import Turn
from mingzhang.orders.suspense import ItemTurn


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """One approved money decision: who proposed it, who approved it, and why. ``amount_fen`` in fen."""

    approval_id: str
    action: str
    subject: str
    amount_fen: int
    proposed_by: str
    decided_by: str
    reason: str


async def keep(turn: Turn | ItemTurn, decided: Decided) -> str:
    """Store it as a message of our own; returns its evidence id."""
    message = Message(
        party="staff",
        kind="approval",
        direction=Direction.OUT,
        standing=Standing.OWN,
        body=msgspec.json.encode(decided),
        content_type="application/json",
    )
    return await evidence.keep(turn.conn, turn.rng, turn.now, message)
