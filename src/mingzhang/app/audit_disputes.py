"""The checker on disputes: money is held for a reason, and an outcome is what the money says (rows 21, 22)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mingzhang.app.audit_rows import DisputeRow, Dossier
from mingzhang.ledger.model import Finding
from mingzhang.ledger.places import CHARGEBACK, HOLD, O

TAKEN: Final = frozenset({"charged_back", "refunded_outside"})


def dispute_findings(file: Dossier) -> Iterator[Finding]:
    """What is held needs its channel's freeze or a dispute that holds it; an end needs its money."""
    held = sum(fen for account, fen in file.balances.items() if (account.place, account.owner) == (HOLD, O))
    frozen = [row.kind for row in file.effects if row.kind in ("payment_frozen", "payment_unfrozen")]
    # One that ended holds on only until a fact that waits is booked, and then lets go by itself.
    disputed = any(row.held for row in file.disputes)
    if held and not disputed and frozen[-1:] != ["payment_frozen"]:
        yield _wrong(file, "held_without_dispute", f"account={HOLD} {held}")
    for row in file.disputes:
        yield from _outcome(file, row)


def _outcome(file: Dossier, row: DisputeRow) -> Iterator[Finding]:
    told = f"dispute={row.dispute_id} outcome={row.outcome} carried={row.carried or 'none'}"
    arrived = {it.refund_no for it in file.refunds if it.state == "arrived"}
    if row.outcome in ("refunded", "part_refunded") and row.carried not in arrived:
        yield _wrong(file, "dispute_without_refund", told)
    taken = any(account.place == CHARGEBACK for account in file.balances)
    was = any(effect.kind == "chargeback_won" for effect in file.effects)
    if row.outcome in TAKEN and not taken and not was:
        yield _wrong(file, "dispute_without_chargeback", told)
    if row.outcome == "resupplied" and not any(
        it.attempt_no == row.carried and it.state in ("succeeded", "reversed") for it in file.attempts
    ):
        yield _wrong(file, "dispute_without_delivery", told)


def _wrong(file: Dossier, code: str, detail: str) -> Finding:
    return Finding(8, code, file.subject, f"bucket={file.bucket} {detail}")
