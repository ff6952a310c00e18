"""Every source of a reconciliation: whose file, what it lists, how it is read, when it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

import msgspec

from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.errors import Kind as ProblemKind
from mingzhang.kit.errors import Problem
from mingzhang.reconciliation.bills import alipay, bank, lists, text, wechat
from mingzhang.reconciliation.model import Kind, Line

Reader = Callable[[bytes, text.Told], Iterator[Line]]
EDGE_S: Final = 1800
"""How far from midnight the two clocks may put one payment on two days (日切)."""

PAYOUT_EDGE: Final = timedelta(hours=72)
"""So long money may be between a channel and the bank before its day is wrong."""

BANK_PREFIX: Final = "bank."
READY: Final = timedelta(hours=10)
"""A day's bills are there at ten on the next morning, Beijing time."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of file of one party. ``bill``: what the channel's adapter fetches it as, empty: given by people.
    ``asked``: no file at all, but a question after the day's end (balances.py). ``edge``: so far apart both sides may
    have one thing before the day is wrong.

    ``kinds``: what of the ledger it is held against; lines of other kinds are listed as differences, never invented.
    """

    name: str
    party: str
    side: str  # channel, supplier, bank
    read: Reader
    kinds: frozenset[Kind]
    bill: str = ""
    encoding: str = "utf-8"
    member: str = ""
    edge: timedelta = timedelta(seconds=EDGE_S)
    asked: bool = False


_CHANNEL: Final = frozenset({Kind.PAID, Kind.REFUND})
_SUPPLY: Final = frozenset({Kind.SUPPLY})


def _nothing(_raw: bytes, _told: text.Told) -> Iterator[Line]:
    """A source that is asked has no file."""
    return iter(())


def _all() -> Iterator[Source]:
    yield Source(
        name="alipay.trade",
        party="alipay",
        side="channel",
        read=alipay.read_trades,
        kinds=_CHANNEL,
        bill="trade",
        encoding=alipay.ENCODING,
        member=alipay.TRADE_MEMBER,
    )
    yield Source(
        name="alipay.fund",
        party="alipay",
        side="channel",
        read=alipay.read_funds,
        kinds=frozenset({Kind.PAID, Kind.SETTLED}),
        bill="signcustomer",
        encoding=alipay.ENCODING,
        member=alipay.FUND_MEMBER,
    )
    yield Source(
        name="wechat.trade",
        party="wechat",
        side="channel",
        read=wechat.read_trades,
        kinds=_CHANNEL,
        bill="tradebill",
    )
    yield Source(
        name="wechat.fund",
        party="wechat",
        side="channel",
        read=wechat.read_funds,
        kinds=_CHANNEL | {Kind.SETTLED},
        bill="fundflowbill",
    )
    yield Source(
        name="epay.orders",
        party="epay",
        side="channel",
        read=partial(lists.read_list, party="epay"),
        kinds=frozenset({Kind.PAID}),
        bill="orders",
    )
    for party in ("fulu", "kasushou", "dtone"):
        yield Source(
            name=f"{party}.orders",
            party=party,
            side="supplier",
            read=partial(lists.read_list, party=party),
            kinds=_SUPPLY,
        )
        yield Source(
            name=f"{party}.balance",
            party=party,
            side="supplier",
            read=_nothing,
            kinds=frozenset({Kind.BALANCE}),
            asked=True,
        )


SOURCES: Final[Mapping[str, Source]] = {source.name: source for source in _all()}


def of_bank(party: str) -> Source:
    """A bank's lines of a day, whatever statements brought them (custody/imports.py)."""
    return Source(
        name=f"{BANK_PREFIX}{party}",
        party=party,
        side="bank",
        read=bank.read_lines_of_day,
        kinds=frozenset({Kind.RECEIVED, Kind.SENT}),
        edge=PAYOUT_EDGE,
    )


def source_named(name: str) -> Source:
    """One source. Raises Problem `unknown_source`."""
    if name.startswith(BANK_PREFIX) and len(name) > len(BANK_PREFIX):
        return of_bank(name.removeprefix(BANK_PREFIX))
    if name not in SOURCES:
        raise Problem("unknown_source", ProblemKind.NOT_FOUND, f"one of: {', '.join(SOURCES)}")
    return SOURCES[name]


def start_of(day: date) -> datetime:
    """Midnight that begins a Beijing day."""
    return datetime.combine(day, datetime.min.time(), BEIJING)


def ready_at(day: date) -> datetime:
    """When a day's bill is there."""
    return start_of(day) + timedelta(days=1) + READY
