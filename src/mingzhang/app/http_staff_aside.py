"""Staff: one item of money put aside, and the two people who decide what becomes of it (挂账, 原路退回)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app import desk_aside, desk_money, desk_transfers
from mingzhang.app.http_guard import DECISIONS, staff, staff_by_form
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    check_csrf,
    desk_of,
    form_of,
    language,
    page,
    see_other,
    shop_of,
)
from mingzhang.app.http_staff import frame_of, office_of, signed_in, staff_csrf
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import is_id, is_suspense_id
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web import pages_refunds, pages_staff

SIGN_IN: Final = "/staff/sign-in"
WORDS: Final = frozenset({"approve", "reject", "withdraw"})


def _known(item_id: str) -> str:
    if not is_suspense_id(item_id):
        raise Problem("unknown_order", Kind.NOT_FOUND)
    return item_id


async def _item_page(
    request: AnyRequest, member: Member, item_id: str, notice: str = "", status: int = 200
) -> HtmlResponse:
    desk = desk_of(request)
    wanted = request.query_params.get("order", "").strip().upper()[:40]
    shown = await desk_aside.read_page(desk.ctx, member, item_id, wanted)
    html = pages_staff.item_page(
        shown,
        shop_of(desk),
        language(request),
        await frame_of(request, member),
        desk.clock.now(),
        notice,
    )
    return page(request, html, status)


@get("/staff/suspense/{item_id:str}", include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def item(request: AnyRequest, item_id: FromPath[str]) -> Response[Any]:
    """One item: its trail with evidence, whose turn it is and until when, what two people decided."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    await record.require(office_of(request), member, Right.VIEW_ORDERS, _known(item_id))
    return await _item_page(
        request, member, item_id, "done" if request.query_params.get("done") == "1" else ""
    )


@post("/staff/suspense/{item_id:str}/money", include_in_schema=False, guards=[staff(Right.PROPOSE_MONEY)])
async def propose(request: AnyRequest, item_id: FromPath[str]) -> Response[Any]:
    """A money decision (send it back, give it to its order, proved unpaid): proposed by one person …"""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    await record.require(office_of(request), member, Right.PROPOSE_MONEY, _known(item_id))
    try:
        await desk_money.propose(
            desk_of(request).ctx,
            member,
            item_id,
            form.get("action", ""),
            form.get("reason", ""),
            {"order": form.get("order", "")[:40]},
        )
    except Problem as problem:
        return await _refused(request, member, item_id, problem)
    return see_other(f"/staff/suspense/{item_id}?done=1#money")


@post(
    "/staff/suspense/{item_id:str}/approvals/{approval_id:str}",
    include_in_schema=False,
    guards=[staff_by_form("word", DECISIONS)],
)
async def decide(request: AnyRequest, item_id: FromPath[str], approval_id: FromPath[str]) -> Response[Any]:
    """… and decided by another; approved, it is done at once."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    word = form.get("word", "")
    if not is_id(approval_id) or word not in WORDS:
        raise Problem("not_found", Kind.NOT_FOUND)
    right = Right.PROPOSE_MONEY if word == "withdraw" else Right.DECIDE_MONEY
    await record.require(office_of(request), member, right, _known(item_id))
    try:
        await desk_money.decide(
            desk_of(request).ctx, member, item_id, approval_id, word, form.get("reason", "")
        )
    except Problem as problem:
        return await _refused(request, member, item_id, problem)
    return see_other(f"/staff/suspense/{item_id}?done=1#money")


@post("/staff/suspense/{item_id:str}/payee", include_in_schema=False, guards=[staff(Right.PROPOSE_MONEY)])
async def payee(request: AnyRequest, item_id: FromPath[str]) -> Response[Any]:
    """Where it is to be sent by the bank, written down by one person: it takes two to send it."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    await record.require(office_of(request), member, Right.PROPOSE_MONEY, _known(item_id))
    given = desk_transfers.Given(name=form.get("name", "")[:80], account=form.get("account", "")[:80])
    try:
        if form.get("again", "")[:80].split() != given.account.split():
            raise Problem("payee_differs", Kind.INVALID)
        await desk_transfers.name_for_item(
            office_of(request), desk_of(request).ctx, member, item_id, given, form.get("reason", "")
        )
    except Problem as problem:
        return await _refused(request, member, item_id, problem)
    return see_other(f"/staff/suspense/{item_id}?done=1#money")


@post(
    "/staff/suspense/{item_id:str}/payee/shown",
    include_in_schema=False,
    guards=[staff(Right.VIEW_PERSONAL_DATA)],
)
async def payee_shown(request: AnyRequest, item_id: FromPath[str]) -> Response[Any]:
    """That account in clear, for one look, with a reason on record."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    shown = await desk_transfers.reveal(office_of(request), member, _known(item_id), form.get("reason", ""))
    desk = desk_of(request)
    back, frame = f"/staff/suspense/{item_id}#payee", await frame_of(request, member)
    return page(
        request, pages_refunds.payee_page(item_id, shown, shop_of(desk), language(request), frame, back)
    )


async def _refused(request: AnyRequest, member: Member, item_id: str, problem: Problem) -> HtmlResponse:
    if problem.kind in (Kind.INTERNAL, Kind.NOT_FOUND, Kind.UNAVAILABLE):
        raise problem
    status = 403 if problem.kind is Kind.FORBIDDEN else 422 if problem.kind is Kind.INVALID else 409
    return await _item_page(request, member, item_id, problem.code, status)


HANDLERS: Final = (item, propose, decide, payee, payee_shown)
