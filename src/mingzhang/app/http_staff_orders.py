"""Staff: one order with its notices, claims and decisions; the lists of claims and of money put aside."""

from __future__ import annotations

import re
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app import desk_money, desk_refunds, desk_staff
from mingzhang.app.http_guard import DECISIONS, staff, staff_by_form
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    check_csrf,
    desk_of,
    form_of,
    known_order_id,
    language,
    page,
    see_other,
    shop_of,
)
from mingzhang.app.http_staff import frame_of, office_of, signed_in, staff_csrf
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import is_id
from mingzhang.kit.money import parse_yuan
from mingzhang.payments.claim_store import order_of_claim
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web import pages_staff

SIGN_IN: Final = "/staff/sign-in"
_NOTICE_ID: Final = re.compile(r"[0-9A-Za-z-]{1,80}")


async def _order_page(
    request: AnyRequest, member: Member, order_id: str, notice: str = "", status: int = 200
) -> HtmlResponse:
    desk = desk_of(request)
    shown = await desk_staff.read_staff_order(desk.ctx, member, await desk.order_page(order_id))
    part = request.query_params.get("part", "")[:20]
    offered = part and "refund_part" in shown.money
    preview = await desk_refunds.preview_part(desk.ctx, order_id, part) if offered else None
    html = pages_staff.staff_order_page(
        shown, shop_of(desk), language(request), await frame_of(request, member), notice, preview
    )
    return page(request, html, status)


@get("/staff/orders/{order_id:str}", include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def order(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """One order: where its money is, who was told what, what the buyer showed, what two people decided."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    await record.require(office_of(request), member, Right.VIEW_ORDERS, known_order_id(order_id))
    done = "done" if request.query_params.get("done") == "1" else ""
    return await _order_page(request, member, order_id, done)


@get("/staff/claims", include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def claims(request: AnyRequest) -> Response[Any]:
    """Every open claim (已付款,订单未更新)."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    await record.require(office_of(request), member, Right.VIEW_ORDERS)
    desk = desk_of(request)
    rows = await desk_staff.list_claims(desk.ctx)
    html = pages_staff.claims_page(
        rows, shop_of(desk), language(request), await frame_of(request, member), desk.clock.now()
    )
    return page(request, html)


@get("/staff/suspense", include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def suspense(request: AnyRequest) -> Response[Any]:
    """Money put aside (待核实款项, 挂账)."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    await record.require(office_of(request), member, Right.VIEW_ORDERS)
    desk = desk_of(request)
    rows = await desk_staff.list_suspense(desk.ctx)
    html = pages_staff.suspense_page(
        rows, shop_of(desk), language(request), await frame_of(request, member), desk.clock.now()
    )
    return page(request, html)


async def _form(request: AnyRequest) -> tuple[Member | None, dict[str, str]]:
    """Who sends a form of ours, and its fields."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is not None:
        check_csrf(staff_csrf(request), form)
    return member, form


@post(
    "/staff/orders/{order_id:str}/notices/{notice_id:str}/send-again",
    include_in_schema=False,
    guards=[staff(Right.ANSWER_BUYERS)],
)
async def send_again(request: AnyRequest, order_id: FromPath[str], notice_id: FromPath[str]) -> Response[Any]:
    """A failed notice once more."""
    member, _ = await _form(request)
    if member is None:
        return see_other(SIGN_IN)
    known_order_id(order_id)
    if _NOTICE_ID.fullmatch(notice_id) is None:
        raise Problem("not_found", Kind.NOT_FOUND)
    await record.require(office_of(request), member, Right.ANSWER_BUYERS, order_id)
    try:
        await desk_staff.send_notice_again(desk_of(request).ctx, member, order_id, notice_id)
    except Problem as problem:
        return await _refused(request, member, order_id, problem)
    return see_other(f"/staff/orders/{order_id}?done=1#notices")


@post("/staff/claims/{claim_id:str}/answer", include_in_schema=False, guards=[staff(Right.ANSWER_BUYERS)])
async def answer_claim(request: AnyRequest, claim_id: FromPath[str]) -> Response[Any]:
    """A person's answer to the buyer, from a closed list, with the reason on record."""
    member, form = await _form(request)
    if member is None:
        return see_other(SIGN_IN)
    order_id = order_of_claim(claim_id)
    await record.require(office_of(request), member, Right.ANSWER_BUYERS, claim_id)
    try:
        await desk_staff.answer_claim(
            desk_of(request).ctx, member, claim_id, form.get("answer", ""), form.get("reason", "")
        )
    except Problem as problem:
        return await _refused(request, member, order_id, problem)
    return see_other(f"/staff/orders/{order_id}?done=1#claims")


@post(
    "/staff/claims/{claim_id:str}/picture", include_in_schema=False, guards=[staff(Right.VIEW_PERSONAL_DATA)]
)
async def picture(request: AnyRequest, claim_id: FromPath[str]) -> Response[Any]:
    """The buyer's screenshot: personal data, opened for one look, on record with a reason."""
    member, form = await _form(request)
    if member is None:
        return see_other(SIGN_IN)
    order_id = order_of_claim(claim_id)
    try:
        shown = await desk_staff.reveal_picture(office_of(request), member, claim_id, form.get("reason", ""))
    except Problem as problem:
        return await _refused(request, member, order_id, problem)
    desk = desk_of(request)
    html = pages_staff.picture_page(
        claim_id, order_id, shown, shop_of(desk), language(request), await frame_of(request, member)
    )
    return page(request, html)


@post("/staff/orders/{order_id:str}/codes", include_in_schema=False, guards=[staff(Right.VIEW_CARD_CODES)])
async def codes(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """The card codes that the buyer was given: for one look, on record with a reason."""
    member, form = await _form(request)
    if member is None:
        return see_other(SIGN_IN)
    known_order_id(order_id)
    try:
        shown = await desk_staff.reveal_codes(office_of(request), member, order_id, form.get("reason", ""))
    except Problem as problem:
        return await _refused(request, member, order_id, problem)
    desk = desk_of(request)
    html = pages_staff.codes_page(
        order_id, shown, shop_of(desk), language(request), await frame_of(request, member)
    )
    return page(request, html)


@post("/staff/orders/{order_id:str}/money", include_in_schema=False, guards=[staff(Right.PROPOSE_MONEY)])
async def propose_money(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """A money decision (商家承担补发, a refund, money in doubt): proposed by one person …"""
    member, form = await _form(request)
    if member is None:
        return see_other(SIGN_IN)
    known_order_id(order_id)
    await record.require(office_of(request), member, Right.PROPOSE_MONEY, order_id)
    action = form.get("action", "")
    try:
        terms = (
            {"amount_fen": parse_yuan(form.get("amount", "").strip())} if action == "refund_part" else None
        )
        await desk_money.propose(
            desk_of(request).ctx, member, order_id, action, form.get("reason", ""), terms
        )
    except Problem as problem:
        return await _refused(request, member, order_id, problem)
    return see_other(f"/staff/orders/{order_id}?done=1#money")


@post(
    "/staff/orders/{order_id:str}/approvals/{approval_id:str}",
    include_in_schema=False,
    guards=[staff_by_form("word", DECISIONS)],
)
async def decide(request: AnyRequest, order_id: FromPath[str], approval_id: FromPath[str]) -> Response[Any]:
    """… and decided by another; approved, it is done at once."""
    member, form = await _form(request)
    if member is None:
        return see_other(SIGN_IN)
    known_order_id(order_id)
    if not is_id(approval_id):
        raise Problem("not_found", Kind.NOT_FOUND)
    word = form.get("word", "")
    right = Right.PROPOSE_MONEY if word == "withdraw" else Right.DECIDE_MONEY
    await record.require(office_of(request), member, right, order_id)
    try:
        await desk_money.decide(
            desk_of(request).ctx, member, order_id, approval_id, word, form.get("reason", "")
        )
    except Problem as problem:
        return await _refused(request, member, order_id, problem)
    return see_other(f"/staff/orders/{order_id}?done=1#money")


@post("/staff/orders/{order_id:str}/ask-buyer", include_in_schema=False, guards=[staff(Right.ANSWER_BUYERS)])
async def ask_buyer(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """待您处理: the account is wrong or incomplete, its buyer is asked to correct it."""
    member, form = await _form(request)
    if member is None:
        return see_other(SIGN_IN)
    known_order_id(order_id)
    await record.require(office_of(request), member, Right.ANSWER_BUYERS, order_id)
    try:
        await desk_staff.ask_buyer(desk_of(request).ctx, member, order_id, form.get("reason", ""))
    except Problem as problem:
        return await _refused(request, member, order_id, problem)
    return see_other(f"/staff/orders/{order_id}?done=1")


async def _refused(request: AnyRequest, member: Member, order_id: str, problem: Problem) -> HtmlResponse:
    """The order's page with the refusal in words; what nobody expected goes on."""
    if problem.kind in (Kind.INTERNAL, Kind.NOT_FOUND, Kind.UNAVAILABLE):
        raise problem
    status = 403 if problem.kind is Kind.FORBIDDEN else 422 if problem.kind is Kind.INVALID else 409
    return await _order_page(request, member, order_id, problem.code, status)


HANDLERS: Final = (
    order,
    claims,
    suspense,
    send_again,
    answer_claim,
    picture,
    ask_buyer,
    codes,
    propose_money,
    decide,
)
