"""`GET /api/v1/vocabulary`: the states and reasons of the product, for machines (R44). Public, the same for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Final

import msgspec
from litestar import Response, Router, get

from mingzhang.app.http_docs import problems
from mingzhang.app.http_guard import ANYBODY
from mingzhang.fulfilment import states as supply
from mingzhang.kit.vocabulary import REASONS
from mingzhang.orders import states as orders
from mingzhang.payments import claim_states as claims
from mingzhang.payments import states as payments
from mingzhang.refunds import states as refunds
from mingzhang.web import words
from mingzhang.web.i18n import translations

Table = Mapping[str, frozenset[str]]


class Words(msgspec.Struct, frozen=True):
    """What people read, in both languages."""

    zh: str
    en: str


class StateEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One state of an order, payment, supply attempt, refund or claim. ``next``: what it may turn into; none: final."""

    code: str
    words: Words
    meaning: str
    next: list[str]


class ReasonEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One reason. ``responsible``: buyer, shop, supplier or channel; ``mend``: failover, correction, later or none.

    ``then``: a code for what happens next, ``then_words`` the sentence that the buyer reads.
    """

    code: str
    area: Annotated[str, msgspec.Meta(examples=["payment", "supply", "refund", "notice"])]
    words: Words
    responsible: str
    responsible_words: Words
    mend: str
    then: str
    then_words: Words


class Vocabulary(msgspec.Struct, frozen=True, kw_only=True):
    """The states by subject, and every reason. Open: a reader meets codes that it does not know yet."""

    states: dict[str, list[StateEntry]]
    reasons: list[ReasonEntry]


def _said(message: str) -> Words:
    return Words(translations("zh").gettext(message), translations("en").gettext(message))


def _states(table: Table, meaning: Mapping[str, str], shown: Mapping[str, str]) -> list[StateEntry]:
    return [
        StateEntry(code=code, words=_said(shown[code]), meaning=meaning[code], next=sorted(targets))
        for code, targets in table.items()
    ]


@cache
def vocabulary() -> Vocabulary:
    """Everything, made once from the tables in the code."""
    return Vocabulary(
        states={
            "order": _states(orders.TRANSITIONS, orders.MEANING, words.ORDER_STATES),
            "payment": _states(payments.TRANSITIONS, payments.MEANING, words.PAYMENT_STATES),
            "supply": _states(supply.TRANSITIONS, supply.MEANING, words.SUPPLY_STATES),
            "refund": _states(refunds.TRANSITIONS, refunds.MEANING, words.REFUND_STATES),
            "claim": _states(claims.TRANSITIONS, claims.MEANING, words.CLAIM_STATES),
        },
        reasons=[
            ReasonEntry(
                code=code,
                area=entry.area,
                words=_said(words.REASONS[code]),
                responsible=entry.party,
                responsible_words=_said(words.RESPONSIBLE[entry.party]),
                mend=entry.mend,
                then=entry.then,
                then_words=_said(words.NEXT[entry.then]),
            )
            for code, entry in REASONS.items()
        ],
    )


@get(
    "/vocabulary",
    summary="States and reasons",
    responses=problems({}),
    operation_id="getVocabulary",
    sync_to_thread=False,
    guards=[ANYBODY],
)
def get_vocabulary() -> Response[Vocabulary]:
    """Every state and reason: words in Chinese and English, where the cause lies, how it is mended, what comes next."""
    return Response(vocabulary(), headers={"Cache-Control": "public, max-age=300"})


ROUTER: Final = Router("/api/v1", route_handlers=[get_vocabulary])
