"""Places, owners and where an owner may stand (ledger.md, 'Owners and where they may stand').

An account is ``(place, party, owner)``: the place is only where money physically is, the party is
which channel, bank or supplier holds it, the owner is only whose it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Owner(StrEnum):
    """Whose money it is. The values are what the journal stores."""

    ORDER = "o"
    SUSPENSE = "S"
    CLAIM = "L"
    FLOAT = "F"
    MARGIN = "M"
    HANDOVER = "H"


# Plain strings for the hot path: no attribute look-up on an enum member, no subclass in a tuple.
O = Owner.ORDER.value  # noqa: E741
S = Owner.SUSPENSE.value
L = Owner.CLAIM.value
F = Owner.FLOAT.value
M = Owner.MARGIN.value
H = Owner.HANDOVER.value

CHANNEL = "channel"  # 支付通道
REFUNDING = "refunding"  # 退款处理中, still with the party it was gathered at
HOLD = "hold"  # 争议锁定, still with its party
SETTLEMENT = "transit.settlement"  # 结算中; the party is the channel that sent it
TOPUP = "transit.topup"  # 备付金在途
CUSTODY = "custody"  # 存管账户
RESERVED = "supplier.reserved"  # 供应商(处理中); the party is supplier#attempt
SETTLED = "supplier.settled"  # 已用于本单; the party is supplier#attempt
FREE = "supplier.free"  # 供应商预存款
REFUND_TRANSIT = "refund.transit"  # 退款处理中
REFUND_ARRIVED = "refund.arrived"  # 渠道已退款
CHARGEBACK = "refund.chargeback"  # 拒付
FEE = "fee"  # 手续费
MISSING = "missing"  # 待核实款项; the party is the one whose statement lacks it
OPERATOR = "operator"  # 运营方自有账户

PAYER = "source.payer"
UNEXPLAINED = "source.unexplained"
CAPITAL = "source.capital"
PLATFORM = "source.platform"
SOURCE_MARGIN = "source.margin"
LOSS = "spent.loss"
SPENT_MARGIN = "spent.margin"

NOBODY = ""
"""The party of a source or of something spent: no one holds that money."""

SOURCES = frozenset((PAYER, UNEXPLAINED, CAPITAL, PLATFORM, SOURCE_MARGIN))
SPENT = frozenset((LOSS, SPENT_MARGIN))

_TRADE = frozenset(
    (
        CHANNEL,
        REFUNDING,
        HOLD,
        SETTLEMENT,
        CUSTODY,
        REFUND_TRANSIT,
        REFUND_ARRIVED,
        CHARGEBACK,
        FEE,
        MISSING,
    )
)

PERMITTED: Mapping[str, frozenset[str]] = {
    O: _TRADE | {RESERVED, SETTLED, PAYER, PLATFORM, SPENT_MARGIN},
    S: _TRADE | {UNEXPLAINED, PLATFORM},
    L: frozenset((CHANNEL, HOLD, SETTLEMENT, CUSTODY, MISSING)),
    F: frozenset((CUSTODY, TOPUP, FREE, CHANNEL, FEE, MISSING, CAPITAL, LOSS)),
    M: frozenset((CUSTODY, OPERATOR, SOURCE_MARGIN)),
    H: frozenset((CHANNEL, CUSTODY, FEE, UNEXPLAINED)),
}
"""Owner → places it may stand at, sources and spent included."""

PLACES = frozenset().union(*PERMITTED.values())


class Account(NamedTuple):
    """One account of one subject. Equal to, and hashed like, the plain tuple."""

    place: str
    party: str
    owner: str


Balances = Mapping[Account, int]
"""One subject's non-zero sums by account, fen; F and L legs of its bucket included."""


def owner_of(subject: str) -> str:
    """The owner letter of a subject's own money: ``S`` for suspense ids ('S…'), else ``o``."""
    return S if subject.startswith(S) else O


def origin_of(owner: str) -> str:
    """The source an owner's money came from: payer for an order, unexplained for suspense."""
    return UNEXPLAINED if owner == S else PAYER


def attempt_party(supplier: str, attempt: int) -> str:
    """The party of a supplier attempt's reserved and settled balances: ``supplier#attempt``."""
    return f"{supplier}#{attempt}"


def sql_check(owner: str = "owner", place: str = "place", subject: str | None = None) -> str:
    """Render PERMITTED as a SQL boolean expression for a CHECK constraint.

    ``owner`` and ``place`` name the columns. With ``subject`` (the subject id's column) it also
    holds suspense money to suspense subjects and order money to the others.
    """
    parts = []
    for letter, places in PERMITTED.items():
        names = ", ".join(f"'{name}'" for name in sorted(places))
        term = f"{owner} = '{letter}' AND {place} IN ({names})"
        if subject is not None and letter in (O, S):
            like = "LIKE" if letter == S else "NOT LIKE"
            term += f" AND {subject} {like} 'S%'"
        parts.append(f"({term})")
    return "(" + "\n OR ".join(parts) + ")"
