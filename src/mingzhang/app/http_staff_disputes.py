"""Staff: disputes, soonest term first; one dispute with its conversation; answers, questions, two people's solutions."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app import desk_complaints, desk_money, reading_disputes, reading_disputes_staff
from mingzhang.app.http_attachments import picture_answer, read_form
from mingzhang.app.http_guard import DECISIONS, staff, staff_by_form
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    check_csrf,
    desk_of,
    form_of,
    language,
    page,
    refuse_foreign,
    see_other,
    shop_of,
)
from mingzhang.app.http_staff import frame_of, office_of, signed_in, staff_csrf
from mingzhang.disputes import flow
from mingzhang.disputes.case import Said
from mingzhang.disputes.flow import Opening
from mingzhang.disputes.states import TEXT_MAX, read_number
from mingzhang.kit import attachments
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import is_id, is_order_id
from mingzhang.kit.money import parse_yuan
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right
from mingzhang.web import pages_disputes

HOME: Final = "/staff/disputes"
SIGN_IN: Final = "/staff/sign-in"
STATUS: Final = {
    Kind.INVALID: 422,
    Kind.CONFLICT: 409,
    Kind.TOO_MANY: 429,
    Kind.FORBIDDEN: 403,
    Kind.GONE: 410,
}
OPENED: Final = "dispute_words"
FOR_OTHERS: Final = ("staff", "regulator")


def _order_of(dispute_id: str) -> str:
    order_id, _ = read_number(dispute_id)
    if not is_order_id(order_id):
        raise Problem("unknown_dispute", Kind.NOT_FOUND)
    return order_id


async def _page(
    request: AnyRequest, member: Member, dispute_id: str, notice: str = "", status: int = 200
) -> HtmlResponse:
    """The page; that somebody reads a buyer's words is on record before they are shown."""
    desk, office = desk_of(request), office_of(request)
    _order_of(dispute_id)
    if member.may(Right.VIEW_PERSONAL_DATA):
        async with transaction(office.pool) as conn:
            await record.write(conn, office.rng, office.clock.now(), member, OPENED, dispute_id, kind="seen")
    html = pages_disputes.staff_dispute_page(
        await reading_disputes_staff.read_staffs(desk.ctx, member, dispute_id),
        shop_of(desk),
        language(request),
        await frame_of(request, member),
        desk.clock.now(),
        notice,
        await desk_complaints.read_case(desk.ctx, dispute_id),
    )
    return page(request, html, status)


async def _board(
    request: AnyRequest, member: Member, notice: str = "", status: int = 200, order: str = ""
) -> HtmlResponse:
    desk = desk_of(request)
    alive, ended = await reading_disputes_staff.read_board(desk.ctx)
    html = pages_disputes.staff_disputes_page(
        alive,
        ended,
        shop_of(desk),
        language(request),
        await frame_of(request, member),
        desk.clock.now(),
        notice,
        order,
    )
    return page(request, html, status)


@get(HOME, include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def listed(request: AnyRequest) -> Response[Any]:
    """What is open, and what ended last."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    await record.require(office_of(request), member, Right.VIEW_ORDERS)
    return await _board(request, member)


@post(HOME, include_in_schema=False, guards=[staff(Right.ANSWER_BUYERS)])
async def open_one(request: AnyRequest) -> Response[Any]:
    """For a buyer who called, or for an authority that wrote: the same clocks as any other."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    office, order_id = office_of(request), form.get("order", "").strip().upper()[:40]
    await record.require(office, member, Right.ANSWER_BUYERS, order_id)
    try:
        if form.get("source") not in FOR_OTHERS or not is_order_id(order_id):
            raise Problem("dispute_invalid", Kind.INVALID)
        opening = Opening(
            order_id=order_id,
            kind=form.get("kind", "")[:40],
            source=form["source"],
            by=member.name,
            words=form.get("text", ""),
        )
        opened = await flow.open_dispute(desk_of(request).ctx, opening)
    except Problem as problem:
        status = 404 if problem.kind is Kind.NOT_FOUND else STATUS.get(problem.kind)
        if status is None:
            raise
        return await _board(request, member, problem.code, status, order_id)
    async with transaction(office.pool) as conn:
        await record.write(conn, office.rng, office.clock.now(), member, "open_dispute", opened.dispute_id)
    return see_other(f"{HOME}/{opened.dispute_id}?done=1")


@get(f"{HOME}/{{dispute_id:str}}", include_in_schema=False, guards=[staff(Right.VIEW_ORDERS)])
async def show(request: AnyRequest, dispute_id: FromPath[str]) -> Response[Any]:
    """One dispute: terms, conversation, what can be done."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    await record.require(office_of(request), member, Right.VIEW_ORDERS, dispute_id[:40])
    return await _page(request, member, dispute_id, "done" if request.query_params.get("done") == "1" else "")


@post(
    f"{HOME}/{{dispute_id:str}}/say",
    include_in_schema=False,
    request_max_body_size=attachments.BODY_BYTES_MAX,
    guards=[staff(Right.ANSWER_BUYERS)],
)
async def say(request: AnyRequest, dispute_id: FromPath[str]) -> Response[Any]:
    """An answer (`do=say`), a question that gives the buyer the turn (`do=ask`), or the shop's no (`do=decline`)."""
    refuse_foreign(request)
    form = await read_form(request, "pictures", files_max=attachments.COUNT_MAX, field_max=TEXT_MAX + 200)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form.fields)
    office, what, text = office_of(request), form.fields.get("do", "say"), form.fields.get("text", "")
    await record.require(office, member, Right.ANSWER_BUYERS, dispute_id[:40])
    _order_of(dispute_id)
    try:
        await _speak(request, member, dispute_id, what, text, form.files)
    except Problem as problem:
        return await _refused(request, member, dispute_id, problem)
    async with transaction(office.pool) as conn:
        data = {"do": what}
        await record.write(
            conn, office.rng, office.clock.now(), member, "answer_dispute", dispute_id, data=data
        )
    return see_other(f"{HOME}/{dispute_id}?done=1#newest")


async def _speak(
    request: AnyRequest, member: Member, dispute_id: str, what: str, text: str, files: tuple[bytes, ...]
) -> None:
    ctx = desk_of(request).ctx
    if what == "ask":
        await flow.ask_buyer(ctx, dispute_id, member.name, text)
    elif what == "decline":
        await flow.decline(ctx, dispute_id, member.name, text)
    elif what == "say":
        drawn = await attachments.draw_all(files)
        said = Said(speaker="shop", text=text, by=member.name, attachments=drawn)
        await flow.add_message(ctx, dispute_id, said)
    else:
        raise Problem("unknown_action", Kind.INVALID)


@post(f"{HOME}/{{dispute_id:str}}/solve", include_in_schema=False, guards=[staff(Right.PROPOSE_MONEY)])
async def solve(request: AnyRequest, dispute_id: FromPath[str]) -> Response[Any]:
    """A solution, proposed by one person …"""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    await record.require(office_of(request), member, Right.PROPOSE_MONEY, dispute_id[:40])
    order_id = _order_of(dispute_id)
    try:
        amount = form.get("amount", "").strip()
        terms = {
            "dispute": dispute_id,
            "remedy": form.get("remedy", "")[:20],
            "amount_fen": parse_yuan(amount) if amount else 0,
        }
        await desk_money.propose(
            desk_of(request).ctx, member, order_id, "solve_dispute", form.get("reason", ""), terms
        )
    except Problem as problem:
        return await _refused(request, member, dispute_id, problem)
    return see_other(f"{HOME}/{dispute_id}?done=1#solve")


@post(
    f"{HOME}/{{dispute_id:str}}/approvals/{{approval_id:str}}",
    include_in_schema=False,
    guards=[staff_by_form("word", DECISIONS)],
)
async def decide(request: AnyRequest, dispute_id: FromPath[str], approval_id: FromPath[str]) -> Response[Any]:
    """… and decided by another; approved, it is carried out or put before the buyer at once."""
    form = await form_of(request)
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    check_csrf(staff_csrf(request), form)
    word = form.get("word", "")
    if not is_id(approval_id) or word not in DECISIONS:
        raise Problem("not_found", Kind.NOT_FOUND)
    await record.require(office_of(request), member, DECISIONS[word], dispute_id[:40])
    order_id = _order_of(dispute_id)
    try:
        await desk_money.decide(
            desk_of(request).ctx, member, order_id, approval_id, word, form.get("reason", "")
        )
    except Problem as problem:
        return await _refused(request, member, dispute_id, problem)
    return see_other(f"{HOME}/{dispute_id}?done=1#solve")


@get(
    f"{HOME}/{{dispute_id:str}}/pictures/{{attachment_id:str}}",
    include_in_schema=False,
    guards=[staff(Right.VIEW_PERSONAL_DATA)],
)
async def picture(
    request: AnyRequest, dispute_id: FromPath[str], attachment_id: FromPath[str]
) -> Response[Any]:
    """A picture of the conversation, on record before it is shown."""
    member = await signed_in(request)
    if member is None:
        return see_other(SIGN_IN)
    office = office_of(request)
    await record.require(office, member, Right.VIEW_PERSONAL_DATA, dispute_id[:40])
    _order_of(dispute_id)
    body = await reading_disputes.read_picture(desk_of(request).ctx, dispute_id, attachment_id)
    async with transaction(office.pool) as conn:
        data = {"field": "dispute_picture"}
        await record.write(
            conn, office.rng, office.clock.now(), member, OPENED, dispute_id, kind="seen", data=data
        )
    return picture_answer(body, attachment_id)


async def _refused(request: AnyRequest, member: Member, dispute_id: str, problem: Problem) -> HtmlResponse:
    if problem.kind not in STATUS:
        raise problem
    return await _page(request, member, dispute_id, problem.code, STATUS[problem.kind])


HANDLERS: Final = (listed, open_one, show, say, solve, decide, picture)
