"""The buyer's own desk: proving a contact by a one-time code, my orders, requests to the shop (R31, R35)."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import timedelta
from typing import Final

from cryptography.exceptions import InvalidTag

from mingzhang.app.desk import Desk
from mingzhang.catalogue.accounts import clean_contact, mask
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_id
from mingzhang.notices import flow as notices
from mingzhang.notices.model import Audience, Buyer, Facts, Template
from mingzhang.orders import requests
from mingzhang.orders import store as orders
from mingzhang.orders.context import Context
from mingzhang.orders.requests import Request
from mingzhang.shop.codes import DIGITS, make_code, use_code
from mingzhang.staff import record
from mingzhang.staff.model import Member, Office
from mingzhang.staff.rights import Right
from mingzhang.web.model_shop import MyOrder
from mingzhang.web.model_staff import RequestRow

SESSION_DAYS: Final = 30
ORDERS_MAX: Final = 100
_PURPOSE: Final = "buyer-session"


def can_write(desk: Desk) -> bool:
    """Whether this shop can send a buyer a code by mail."""
    return _reaches(desk, "email")


def can_text(desk: Desk) -> bool:
    """Whether this shop can send a buyer a code by text message."""
    return _reaches(desk, "sms")


def _reaches(desk: Desk, channel: str) -> bool:
    return any(
        route.audience is Audience.BUYER
        and route.channel == channel
        and (not route.topics or Template.SIGN_IN_CODE in route.topics)
        for route in desk.routes
    )


async def send_code(desk: Desk, contact: str, lang: str) -> str:
    """Have a code sent to a contact that has ordered here; nothing tells the asker whether it has.

    Returns the code in a demo that has no mail, where its page shows it; else nothing. Raises `bad_contact`,
    `phone_unreachable` (no text messages are set up), `mail_not_set_up`.
    """
    contact = clean_contact(contact)
    by_phone = "@" not in contact
    if by_phone and not can_text(desk):
        raise Problem("phone_unreachable", Kind.INVALID, params={"field": "contact"})
    shown = desk.settings.demo and not by_phone and not can_write(desk)
    if not by_phone and not shown and not can_write(desk):
        raise Problem("mail_not_set_up", Kind.INVALID, params={"field": "contact"})
    ctx = desk.ctx
    contact_hash = ctx.vault.fingerprint(contact)
    code, code_id = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}", new_id(ctx.now(), ctx.rng)
    async with transaction(ctx.pool) as conn:
        known = await conn.fetch(orders.SQL.list_of_contact, contact_hash, ctx.now() + timedelta(days=1), 1)
        if not known:
            return ""
        until = await make_code(conn, ctx.vault, code_id, contact, code, ctx.now(), ctx.clock.speed)
        if until is None:
            return ""
        facts = Facts(order_id=code_id, until=until, sealed=ctx.vault.seal(code).hex())
        buyer = Buyer(
            contact_enc=ctx.vault.seal(contact),
            contact_mask=mask(contact),
            contact_hash=contact_hash,
            language=lang,
        )
        await notices.enqueue(conn, ctx.rng, ctx.now(), Template.SIGN_IN_CODE, "code", facts, buyer)
    return code if shown else ""


async def enter(desk: Desk, contact: str, code: str) -> str:
    """The session of a contact that was proved, for a cookie. Raises `code_wrong` for whatever is not right."""
    wrong = Problem("code_wrong", Kind.INVALID, params={"field": "code"})
    code = "".join(code.split())
    try:
        contact = clean_contact(contact)
    except Problem:
        raise wrong from None
    async with transaction(desk.pool) as conn:
        right = await use_code(conn, desk.ctx.vault, contact, code, desk.clock.now())
    if not right:
        raise wrong
    return _seal(desk, contact)


def _seal(desk: Desk, contact: str) -> str:
    until = desk.clock.now() + timedelta(days=SESSION_DAYS) * desk.clock.speed
    sealed = desk.ctx.vault.seal(f"{_PURPOSE}\n{int(until.timestamp())}\n{contact}")
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def contact_of(desk: Desk, session: str) -> str:
    """The contact that a session was opened for; empty for one that does not hold."""
    if not session or len(session) > 600 or not session.isascii():
        return ""
    try:
        sealed = base64.urlsafe_b64decode(session + "=" * (-len(session) % 4))
        purpose, until, contact = desk.ctx.vault.open(sealed).split("\n", 2)
    except (binascii.Error, InvalidTag, ValueError, Problem):  # Problem: nothing was sealed in it
        return ""
    return contact if purpose == _PURPOSE and int(until) > desk.clock.now().timestamp() else ""


async def list_orders(desk: Desk, contact: str) -> list[MyOrder]:
    """The newest orders of a contact."""
    ctx = desk.ctx
    async with ctx.pool.acquire() as conn:
        rows = await conn.fetch(
            orders.SQL.list_of_contact,
            ctx.vault.fingerprint(contact),
            ctx.now() + timedelta(days=1),
            ORDERS_MAX,
        )
    names = MyOrder.__struct_fields__
    return [MyOrder(**{name: row[name] for name in names}) for row in rows]


async def read_requests(ctx: Context) -> list[RequestRow]:
    """What buyers ask of the shop and nobody has answered, soonest deadline first; not what they wrote."""
    async with ctx.pool.acquire() as conn:
        return [_row(each) for each in await requests.list_open_requests(conn)]


def _row(request: Request) -> RequestRow:
    return RequestRow(
        request_id=request.request_id,
        order_id=request.order_id,
        wish=request.wish,
        cause=request.cause,
        has_words=bool(request.words_enc),
        made_at=request.made_at,
        deadline_at=request.deadline_at,
    )


async def answer(ctx: Context, member: Member, request_id: str, word: str, text: str) -> None:
    """A person's answer, with its words on record. Raises what `requests.answer_request` raises, `unknown_request`."""
    order_id, n = requests.read_number(request_id)
    async with transaction(ctx.pool) as conn:
        turn = await orders.open_turn(conn, order_id, ctx.now(), ctx.rng)
        await requests.answer_request(turn, n, word, text, member.name)
        await turn.finish()
        await record.write(
            conn, ctx.rng, turn.now, member, "answer_request", request_id, reason=text, data={"answer": word}
        )


async def reveal_words(office: Office, member: Member, request_id: str, reason: str) -> str:
    """What a buyer wrote, for a person's eyes: on record before it is shown. Raises `unknown_request`."""
    order_id, n = requests.read_number(request_id)
    async with office.pool.acquire() as conn:
        found = [each for each in await requests.list_requests(conn, order_id) if each.n == n]
    if not found or not found[0].words_enc:
        await record.require(office, member, Right.VIEW_PERSONAL_DATA, request_id)
        raise Problem("unknown_request", Kind.NOT_FOUND)
    return await record.reveal(office, member, request_id, "request_words", found[0].words_enc, reason)
