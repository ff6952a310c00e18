"""The wizard's reading and its few actions: test calls, the address asked from outside, a first product, a test order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from mingzhang.app import desk_papers, wiring
from mingzhang.app.adapters import CHANNELS, SUPPLIERS, find
from mingzhang.app.demo_load.loader import SQL as LOADED
from mingzhang.app.desk import Desk
from mingzhang.app.setup import checks
from mingzhang.app.setup.keys import NEEDED, keys_of
from mingzhang.app.setup.store import Note, list_notes, write_note
from mingzhang.catalogue import store as catalogue
from mingzhang.catalogue.change import Author, apply_lines
from mingzhang.custody.store import list_accounts
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Message
from mingzhang.fulfilment.suppliers.base import OwnTable
from mingzhang.kit.clock import SystemClock
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_id, new_order_id, payment_number
from mingzhang.kit.outbound import Answer, Outbound
from mingzhang.orders import store as orders
from mingzhang.orders.place import PlaceRequest
from mingzhang.payments.channels.base import HasKeyTerms, Outcome, TradeState
from mingzhang.staff import accounts, record
from mingzhang.staff.model import Member, Office
from mingzhang.web.model_setup import (
    STEPS,
    CallSeen,
    Check,
    Choice,
    PartySeen,
    SetupPage,
    TestOrder,
)

CUSTODY: Final = ("contract", "self")
TEST_CONTACT: Final = "setup@example.com"
HEALTH: Final = "/healthz"
# What a first product is made from: cells of an import line that the form does not ask for.
TEMPLATES: Final[Mapping[str, Mapping[str, str]]] = {
    "phone": {"kind": "mobile", "account_template": "phone_cn", "promise": "15m"},
    "qq": {"kind": "direct", "account_template": "qq", "promise": "15m", "max_quantity": "5"},
    "game": {"kind": "direct", "account_template": "game_id", "promise": "15m", "double_entry": "yes"},
    "card": {"kind": "card", "account_template": "none", "promise": "15m", "max_quantity": "5"},
}
FIELDS: Final = (
    "product_id",
    "title_zh",
    "title_en",
    "face_value",
    "price",
    "cost",
    "supplier",
    "supplier_product",
)


async def read_setup(desk: Desk, office: Office, step: str) -> SetupPage:
    """Where the set-up stands: what can be computed is, what was tried is read."""
    async with desk.pool.acquire() as conn:
        notes = await list_notes(conn)
        products = await catalogue.list_products(conn)
        rules = await _has_rules(desk)
        custody_accounts = await list_accounts(conn)
    channels = _parties(desk, CHANNELS, notes)
    suppliers = _parties(desk, SUPPLIERS, notes)
    order = await _test_order(desk, notes.get("order"))
    await desk.shop.refresh()
    face = desk.shop.now.face
    found = await _checks(desk, office, notes, channels, suppliers, order)
    found.insert(
        3, Check(code="product", state="ok" if products and rules else "no", detail=str(len(products)))
    )
    chosen = notes["custody"].outcome if "custody" in notes else ""
    done = {
        "shop": not checks.licence_lacks(face),
        "channels": _state(found, "channels") == "ok",
        "suppliers": _state(found, "suppliers") == "ok",
        "custody": bool(chosen or custody_accounts),
        "product": bool(products) and rules,
        "order": order is not None and order.state == "delivered",
        "launch": all(check.state == "ok" for check in found),
    }
    open_steps = [name for name in STEPS if not done[name]]
    return SetupPage(
        step=step or (open_steps[0] if open_steps else STEPS[-1]),
        done=frozenset(name for name in STEPS if done[name]),
        next_step=open_steps[0] if open_steps else "",
        face_lacks=tuple(checks.licence_lacks(face)),
        channels=channels,
        suppliers=suppliers,
        accounts=tuple(
            Choice(value=each.kind, label=f"{each.bank} · {each.account[-4:]}") for each in custody_accounts
        ),
        custody=chosen,
        on_sale=tuple(Choice(value=one.product_id, label=one.title_zh) for one in products[:50]),
        rules=rules,
        templates=tuple(TEMPLATES),
        order=order,
        simulated=bool(desk.settings.control_url),
        checks=tuple(found),
    )


def _state(found: list[Check], code: str) -> str:
    return next(check.state for check in found if check.code == code)


async def _has_rules(desk: Desk) -> bool:
    async with desk.pool.acquire() as conn:
        try:
            await catalogue.read_rules(conn, desk.clock.now())
        except Problem:
            return False
    return True


async def _checks(
    desk: Desk,
    office: Office,
    notes: Mapping[str, Note],
    channels: tuple[PartySeen, ...],
    suppliers: tuple[PartySeen, ...],
    order: TestOrder | None,
) -> list[Check]:
    settings, real_now = desk.settings, SystemClock().now()
    people = await accounts.list_accounts(office)
    async with desk.pool.acquire() as conn:
        backup = await checks.check_backup(conn, settings, real_now)
        clocks = await checks.check_clocks(conn, settings, real_now)
        made_up = bool(await conn.fetchval(LOADED.has_history)) or settings.demo
    return [
        checks.check_licence(desk.shop.now.face),
        checks.check_parties("channels", channels),
        checks.check_parties("suppliers", suppliers),
        checks.check_order(order.state if order else ""),
        checks.check_https(settings),
        checks.check_address(notes.get("address"), desk.clock.now()),
        backup,
        checks.check_two_people(people),
        checks.check_limits(settings, on=desk.ctx.limits is not None),
        clocks,
        Check(code="no_demo", state="no" if made_up else "ok"),
    ]


def _parties(desk: Desk, group: str, notes: Mapping[str, Note]) -> tuple[PartySeen, ...]:
    there: Mapping[str, object] = desk.channels if group == CHANNELS else desk.suppliers
    seen = []
    for name in find(group):
        adapter = there.get(name)
        own = group == SUPPLIERS and (name not in NEEDED and isinstance(adapter, OwnTable))
        note = notes.get(_call_subject(group, name))
        seen.append(
            PartySeen(
                name=name,
                on=adapter is not None,
                tested=adapter is not None and not own,
                keys=keys_of(name, desk.settings.adapters, desk.ctx.vault),
                ends=_ends(adapter),
                call=CallSeen(outcome=note.outcome, detail=note.detail, at=note.noted_at) if note else None,
            )
        )
    return tuple(seen)


def _ends(adapter: object) -> tuple[tuple[str, datetime], ...]:
    if not isinstance(adapter, HasKeyTerms):
        return ()
    return tuple((term.key, term.ends_at) for term in adapter.key_terms())


def _call_subject(group: str, name: str) -> str:
    return f"call:{group.rpartition('.')[2]}/{name}"


async def _test_order(desk: Desk, note: Note | None) -> TestOrder | None:
    if note is None:
        return None
    async with desk.pool.acquire() as conn:
        try:
            order = await orders.read_order(conn, note.detail)
        except Problem:
            return None
    return TestOrder(order_id=order.order_id, state=order.state, at=note.noted_at)


async def _note(desk: Desk, member: Member, subject: str, outcome: str, detail: str = "") -> None:
    """What came of it, with its line in the record of staff."""
    now = desk.clock.now()
    async with transaction(desk.pool) as conn:
        await write_note(
            conn,
            Note(subject=subject, outcome=outcome, detail=detail[:200], noted_by=member.name, noted_at=now),
        )
        await record.write(
            conn, desk.ctx.rng, now, member, "setup", f"setup:{subject}"[:64], data={"outcome": outcome}
        )


async def call_channel(desk: Desk, member: Member, name: str) -> None:
    """A live question to a channel, about a trade that never was: its answer proves address, keys and signature.

    Raises `unknown_channel`.
    """
    channel = desk.channels.get(name)
    if channel is None:
        raise Problem("unknown_channel", Kind.NOT_FOUND)
    number = payment_number(new_order_id(0, desk.clock.now(), desk.ctx.rng), 1)
    answer = await channel.query(number)
    known = answer.outcome is Outcome.OK and answer.state is not TradeState.UNKNOWN
    refused = answer.outcome is Outcome.REFUSED
    await _keep(desk, answer.messages)
    outcome = "answered" if known else "refused" if refused or answer.code else "silent"
    await _note(desk, member, _call_subject(CHANNELS, name), outcome, "" if known else answer.code)


async def call_supplier(desk: Desk, member: Member, name: str) -> None:
    """A live question to a supplier for our balance there. Raises `unknown_supplier`."""
    supplier = desk.suppliers.get(name)
    if supplier is None:
        raise Problem("unknown_supplier", Kind.NOT_FOUND)
    answer = await supplier.balance()
    await _keep(desk, answer.messages)
    outcome = "answered" if answer.known else "refused" if len(answer.messages) > 1 else "silent"
    await _note(desk, member, _call_subject(SUPPLIERS, name), outcome)


async def _keep(desk: Desk, messages: tuple[Message, ...]) -> None:
    async with transaction(desk.pool) as conn:
        await evidence.keep_all(conn, desk.ctx.rng, desk.clock.now(), messages)


async def ask_address(desk: Desk, member: Member) -> None:
    """Our own public address, asked as a channel would: through the network, by its name."""
    http = Outbound()
    try:
        answer = await http.get(f"{desk.settings.base_url}{HEALTH}", desk.settings.call_timeout_s)
    finally:
        await http.aclose()
    if isinstance(answer, Answer):
        good = answer.status == 200
        await _note(desk, member, "address", "answered" if good else "refused", str(answer.status))
    else:
        await _note(desk, member, "address", "silent", answer.why.value)


async def choose_custody(desk: Desk, member: Member, choice: str) -> None:
    """Whether there is a contract of custody. What pages say follows the accounts that are named, not this."""
    if choice not in CUSTODY:
        raise Problem("unknown_choice", Kind.INVALID)
    await _note(desk, member, "custody", choice)


async def publish_rules(desk: Desk, member: Member) -> None:
    """The rules we bring, as version 1, where there are none."""
    if await _has_rules(desk):
        raise Problem("nothing_changed", Kind.INVALID)
    ours = wiring.sample_rules()
    await desk_papers.publish(desk.ctx, member, "rules", ours.text_zh, ours.text_en, None, "", seen=0)


async def add_product(desk: Desk, member: Member, template: str, typed: Mapping[str, str]) -> None:
    """A first product. Raises `unknown_choice`, and `import_refused` with the field that is wrong."""
    if template not in TEMPLATES:
        raise Problem("unknown_choice", Kind.INVALID, params={"field": "template"})
    cells = {name: typed.get(name, "").strip() for name in FIELDS}
    cells["title_en"] = cells["title_en"] or cells["title_zh"]
    line = {"on_sale": "yes", **TEMPLATES[template], **cells}
    author = Author(name=member.name, way="setup")
    await apply_lines(desk.pool, desk.ctx.rng, desk.clock.now(), author, [(1, line)])
    desk.ctx.catalogue.forget()
    desk.window.forget()


async def place_test_order(desk: Desk, member: Member, product_id: str, account: str) -> str:
    """An order like a buyer's, with its payment opened; returns its number. Raises what placing raises."""
    request = PlaceRequest(product_id=product_id, account=account, contact=TEST_CONTACT, again=True)
    key = new_id(desk.clock.now(), desk.ctx.rng)
    placed = await desk.place("setup", key, request)
    await _note(desk, member, "order", "placed", placed.order_id)
    return placed.order_id
