"""Staff: one's own account, the team, and what waits for a second person (docs/staff.md)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app.http_guard import SIGNED_IN, staff
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    desk_of,
    form_of,
    language,
    page,
    see_other,
    shop_of,
)
from mingzhang.app.http_session import form_token_of
from mingzhang.app.http_sign_in import origin_of, session_cookie
from mingzhang.app.http_staff import frame_of, office_of, signed_in
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import is_id, is_order_id, is_suspense_id
from mingzhang.staff import accounts, approvals, own, recovery, team, totp
from mingzhang.staff.approvals import DECIDED_BY, Approval
from mingzhang.staff.model import Member
from mingzhang.staff.passwords import LENGTH_MAX
from mingzhang.staff.rights import Right, Role
from mingzhang.web import pages_people

ME: Final = "/staff/me"
TEAM: Final = "/staff/team"
CODE_MAX: Final = 20
SEALED_MAX: Final = 600
STATUS: Final = {
    Kind.INVALID: 422,
    Kind.CONFLICT: 409,
    Kind.TOO_MANY: 429,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
}


async def member_of(request: AnyRequest) -> Member:
    """Whose session the guard let in."""
    member = await signed_in(request)
    if member is None:
        raise Problem("signed_out", Kind.UNAUTHENTICATED)
    return member


def _shown(problem: Problem) -> int:
    """The status of a refusal that the page itself explains; others go on."""
    if problem.kind not in STATUS or problem.code == "not_found":
        raise problem
    return STATUS[problem.kind]


async def _own_page(
    request: AnyRequest,
    member: Member,
    problem: Problem | None = None,
    *,
    codes: list[str] | None = None,
    enrolment: tuple[str, str, str] = ("", "", ""),
) -> HtmlResponse:
    desk, office = desk_of(request), office_of(request)
    everybody = {account.name: account for account in await accounts.list_accounts(office)}
    wait_s = int(problem.params.get("wait_s", 0)) if problem else 0
    done = "done" if request.query_params.get("done") == "1" else ""
    html = pages_people.own_page(
        everybody[member.name],
        await accounts.list_sessions(office, member.name),
        shop_of(desk),
        language(request),
        await frame_of(request, member),
        desk.clock.now(),
        here=member.session_id,
        codes_left=await recovery.left(office.pool, member.name),
        codes=codes or (),
        enrolment=enrolment,
        notice=problem.code if problem else done,
        wait_s=wait_s,
    )
    return page(request, html, _shown(problem) if problem else 200, wait_s=wait_s)


@get(ME, include_in_schema=False, guards=[SIGNED_IN])
async def me(request: AnyRequest) -> HtmlResponse:
    """One's own account: rights, authenticator, password, sessions."""
    return await _own_page(request, await member_of(request))


@post(f"{ME}/password", include_in_schema=False, guards=[SIGNED_IN])
async def password(request: AnyRequest) -> Response[Any]:
    """Another password, typed twice."""
    member, form = await member_of(request), await form_of(request)
    try:
        if form.get("new_password", "") != form.get("again", ""):
            raise Problem("password_differs", Kind.INVALID)
        new = form.get("new_password", "")[: LENGTH_MAX + 1]
        await own.change_password(office_of(request), member, *_proof(form), new)
    except Problem as problem:
        return await _own_page(request, member, problem)
    return see_other(f"{ME}?done=1")


def _proof(form: dict[str, str]) -> tuple[str, str]:
    return form.get("password", "")[:LENGTH_MAX], form.get("code", "").strip()[:CODE_MAX]


@post(f"{ME}/totp/begin", include_in_schema=False, guards=[SIGNED_IN])
async def begin_totp(request: AnyRequest) -> Response[Any]:
    """Show a QR code; nothing is in force before a code of it was given."""
    member, form = await member_of(request), await form_of(request)
    try:
        secret, sealed = await own.begin_totp(office_of(request), member, *_proof(form))
    except Problem as problem:
        return await _own_page(request, member, problem)
    return await _own_page(request, member, enrolment=_enrolment(request, member, secret, sealed))


def _enrolment(request: AnyRequest, member: Member, secret: str, sealed: str) -> tuple[str, str, str]:
    uri = totp.provisioning_uri(secret, member.name, desk_of(request).settings.shop_name)
    return uri, " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)), sealed


@post(f"{ME}/totp", include_in_schema=False, guards=[SIGNED_IN])
async def enrol(request: AnyRequest) -> Response[Any]:
    """Put the authenticator in force, give a new session, show the recovery codes once."""
    member, form = await member_of(request), await form_of(request)
    office, sealed = office_of(request), form.get("sealed", "")[:SEALED_MAX]
    try:
        code = form.get("code", "").strip()[:CODE_MAX]
        token, codes = await own.enrol(office, member, sealed, code, origin_of(request, member.name))
    except Problem as problem:
        try:
            enrolment = _enrolment(request, member, own.opened(office, member, sealed), sealed)
        except Problem:
            enrolment = ("", "", "")
        return await _own_page(request, member, problem, enrolment=enrolment)
    desk = desk_of(request)
    frame = msgspec.structs.replace(await frame_of(request, member), csrf=form_token_of(desk, token))
    html = pages_people.codes_page(codes, shop_of(desk), language(request), frame)
    return page(request, html, 200, (session_cookie(desk, token),))


@post(f"{ME}/recovery", include_in_schema=False, guards=[SIGNED_IN])
async def new_codes(request: AnyRequest) -> Response[Any]:
    """Recovery codes instead of those before, shown once."""
    member, form = await member_of(request), await form_of(request)
    try:
        codes = await own.new_codes(office_of(request), member, *_proof(form))
    except Problem as problem:
        return await _own_page(request, member, problem)
    return await _own_page(request, member, codes=codes)


@post(f"{ME}/sessions/{{session_id:str}}/end", include_in_schema=False, guards=[SIGNED_IN])
async def end_own(request: AnyRequest, session_id: FromPath[str]) -> Response[Any]:
    """End one of one's own sessions."""
    member, office = await member_of(request), office_of(request)
    if session_id not in {each.session_id for each in await accounts.list_sessions(office, member.name)}:
        raise Problem("not_found", Kind.NOT_FOUND)
    await accounts.end_session(office, session_id, member)
    return see_other(f"{ME}?done=1")


async def _team_page(request: AnyRequest, member: Member, problem: Problem | None = None) -> HtmlResponse:
    desk, office = desk_of(request), office_of(request)
    html = pages_people.team_page(
        await accounts.list_accounts(office),
        await accounts.list_sessions(office, ""),
        await team.list_proposals(office),
        shop_of(desk),
        language(request),
        await frame_of(request, member),
        desk.clock.now(),
        problem.code if problem else "done" if request.query_params.get("done") == "1" else "",
    )
    return page(request, html, _shown(problem) if problem else 200)


@get(TEAM, include_in_schema=False, guards=[staff(Right.MANAGE_STAFF)])
async def everybody(request: AnyRequest) -> HtmlResponse:
    """Everybody: roles, second factor, sessions."""
    return await _team_page(request, await member_of(request))


@post(f"{TEAM}/sessions/{{session_id:str}}/end", include_in_schema=False, guards=[staff(Right.MANAGE_STAFF)])
async def end_theirs(request: AnyRequest, session_id: FromPath[str]) -> Response[Any]:
    """End somebody's session."""
    member = await member_of(request)
    try:
        await accounts.end_session(office_of(request), session_id[:64], member)
    except Problem as problem:
        return await _team_page(request, member, problem)
    return see_other(f"{TEAM}?done=1")


@post(f"{TEAM}/{{name:str}}/revoke", include_in_schema=False, guards=[staff(Right.MANAGE_STAFF)])
async def revoke(request: AnyRequest, name: FromPath[str]) -> Response[Any]:
    """Close an account; one's own is left to another."""
    member = await member_of(request)
    try:
        if name == member.name:
            raise Problem("own_account", Kind.FORBIDDEN)
        await accounts.revoke(office_of(request), name, member)
    except Problem as problem:
        return await _team_page(request, member, problem)
    return see_other(f"{TEAM}?done=1")


@post(f"{TEAM}/{{name:str}}/roles", include_in_schema=False, guards=[staff(Right.MANAGE_STAFF)])
async def propose_roles(request: AnyRequest, name: FromPath[str]) -> Response[Any]:
    """Other roles: proposed by one …"""
    member, form = await member_of(request), await form_of(request)
    wanted = [role.value for role in Role if form.get(f"role_{role}") == "1"]
    try:
        await team.propose_roles(office_of(request), member, name, wanted, form.get("reason", ""))
    except Problem as problem:
        return await _team_page(request, member, problem)
    return see_other(f"{TEAM}?done=1")


@post(
    f"{TEAM}/{{name:str}}/approvals/{{approval_id:str}}",
    include_in_schema=False,
    guards=[staff(Right.MANAGE_STAFF)],
)
async def decide_roles(request: AnyRequest, name: FromPath[str], approval_id: FromPath[str]) -> Response[Any]:
    """… and decided by another; approved, it is done at once."""
    member, form = await member_of(request), await form_of(request)
    if not is_id(approval_id):
        raise Problem("not_found", Kind.NOT_FOUND)
    word, reason = form.get("word", ""), form.get("reason", "")
    try:
        await team.decide_roles(office_of(request), member, name, approval_id, word, reason)
    except Problem as problem:
        return await _team_page(request, member, problem)
    return see_other(f"{TEAM}?done=1")


def _address(it: Approval, may: frozenset[Right]) -> str:
    """The page on which it is decided; empty when there is none, or it is closed to this person."""
    if it.action == approvals.MoneyAction.CHANGE_ROLES:
        return TEAM if Right.MANAGE_STAFF in may else ""
    if it.action == approvals.MoneyAction.WIND_DOWN:
        return "/staff/wind-down" if Right.MANAGE_SHOP in may else ""
    if Right.VIEW_ORDERS not in may:
        return ""
    if it.action == approvals.MoneyAction.CONFIRM_BY_HAND:
        return "/staff/manual"
    if it.action == approvals.MoneyAction.MOVE_FLOAT:
        return "/staff/custody#instructions" if Right.VIEW_COSTS in may else ""
    if is_order_id(it.subject):
        return f"/staff/orders/{it.subject}#money"
    return f"/staff/suspense/{it.subject}#money" if is_suspense_id(it.subject) else ""


@get("/staff/decisions", include_in_schema=False, guards=[SIGNED_IN])
async def decisions(request: AnyRequest) -> HtmlResponse:
    """What waits for one's own word, never one's own proposals; and those, waiting for others."""
    desk, member = desk_of(request), await member_of(request)
    async with desk.pool.acquire() as conn:
        found = await approvals.list_open(conn, desk.clock.now())
    mine = [
        it
        for it in found
        if it.state == "proposed"
        and it.proposed_by != member.name
        and member.may(DECIDED_BY.get(it.action, Right.DECIDE_MONEY))
    ]
    others = [it for it in found if it.proposed_by == member.name]
    html = pages_people.decisions_page(
        mine,
        others,
        {it.approval_id: _address(it, member.rights) for it in [*mine, *others]},
        shop_of(desk),
        language(request),
        await frame_of(request, member),
        desk.clock.now(),
    )
    return page(request, html)


HANDLERS: Final = (
    me,
    password,
    begin_totp,
    enrol,
    new_codes,
    end_own,
    everybody,
    end_theirs,
    revoke,
    propose_roles,
    decide_roles,
    decisions,
)
