"""Letters (R35–R38): which paragraphs a letter has, out of the order's facts and what its sender typed. Pure.

A paragraph is a code; its words, in both languages, stand in `web/words_letters.py`. A demand goes to the shop, a
complaint to the channel, to 12315 (投诉: about money) or to the consumer association, a report (举报: about a violation)
to 12315. No letter claims what the order's records do not show: fraud only when its sender says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from mingzhang.recourse.law import Law

WISHES: Final = ("refund", "resupply", "either")
FIELD_MAX: Final = 120
TEXT_MAX: Final = 8000
BOTH: Final = "both"
LANGUAGES: Final = ("zh", "en", BOTH)


class Kind(StrEnum):
    """Whom a letter goes to, and what for."""

    DEMAND = "demand"
    CHANNEL = "channel"
    COMPLAINT = "complaint"
    REPORT = "report"
    ASSOCIATION = "association"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """Fields that are asked of the sender, and the paragraphs in order."""

    asks: tuple[str, ...]
    paragraphs: tuple[str, ...]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """The order as its page shows it: numbers, amounts, times; nothing of the buyer's. Empty: not known."""

    order: str
    placed_at: datetime
    price_fen: int
    payment: str = ""
    transaction: str = ""
    refund: str = ""
    reason: str = ""
    promised_at: datetime | None = None
    late: bool = False
    licence: str = ""
    shop_address: str = ""


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """What the sender typed; kept nowhere. ``fraud``: the sender says that the shop deceived them."""

    name: str = ""
    phone: str = ""
    address: str = ""
    wish: str = "either"
    violation: str = ""
    fraud: bool = False


_PERSON: Final = ("name", "phone", "address")
_FACTS: Final = ("bought", "numbers", "transaction", "state", "reason", "late", "refund_under_way")

KINDS: Final[Mapping[Kind, Letter]] = {
    Kind.DEMAND: Letter(
        asks=("name", "phone", "wish", "fraud"),
        paragraphs=("to_shop", *_FACTS, "contract", "no_excuse", "wish", "fraud", "term", "records", "sign"),
    ),
    Kind.CHANNEL: Letter(
        asks=("name", "phone", "wish"),
        paragraphs=("to_channel", *_FACTS, "ask_channel", "wish", "sign"),
    ),
    Kind.COMPLAINT: Letter(
        asks=(*_PERSON, "wish", "fraud"),
        paragraphs=(
            "to_authority",
            "complainant",
            "against",
            *_FACTS,
            "contract",
            "wish",
            "fraud",
            "mediate",
            "enclosed",
            "sign",
        ),
    ),
    Kind.REPORT: Letter(
        asks=(*_PERSON, "violation"),
        paragraphs=("to_authority_report", "reporter", "against", *_FACTS, "violation", "enclosed", "sign"),
    ),
    Kind.ASSOCIATION: Letter(
        asks=(*_PERSON, "wish", "fraud"),
        paragraphs=(
            "to_association",
            "complainant",
            "against",
            *_FACTS,
            "contract",
            "wish",
            "fraud",
            "mediate_association",
            "enclosed",
            "sign",
        ),
    ),
}


def paragraphs_of(kind: Kind, case: Case, typed: Typed) -> tuple[str, ...]:
    """The paragraphs that this letter has, by code; those that nothing is known for are left out."""
    wanted = {
        "transaction": bool(case.transaction),
        "reason": bool(case.reason),
        "late": case.late and case.promised_at is not None,
        "refund_under_way": bool(case.refund),
        "fraud": typed.fraud,
    }
    return tuple(
        f"wish_{typed.wish}" if code == "wish" else code
        for code in KINDS[kind].paragraphs
        if wanted.get(code, True)
    )


def fraud_fen(law: Law, price_fen: int) -> int:
    """What the law adds in a case of fraud, in fen: so many times the price, but never less than its least amount."""
    times, least = law.figure["fraud_times"].value, law.figure["fraud_least_fen"].value
    return max(price_fen * times, least)


def read_typed(form: Mapping[str, str]) -> Typed:
    """What a form holds, cut to size; an unknown wish is `either`."""
    short = {name: form.get(name, "").strip()[:FIELD_MAX] for name in ("name", "phone", "address")}
    wish = form.get("wish", "")
    return Typed(
        **short,
        wish=wish if wish in WISHES else "either",
        violation=form.get("violation", "").strip()[: FIELD_MAX * 4],
        fraud=form.get("fraud") == "yes",
    )
