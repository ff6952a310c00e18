"""The open vocabulary of reasons (R44): for payment, supply and refund, what each one leads to.

Adapters map their codes onto the suppliers' part (`fulfilment/suppliers/base.Reason`); a refusal with a code that is
not listed is `supplier_error`, and the raw code is kept beside it. Words, in Chinese and English, are in `web/words.py`;
docs/states.md and `GET /api/v1/vocabulary` are made from both.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec


class Area(StrEnum):
    """What the reason speaks of."""

    PAYMENT = "payment"
    SUPPLY = "supply"
    REFUND = "refund"
    NOTICE = "notice"


class Party(StrEnum):
    """Where the cause lies (责任方). Towards the buyer the shop answers for its suppliers and channels (R35)."""

    BUYER = "buyer"
    SHOP = "shop"
    SUPPLIER = "supplier"
    CHANNEL = "channel"


class Mend(StrEnum):
    """How it can be mended: another supplier, a corrected account, trying again later, or not at all."""

    FAILOVER = "failover"
    CORRECTION = "correction"
    LATER = "later"
    NONE = "none"


class Then(StrEnum):
    """What happens next, as the buyer is told."""

    NEXT_SUPPLIER = "next_supplier"
    CORRECT = "correct"
    WAIT_PREFUND = "wait_prefund"
    ASK_ON = "ask_on"
    CHOOSE = "choose"
    REFUND = "refund"
    REFUND_REST = "refund_rest"
    WAIT_FLOAT = "wait_float"
    GO_ON = "go_on"
    ORDER_AGAIN = "order_again"
    SHOP_BEARS = "shop_bears"
    PERSON = "person"


class Entry(msgspec.Struct, frozen=True):
    """One reason. ``party``: where the cause lies; ``mend``: how it can be mended; ``then``: what happens next."""

    area: Area
    party: Party
    mend: Mend
    then: Then


def _supply(party: Party, mend: Mend, then: Then) -> Entry:
    return Entry(Area.SUPPLY, party, mend, then)


def _payment(party: Party, then: Then) -> Entry:
    return Entry(Area.PAYMENT, party, Mend.NONE, then)


_CORRECT: Final = _supply(Party.BUYER, Mend.CORRECTION, Then.CORRECT)
_NEXT: Final = _supply(Party.SUPPLIER, Mend.FAILOVER, Then.NEXT_SUPPLIER)
_SILENT: Final = _supply(Party.SUPPLIER, Mend.LATER, Then.CHOOSE)
_REVERSED: Final = _supply(Party.SUPPLIER, Mend.NONE, Then.REFUND)

REASONS: Final[Mapping[str, Entry]] = {
    # A supplier's refusal.
    "account_banned": _supply(Party.BUYER, Mend.NONE, Then.REFUND),
    "velocity": _NEXT,
    "wrong_account": _CORRECT,
    "account_incomplete": _CORRECT,
    "wrong_region": _CORRECT,
    "number_suspended": _CORRECT,
    "stock_out": _NEXT,
    "off_sale": _NEXT,
    "maintenance": _NEXT,
    "price_changed": _NEXT,
    "prefund_short": _supply(Party.SHOP, Mend.LATER, Then.WAIT_PREFUND),
    "duplicate": _supply(Party.SUPPLIER, Mend.LATER, Then.ASK_ON),
    "supplier_error": _NEXT,
    # What else becomes of supply.
    "supplier_refused": _supply(Party.SUPPLIER, Mend.NONE, Then.REFUND),
    "reversed": _REVERSED,
    "supplier_reversed": _REVERSED,
    "late_success": _supply(Party.SUPPLIER, Mend.NONE, Then.SHOP_BEARS),
    "partly_delivered": _supply(Party.SUPPLIER, Mend.NONE, Then.REFUND_REST),
    "partial_credit": _supply(Party.SUPPLIER, Mend.NONE, Then.PERSON),
    "cards_missing": _supply(Party.SUPPLIER, Mend.LATER, Then.ASK_ON),
    "cost_above_money": _supply(Party.SHOP, Mend.NONE, Then.PERSON),
    "price_expired": _supply(Party.SHOP, Mend.NONE, Then.REFUND),
    "unknown_outcome": _SILENT,
    "no_result": _SILENT,
    "deadline_passed": _SILENT,
    "no_answer": _supply(Party.SUPPLIER, Mend.NONE, Then.REFUND),
    "no_choice_made": _supply(Party.BUYER, Mend.NONE, Then.PERSON),
    "resupply_refused": _supply(Party.SUPPLIER, Mend.NONE, Then.PERSON),
    # Payment.
    "expired": _payment(Party.BUYER, Then.ORDER_AGAIN),
    "paid_late": _payment(Party.BUYER, Then.GO_ON),
    "no_longer_sold": _payment(Party.SHOP, Then.REFUND),
    "excess_money": _payment(Party.BUYER, Then.REFUND),
    "second_payment": _payment(Party.BUYER, Then.REFUND),
    "over_payment": _payment(Party.BUYER, Then.REFUND),
    "short_payment": _payment(Party.BUYER, Then.REFUND),
    "wrong_amount": _payment(Party.BUYER, Then.REFUND),
    "payment_of_refunded_order": _payment(Party.BUYER, Then.REFUND),
    "payment_beside_doubt": _payment(Party.CHANNEL, Then.PERSON),
    "payment_contradicted": _payment(Party.CHANNEL, Then.PERSON),
    "proved_unpaid": _payment(Party.CHANNEL, Then.ORDER_AGAIN),
    "payment_frozen": _payment(Party.CHANNEL, Then.PERSON),
    "denied_by_channel": _payment(Party.CHANNEL, Then.PERSON),
    "conflict": _payment(Party.CHANNEL, Then.PERSON),
    "no_order": _payment(Party.BUYER, Then.PERSON),
    "unknown_order_number": _payment(Party.SHOP, Then.PERSON),
    "other_currency": _payment(Party.BUYER, Then.PERSON),
    "claim_not_found": _payment(Party.BUYER, Then.PERSON),
    "claim_other_order": _payment(Party.BUYER, Then.PERSON),
    "claim_unknown_order": _payment(Party.SHOP, Then.PERSON),
    "payer_limit": Entry(Area.PAYMENT, Party.BUYER, Mend.LATER, Then.REFUND),
    # Refund.
    "buyer_chose_refund": Entry(Area.REFUND, Party.BUYER, Mend.NONE, Then.REFUND),
    "staff_refund": Entry(Area.REFUND, Party.SHOP, Mend.NONE, Then.REFUND),
    "given_back": Entry(Area.SUPPLY, Party.SHOP, Mend.NONE, Then.REFUND),
    "refund_returned": Entry(Area.REFUND, Party.BUYER, Mend.NONE, Then.PERSON),
    "charged_back": Entry(Area.REFUND, Party.CHANNEL, Mend.NONE, Then.REFUND),
    "dispute": Entry(Area.REFUND, Party.SHOP, Mend.NONE, Then.REFUND),
    "dispute_open": Entry(Area.REFUND, Party.BUYER, Mend.LATER, Then.PERSON),
    "waiting_float": Entry(Area.REFUND, Party.SHOP, Mend.LATER, Then.WAIT_FLOAT),
    "float_short": Entry(Area.REFUND, Party.SHOP, Mend.LATER, Then.WAIT_FLOAT),
    "refund_abnormal": Entry(Area.REFUND, Party.BUYER, Mend.NONE, Then.PERSON),
    "refund_refused": Entry(Area.REFUND, Party.CHANNEL, Mend.NONE, Then.PERSON),
    # Telling.
    "deadline_missed": Entry(Area.NOTICE, Party.SHOP, Mend.NONE, Then.PERSON),
    "notice_failed": Entry(Area.NOTICE, Party.SHOP, Mend.LATER, Then.PERSON),
    "buyer_request": Entry(Area.NOTICE, Party.BUYER, Mend.NONE, Then.PERSON),
    "key_ends": Entry(Area.NOTICE, Party.SHOP, Mend.LATER, Then.PERSON),
}


def mended_by(*mends: Mend) -> frozenset[str]:
    """The reasons that can be mended so."""
    return frozenset(code for code, entry in REASONS.items() if entry.mend in mends)
