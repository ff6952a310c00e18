"""What the log says of one change, so that whoever holds it can prove it and nobody else learns of it.

A change is what one turn wrote: events and postings of the same moment, in the order of their numbers. It is told as
canonical JSON (RFC 8785) with a salt of its own; the log holds its SHA-256 only. An entry of the log is the hashes of
all changes that one subject went through since its entry before, one behind another.

What a buyer may read is in the clear inside the change: number, kind, time, hash of the evidence, and where the money
stood (`ledger.postings.buyer_parts`). Legs, costs and details stand behind a second salted hash, ``sealed``, which
only the auditor's edition opens.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import msgspec

from mingzhang.ledger.places import Account
from mingzhang.ledger.postings import buyer_parts

VERSION: Final = 1
SALT_BYTES: Final = 32
CHANGES_MAX: Final = 256  # of one entry: a longer history is told in several
_encode: Final = msgspec.json.Encoder(order="sorted").encode


# Rows are made by the ten thousand, and point back at nothing: the collector need not look at them.
class EventRow(msgspec.Struct, frozen=True, gc=False):
    """One line of an order's timeline. ``evidence``: SHA-256 in hex of the message it cites, or nothing."""

    seq: int
    kind: str
    at: datetime
    evidence: str
    data: dict[str, Any]


class LegRow(msgspec.Struct, frozen=True, gc=False):
    """One leg of a posting, in fen. ``evidence``: as an event's."""

    seq: int
    posting: str
    place: str
    party: str
    owner: str
    amount_fen: int
    evidence: str
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
    return _encode(value)


def utc(at: datetime) -> str:
    """ISO 8601 with microseconds and Z, always of the same width."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


class _Salts:
    """HMAC-SHA256 under an entry's seed, whose key is taken in once for all of its changes."""

    def __init__(self, seed: bytes) -> None:
        self._mac = hmac.new(seed, digestmod="sha256")

    def salt(self, what: str) -> str:
        mac = self._mac.copy()
        mac.update(what.encode())
        return mac.digest()[:16].hex()


def changes_of(history: History, seed: bytes) -> list[Change]:
    """The changes after ``history.after``, oldest first. ``seed``: the entry's own 32 random bytes."""
    balances: dict[Account, int] = {}
    rows = _in_order(history, balances)
    salts = _Salts(seed)
    money: list[list[Any]] = []
    changes: list[Change] = []
    for at, turn in groupby(rows, key=attrgetter("at")):
        events: list[EventRow] = []
        legs: list[LegRow] = []
        for row in turn:
            if isinstance(row, EventRow):
                events.append(row)
            else:
                legs.append(row)
                _take(balances, row)
        if legs or not changes:  # else the money stands where it stood after the change before
            money = [list(part) for part in buyer_parts(balances, history.price_fen)]
        changes.append(_change(history.subject, row.seq, utc(at), events, legs, money, salts))
    return changes


def _take(balances: dict[Account, int], leg: LegRow) -> None:
    account = Account(leg.place, leg.party, leg.owner)
    balances[account] = balances.get(account, 0) + leg.amount_fen


def _in_order(history: History, balances: dict[Account, int]) -> list[EventRow | LegRow]:
    """The new rows by number; what the legs before them left is summed up."""
    fresh: list[EventRow | LegRow] = [event for event in history.events if event.seq > history.after]
    for leg in history.legs:
        if leg.seq > history.after:
            fresh.append(leg)
        else:
            _take(balances, leg)
    fresh.sort(key=attrgetter("seq"))
    return fresh


def _change(
    subject: str,
    seq: int,
    at: str,
    events: list[EventRow],
    legs: list[LegRow],
    money: list[list[Any]],
    salts: _Salts,
) -> Change:
    sealed = {
        "events": [[event.seq, event.kind, event.evidence, event.data] for event in events],
        "legs": [
            [leg.seq, leg.posting, leg.place, leg.party, leg.owner, leg.amount_fen, leg.evidence]
            for leg in legs
        ],
        "salt": salts.salt(f"{seq}/sealed"),
    }
    shown = {
        "v": VERSION,
        "subject": subject,
        "seq": seq,
        "events": [event.kind for event in events],
        "at": at,
        "evidence": _cited(events) or _cited(legs),
        "money": money,
        "salt": salts.salt(str(seq)),
        "sealed": sha256(_encode(sealed)).hexdigest(),
    }
    return Change(seq, shown, sealed)


def _cited(rows: Sequence[EventRow | LegRow]) -> str:
    for row in rows:
        if row.evidence:
            return row.evidence
    return ""


def entry_data(changes: Sequence[Change]) -> bytes:
    """The entry as it stands in the log: one SHA-256 after another."""
    return b"".join([sha256(_encode(change.shown)).digest() for change in changes])
