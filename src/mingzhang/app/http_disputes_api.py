"""Disputes over the API: open, read, speak, decide; by the order's token (R27, R35)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from litestar import Router, get, post
from litestar.params import FromPath, JSONBody

from mingzhang.app import reading_disputes
from mingzhang.app.http_disputes import WORDS
from mingzhang.app.http_docs import BY_TOKEN, problems
from mingzhang.app.http_guard import TOKEN
from mingzhang.app.http_kit import AnyRequest, desk_of, known_order_id, take_guess
from mingzhang.disputes import flow
from mingzhang.disputes.case import Said
from mingzhang.disputes.flow import Opening
from mingzhang.disputes.states import TEXT_MAX, dispute_number
from mingzhang.kit.errors import Kind, Problem
from mingzhang.web.model_disputes import DisputePage
from mingzhang.web.model_shop import DisputeLine

Text = Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]
N_MAX: Final = 999
REFUSED: Final = {401: ("unauthenticated",), 422: ("invalid_request",), 429: ("too_many",)}


class DisputeOpening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is wrong, and what the buyer wants. `kind`: not_arrived, shown_arrived_not_received, wrong_amount,
    wrong_product, unauthorised_payment, refund_not_arrived, card_invalid, reversed; `wish`: refund, resupply or nothing.
    """

    kind: Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,40}$")]
    wish: Literal["", "refund", "resupply"] = ""
    text: Text = ""


class DisputeSaying(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the buyer says."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_MAX)]


class DisputeDecision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the buyer decides: take an offer or not, let it be, say that it arrived, open it once more (with a text)."""

    word: Literal["accept", "refuse", "withdraw", "arrived", "reopen"]
    text: Text = ""


def _known(order_id: str, n: int) -> str:
    if not 0 < n <= N_MAX:
        raise Problem("unknown_dispute", Kind.NOT_FOUND)
    return dispute_number(known_order_id(order_id), n)


@get(
    "/orders/{order_id:str}/disputes",
    summary="An order's disputes",
    responses=problems({401: ("unauthenticated",)}),
    operation_id="listDisputes",
    security=BY_TOKEN,
    guards=[TOKEN],
)
async def listed(request: AnyRequest, order_id: FromPath[str]) -> list[DisputeLine]:
    """Newest first, each with whose turn it is and by when."""
    found = await reading_disputes.read_list(desk_of(request).ctx, known_order_id(order_id))
    return list(found.lines)


@post(
    "/orders/{order_id:str}/disputes",
    summary="Open a dispute",
    responses=problems(
        {
            **REFUSED,
            409: ("dispute_not_open", "dispute_already_open"),
            422: ("invalid_request", "dispute_invalid"),
        }
    ),
    operation_id="openDispute",
    security=BY_TOKEN,
    guards=[TOKEN],
)
async def open_one(
    request: AnyRequest, order_id: FromPath[str], data: JSONBody[DisputeOpening]
) -> DisputePage:
    """The shop's clocks begin: a first answer, a solution, the last word (R34, R43)."""
    ctx = desk_of(request).ctx
    await take_guess(request, f"dispute:{order_id}")
    opening = Opening(
        order_id=known_order_id(order_id), kind=data.kind, wish=data.wish, words=_clean(data.text)
    )
    opened = await flow.open_dispute(ctx, opening)
    return await reading_disputes.read_buyers(ctx, order_id, int(opened.dispute_id.rpartition("D")[2]))


@get(
    "/orders/{order_id:str}/disputes/{n:int}",
    summary="One dispute",
    responses=problems({401: ("unauthenticated",), 404: ("unknown_dispute",)}),
    operation_id="readDispute",
    security=BY_TOKEN,
    guards=[TOKEN],
)
async def read_one(request: AnyRequest, order_id: FromPath[str], n: FromPath[int]) -> DisputePage:
    """The whole conversation, the shop's terms and what became of them, what the buyer can do."""
    _known(order_id, n)
    return await reading_disputes.read_buyers(desk_of(request).ctx, order_id, n)


@post(
    "/orders/{order_id:str}/disputes/{n:int}/messages",
    summary="Say something in a dispute",
    responses=problems({**REFUSED, 404: ("unknown_dispute",), 409: ("dispute_closed",)}),
    operation_id="sayInDispute",
    security=BY_TOKEN,
    guards=[TOKEN],
)
async def say(
    request: AnyRequest, order_id: FromPath[str], n: FromPath[int], data: JSONBody[DisputeSaying]
) -> DisputePage:
    """While the shop asked something, it gives the turn back to the shop."""
    ctx, dispute_id = desk_of(request).ctx, _known(order_id, n)
    await take_guess(request, f"dispute:{order_id}")
    await flow.add_message(ctx, dispute_id, Said(speaker="buyer", text=_clean(data.text)))
    return await reading_disputes.read_buyers(ctx, order_id, n)


@post(
    "/orders/{order_id:str}/disputes/{n:int}/decision",
    status_code=200,
    summary="Decide in a dispute",
    responses=problems(
        {**REFUSED, 404: ("unknown_dispute",), 409: ("no_offer", "dispute_closed", "reopen_not_open")}
    ),
    operation_id="decideDispute",
    security=BY_TOKEN,
    guards=[TOKEN],
)
async def decide(
    request: AnyRequest, order_id: FromPath[str], n: FromPath[int], data: JSONBody[DisputeDecision]
) -> DisputePage:
    """An offer that is accepted is carried out in the same transaction."""
    ctx, dispute_id = desk_of(request).ctx, _known(order_id, n)
    await take_guess(request, f"dispute:{order_id}")
    await WORDS[data.word](ctx, dispute_id, _clean(data.text))
    return await reading_disputes.read_buyers(ctx, order_id, n)


def _clean(text: str) -> str:
    """Raises `invalid_request` for control characters; line ends are fine."""
    if not all(line.isprintable() for line in text.splitlines()):
        raise Problem("invalid_request", Kind.INVALID, "a text holds characters that cannot be printed")
    return text


ROUTER: Final = Router("/api/v1", route_handlers=[listed, open_one, read_one, say, decide])
