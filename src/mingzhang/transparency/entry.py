"""What the log says of one change, so that whoever holds it can prove it and nobody else learns of it.

A change is what one turn wrote: events and postings of the same moment, in the order of their numbers. It is told as
canonical JSON (RFC 8785) with a salt of its own; the log holds its SHA-256 only. An entry of the log is the hashes of
all changes that one subject went through since its entry before, one behind another.

What a buyer may read is in the clear inside the change: number, kind, time, hash of the evidence, and where the money
stood (`ledger.postings.buyer_parts`). Legs, costs and details stand behind a second salted hash, ``sealed``, which
only the auditor's edition opens.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import msgspec

from mingzhang.ledger.places import Account, Balances
from mingzhang.ledger.postings import buyer_parts

VERSION: Final = 1
SALT_BYTES: Final = 32
CHANGES_MAX: Final = 256  # of one entry: a longer history is told in several
_CANONICAL: Final = msgspec.json.Encoder(order="sorted")


class EventRow(msgspec.Struct, frozen=True):
    """One line of an order's timeline. ``evidence``: SHA-256 of the message it cites, or nothing."""

    seq: int
    kind: str
    at: datetime
    evidence: bytes
    data: dict[str, Any]


class LegRow(msgspec.Struct, frozen=True):
    """One leg of a posting, in fen."""

    seq: int
    posting: str
    place: str
    party: str
    owner: str
    amount_fen: int
    evidence: bytes
    at: datetime


class History(msgspec.Struct):
    """Rows of one subject. Legs from its first on, since sums need all; events from ``after`` on."""

    subject: str
    price_fen: int
    after: int
    events: list[EventRow]
    legs: list[LegRow]


class Change(msgspec.Struct, frozen=True):
    """One change: what may be shown of it, and what stands behind ``sealed``. ``seq``: the last number in it."""

    seq: int
    shown: dict[str, Any]
    sealed: dict[str, Any]

    def canonical(self) -> bytes:
        """The bytes whose SHA-256 the log holds."""
        return canonical(self.shown)


def canonical(value: Mapping[str, Any] | Sequence[Any]) -> bytes:
    """RFC 8785, for the kinds of value that stand here: text, whole numbers below 2^53, lists, objects; no floats."""
    return _CANONICAL.encode(value)


def utc(at: datetime) -> str:
    """ISO 8601 with microseconds and Z, always of the same width."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _salt(seed: bytes, what: str) -> str:
    return hmac.digest(seed, what.encode(), "sha256")[:16].hex()


def changes_of(history: History, seed: bytes) -> list[Change]:
    """The changes after ``history.after``, oldest first. ``seed``: the entry's own 32 random bytes."""
    balances: dict[Account, int] = {}
    changes: list[Change] = []
    for at, rows in groupby(_in_order(history, balances), key=lambda row: row.at):
        events: list[EventRow] = []
        legs: list[LegRow] = []
        for row in rows:
            if isinstance(row, EventRow):
                events.append(row)
            else:
                legs.append(row)
                _take(balances, row)
        changes.append(_change(history, at, events, legs, balances, seed))
    return changes


def _take(balances: dict[Account, int], leg: LegRow) -> None:
    account = Account(leg.place, leg.party, leg.owner)
    balances[account] = balances.get(account, 0) + leg.amount_fen


def _in_order(history: History, balances: dict[Account, int]) -> list[EventRow | LegRow]:
    """The new rows by number; what the legs before them left is summed up."""
    for leg in history.legs:
        if leg.seq <= history.after:
            _take(balances, leg)
    fresh: list[EventRow | LegRow] = [event for event in history.events if event.seq > history.after]
    fresh += [leg for leg in history.legs if leg.seq > history.after]
    return sorted(fresh, key=lambda row: row.seq)


def _change(
    history: History,
    at: datetime,
    events: Sequence[EventRow],
    legs: Sequence[LegRow],
    balances: Balances,
    seed: bytes,
) -> Change:
    rows: list[EventRow | LegRow] = [*events, *legs]
    seq = max(row.seq for row in rows)
    cited = next((row.evidence for row in rows if row.evidence), b"")
    sealed = {
        "events": [[event.seq, event.kind, event.evidence.hex(), event.data] for event in events],
        "legs": [
            [leg.seq, leg.posting, leg.place, leg.party, leg.owner, leg.amount_fen, leg.evidence.hex()]
            for leg in legs
        ],
        "salt": _salt(seed, f"{seq}/sealed"),
    }
    shown = {
        "v": VERSION,
        "subject": history.subject,
        "seq": seq,
        "events": [event.kind for event in events],
        "at": utc(at),
        "evidence": cited.hex(),
        "money": [list(part) for part in buyer_parts(balances, history.price_fen)],
        "salt": _salt(seed, str(seq)),
        "sealed": hashlib.sha256(canonical(sealed)).hexdigest(),
    }
    return Change(seq, shown, sealed)


def entry_data(changes: Sequence[Change]) -> bytes:
    """The entry as it stands in the log: one SHA-256 after another."""
    return b"".join(hashlib.sha256(change.canonical()).digest() for change in changes)
