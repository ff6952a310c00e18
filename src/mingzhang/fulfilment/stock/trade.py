"""What stock cost and what it lost, as postings: purchases (rows 1 and 2) and write-offs (row 26) of one batch.

The stock is a supplier and its cards are what we have free there, at purchase cost: ``supplier.free:F`` with the
party ``stock``. A batch is a subject of the ledger of its own; its evidence is the record of what was done to it,
written by us and holding no code. Sales take from it by rows 4 and 7, each card at its own cost (row 25).
Source: ledger.md rows 1, 2, 25, 26; issue 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import Fen
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.places import CUSTODY, FREE, TOPUP

PARTY: Final = "stock"
CAPITAL: Final = "capital"
FROM_CUSTODY: Final = "custody"
NOTHING: Final = "none"
"""`card_batch.money`: paid with the shop's own money (row 1), from the float in custody (row 2), or not at all."""


def subject_of(batch_id: str) -> str:
    """The ledger's subject of a batch; never one of an order's or a suspense item's form."""
    return f"BATCH-{batch_id}"


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch was paid. ``money``: capital, custody or none; ``paid_to``: whom; ``bank``: whose custody, for custody;
    ``receipt``: the payment's own number, to find it in the bank's statement."""

    money: str = CAPITAL
    paid_to: str = ""
    bank: str = ""
    receipt: str = ""

    def check(self, cost_fen: Fen) -> str:
        """What is stored as the batch's money. Raises Problem `purchase_invalid`: unknown source, or no payee."""
        if self.money not in (CAPITAL, FROM_CUSTODY, NOTHING) or (self.money == FROM_CUSTODY) != bool(
            self.bank
        ):
            raise Problem(
                "purchase_invalid", Kind.INVALID, "paid from capital, or from custody of which bank"
            )
        if self.money == NOTHING and cost_fen:
            raise Problem("purchase_invalid", Kind.INVALID, "what costs something was paid somehow")
        if self.money == FROM_CUSTODY and not self.paid_to:
            raise Problem("purchase_invalid", Kind.INVALID, "money left custody: who was paid?")
        return self.money if cost_fen else NOTHING


async def keep_record(
    conn: asyncpg.Connection, rng: Random, now: datetime, kind: str, told: Mapping[str, Any]
) -> str:
    """Our own record of what was done to stock, as evidence; the id."""
    message = Message(
        party=PARTY,
        kind=kind,
        direction=Direction.OUT,
        standing=Standing.OWN,
        body=msgspec.json.encode(told),
        content_type="application/json",
    )
    return await evidence.keep(conn, rng, now, message)


async def book_purchase(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    batch_id: str,
    payment: Payment,
    *,
    amount_fen: Fen,
    evidence_id: str,
) -> None:
    """Rows 1 or 2 for a batch that came in; nothing for one that cost nothing. Raises Problem `float_short`."""
    if not amount_fen:
        return
    subject, free = subject_of(batch_id), (FREE, PARTY)
    if payment.money == CAPITAL:
        posting = postings.capital_in(subject, party=PARTY, place=FREE, amount_fen=amount_fen)
        await ledger.write_shared(conn, posting, evidence_id=evidence_id, now=now)
        return
    custody, on_its_way = (CUSTODY, payment.bank), (TOPUP, payment.paid_to)
    if await ledger.read_float(conn, *custody) < amount_fen:
        raise Problem("float_short", Kind.CONFLICT, f"less than {amount_fen} fen of our own in custody")
    paid = {
        "batch_id": batch_id,
        "paid_to": payment.paid_to,
        "receipt": payment.receipt,
        "amount_fen": amount_fen,
    }
    cited = await keep_record(conn, rng, now, "stock.payment", paid)
    steps = ((custody, on_its_way, cited), (on_its_way, free, evidence_id))
    for seq, (frm, to, ground) in enumerate(steps, start=1):
        posting = postings.float_moved(subject, frm=frm, to=to, amount_fen=amount_fen)
        await ledger.write_shared(conn, posting, evidence_id=ground, now=now, seq=seq)


async def book_loss(
    conn: asyncpg.Connection, now: datetime, batch_id: str, *, amount_fen: Fen, evidence_id: str
) -> None:
    """Row 26: cards of this batch are worth nothing any more. The caller holds the product's line."""
    if not amount_fen:
        return
    subject = subject_of(batch_id)
    posting = postings.written_off(subject, at=(FREE, PARTY), amount_fen=amount_fen)
    seq = await ledger.next_shared_seq(conn, subject)
    await ledger.write_shared(conn, posting, evidence_id=evidence_id, now=now, seq=seq)
