"""The life of a difference (差异) and of a day that waits for its file, and who is next when one is found."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from mingzhang.reconciliation.model import BreakClass, Found, Kind
from mingzhang.reconciliation.sources import ready_at

TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "waiting": frozenset({"asking", "person", "resolved", "withdrawn"}),
    "asking": frozenset({"waiting", "person", "resolved", "withdrawn"}),
    "person": frozenset({"asking", "waiting", "resolved", "withdrawn"}),
    "resolved": frozenset({"waiting", "asking", "person"}),  # a corrected file may raise it anew
    "withdrawn": frozenset({"waiting", "asking", "person", "resolved"}),
}
MEANING: Final[dict[str, str]] = {
    "waiting": "the other side's next file should have it (日切, T+2)",
    "asking": "the shop asks the channel or supplier by the exact number; what is proved is booked",
    "person": "no rule decides: two people do",
    "resolved": "both sides agree, or two people said why not; what had to be booked is booked",
    "withdrawn": "a corrected file shows no difference",
}
DAYS: Final[dict[str, frozenset[str]]] = {
    "waiting": frozenset({"judged", "no_trades"}),
    "judged": frozenset({"judged", "no_trades"}),
    "no_trades": frozenset({"judged"}),
}
DAY_MEANING: Final[dict[str, str]] = {
    "waiting": "its file is not there yet, or was refused",
    "judged": "held against its file",
    "no_trades": "the party says that it has nothing for that day, and it was held against that",
}
PERSON_S: Final = 24 * 3600
ASK_S: Final = (60, 300, 1800, 7200, 6 * 3600)
ASK_MAX_S: Final = 24 * 3600
FILE_RETRY_S: Final = (1800, 3600, 2 * 3600, 4 * 3600)
FILE_MAX_S: Final = 24 * 3600
NEXT_FILES: Final = 2
"""A lone entry of ours is held against the files of this many days more (T+2)."""

_ASKED: Final = frozenset(
    {BreakClass.MISSING_OURS, BreakClass.UNKNOWN_COUNTERPARTY, BreakClass.STATE_CONFLICT}
)


PAYOUTS: Final = frozenset({Kind.SETTLED, Kind.RECEIVED, Kind.SENT})
"""What goes between a channel and the bank, or out of it: nobody is asked, the other side's own line is awaited."""

LINE_LOOK_S: Final = 6 * 3600
LINE_MAX_S: Final = 72 * 3600


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """Where a difference stands: its state, whose turn it is, and its two clocks."""

    state: str
    holder: str
    next_actor: str
    due_at: datetime | None
    deadline_at: datetime | None


def first_step(found: Found, party: str, day: date, now: datetime) -> Next:
    """What happens to a new difference. `party` holds the money in question as far as anybody knows."""
    if found.settled:
        return Next(state="resolved", holder="", next_actor="", due_at=None, deadline_at=None)
    if found.kind in PAYOUTS:
        return _between(found, party, now)
    lone = found.theirs is None or found.ours is None
    if found.cls is BreakClass.TIMING and found.theirs is None:
        return _wait(found.kind, party, day, now)
    if found.cls is BreakClass.MISSING_THEIRS and found.kind == Kind.PAID:
        return _wait(found.kind, party, day, now)
    askable = found.kind in (Kind.PAID, Kind.REFUND, Kind.SUPPLY)
    if askable and (found.cls in _ASKED or (lone and found.cls is not BreakClass.DUPLICATE)):
        return ask_now(party, now)
    return to_person(party, now)


def ask_now(party: str, now: datetime) -> Next:
    """The shop asks outside, beginning at once."""
    latest = now + timedelta(seconds=ASK_MAX_S)
    return Next(state="asking", holder=party, next_actor="shop", due_at=now, deadline_at=latest)


def ask_again(party: str, since: datetime, asked: int, now: datetime) -> Next:
    """Asked without a result: later again, or a person after a day."""
    latest = since + timedelta(seconds=ASK_MAX_S)
    due = now + timedelta(seconds=ASK_S[min(asked, len(ASK_S) - 1)])
    if now >= latest:
        return to_person(party, now)
    return Next(state="asking", holder=party, next_actor="shop", due_at=min(due, latest), deadline_at=latest)


def to_person(party: str, now: datetime) -> Next:
    """Two people decide, within a day."""
    latest = now + timedelta(seconds=PERSON_S)
    return Next(state="person", holder=party, next_actor="person", due_at=None, deadline_at=latest)


def _between(found: Found, party: str, now: datetime) -> Next:
    """A line of one side alone waits for the other's, as long as a payout may take; two that differ are people's."""
    if found.theirs is not None and found.ours is not None:
        return to_person(party, now)
    actor = ("channel" if found.kind == Kind.SETTLED else "bank") if found.theirs is None else "shop"
    return await_line(party, actor, now, now)


def await_line(party: str, actor: str, since: datetime, now: datetime) -> Next:
    """Looked at again in some hours; past its time a person is next."""
    latest = since + timedelta(seconds=LINE_MAX_S)
    if now >= latest:
        return to_person(party, now)
    due = min(now + timedelta(seconds=LINE_LOOK_S), latest)
    return Next(state="waiting", holder=party, next_actor=actor, due_at=due, deadline_at=latest)


def _wait(kind: str, party: str, day: date, now: datetime) -> Next:
    actor = "supplier" if kind == Kind.SUPPLY else "channel"
    due = max(now, ready_at(day + timedelta(days=NEXT_FILES)))
    latest = due + timedelta(seconds=PERSON_S)
    return Next(state="waiting", holder=party, next_actor=actor, due_at=due, deadline_at=latest)
