"""The buyer's pages: shop front, product, find, order. Everything works without scripts."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app.desk_papers import papers_of
from mingzhang.app.http_guard import ANYBODY
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    buyer_of,
    desk_of,
    form_of,
    language,
    order_cookie,
    page,
    see_other,
    shop_of,
    take_guess,
    way_of,
)
from mingzhang.app.problems import field_error
from mingzhang.catalogue.accounts import carrier_of, clean_account
from mingzhang.catalogue.terms import to_come
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.place import PlaceRequest
from mingzhang.payments.offer import Device
from mingzhang.web import pages

FIELDS: Final = (
    "account",
    "account_again",
    "quantity",
    "contact",
    "query_password",
    "method",
    "idempotency_key",
    "again",
)
FURTHER: Final = "f_"  # begins the names of further account fields
PICTURE_ID: Final = re.compile(r"[0-9a-f]{64}")
CLIENT: Final = "web"
KEY_LENGTHS: Final = range(8, 65)
# Answers that must not tell an unknown number from a wrong contact (F12).
ALIKE: Final = frozenset({"not_found_or_wrong_contact", "unknown_order"})


@get("/", include_in_schema=False, guards=[ANYBODY])
async def front(request: AnyRequest) -> HtmlResponse:
    """The shop front: `c` a category, `q` words, `p` the page."""
    desk, asked = desk_of(request), request.query_params
    number = asked.get("p", "1")
    found = await desk.front(
        asked.get("c", "")[:64],
        asked.get("q", "").strip(),
        int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else 1,
    )
    coming = to_come(await papers_of(request).read(), desk.clock.now())
    return page(request, pages.shop_front(found, shop_of(desk), language(request), coming))


@get("/pictures/{name:str}", include_in_schema=False, guards=[ANYBODY])
async def picture(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """A product's picture; its name is the hash of its content, so it never changes."""
    picture_id = name.removesuffix(".jpg")
    if PICTURE_ID.fullmatch(picture_id) is None:
        raise Problem("not_found", Kind.NOT_FOUND)
    body = await desk_of(request).picture(picture_id)
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Content-Security-Policy": "default-src 'none'",
        "ETag": f'"{picture_id}"',
    }
    return Response(body, media_type="image/jpeg", headers=headers)


@get("/products/{product_id:str}", include_in_schema=False, guards=[ANYBODY])
async def product_form(request: AnyRequest, product_id: FromPath[str]) -> HtmlResponse:
    """Step 1: the form, with a fresh idempotency key."""
    return await _form_page(request, product_id, {"idempotency_key": secrets.token_hex(16)}, {})


async def _form_page(
    request: AnyRequest,
    product_id: str,
    form: Mapping[str, str],
    errors: Mapping[str, str],
    status: int = 422,
) -> HtmlResponse:
    desk = desk_of(request)
    product = await desk.product(_plain(product_id))
    shop = shop_of(desk, request, await desk.price(product_id, form.get("quantity", "")))
    html = pages.product_page(product, shop, language(request), form, errors)
    return page(request, html, status if errors else 200)


def _plain(text: str) -> str:
    if not text.isprintable():
        raise Problem("not_found", Kind.NOT_FOUND)
    return text


@post("/products/{product_id:str}", include_in_schema=False, guards=[ANYBODY])
async def product_step(request: AnyRequest, product_id: FromPath[str]) -> Response[Any]:
    """`step`: check (restate everything), edit (back to the form), place (R16, R17)."""
    fields = await form_of(request)
    form = {name: fields.get(name, "") for name in FIELDS}
    form |= {name: text for name, text in fields.items() if name.startswith(FURTHER) and len(name) <= 42}
    ways = shop_of(desk_of(request), request).ways
    form["method"] = form["method"] or (ways[0] if ways else "")
    if len(form["idempotency_key"]) not in KEY_LENGTHS or not form["idempotency_key"].isascii():
        form["idempotency_key"] = secrets.token_hex(16)
    if fields.get("step") == "edit":
        return await _form_page(request, product_id, form, {})
    try:
        way_of(desk_of(request), form["method"])
        form["quantity"] = form["quantity"].strip() or str(await _least(request, product_id))
        asked = _asked(_plain(product_id), form, language(request))
        await _require_twice(request, asked, form)
        if fields.get("step") == "place":
            return await _place_or_ask(request, asked, form)
        return await _confirm(request, asked, form)
    except Problem as problem:
        if problem.code == "sale_paused":
            return await _form_page(request, product_id, form, {"": "sale_paused"}, 409)
        error = field_error(problem)
        if error is None or problem.code == "unknown_product":
            raise
        return await _form_page(request, product_id, form, dict([error]))


async def _least(request: AnyRequest, product_id: str) -> int:
    """How many are bought when the form did not ask."""
    product, _ = await desk_of(request).ctx.catalogue.product(product_id, desk_of(request).clock.now())
    return product.min_quantity


async def _require_twice(request: AnyRequest, asked: PlaceRequest, form: Mapping[str, str]) -> None:
    """Where a mistyped account is another person's: it must have been typed the same twice."""
    product, _ = await desk_of(request).ctx.catalogue.product(asked.product_id, desk_of(request).clock.now())
    if product.double_entry and form["account_again"].split() != asked.account.split():
        raise Problem("account_differs", Kind.INVALID, params={"field": "account_again"})


def _asked(product_id: str, form: Mapping[str, str], lang: str) -> PlaceRequest:
    quantity = form["quantity"]
    if not (quantity.isascii() and quantity.isdecimal() and len(quantity) <= 4):
        raise Problem("bad_quantity", Kind.INVALID, params={"field": "quantity"})
    return PlaceRequest(
        product_id=product_id,
        quantity=int(quantity),
        account=form["account"].strip(),
        contact=form["contact"].strip(),
        query_password=form["query_password"],
        fields={name.removeprefix(FURTHER): text for name, text in form.items() if name.startswith(FURTHER)},
        language="en" if lang == "en" else "zh",
        again=form["again"] == "1",
    )


async def _confirm(request: AnyRequest, asked: PlaceRequest, form: Mapping[str, str]) -> HtmlResponse:
    desk, lang = desk_of(request), language(request)
    await desk.check(asked)
    amount = await desk.price(asked.product_id, str(asked.quantity))
    offered = {way.rpartition(".")[0] for way in desk.ways(Device.DESKTOP, amount)}
    if way_of(desk, form["method"])[0] not in offered:
        raise Problem("bad_method", Kind.INVALID, params={"field": "method", "reason": "method_not_offered"})
    version, text = await desk.rules(lang)
    product = await desk.product(asked.product_id)
    carrier = ""
    if product.account_template == "phone_cn":
        carrier = await asyncio.to_thread(carrier_of, clean_account("phone_cn", asked.account), lang)
    html = pages.product_page(
        product,
        shop_of(desk),
        lang,
        form,
        {},
        confirm=True,
        rules_text=text,
        rule_version=version,
        carrier=carrier,
        agreed=await papers_of(request).agreed(desk.clock.now()),
    )
    return page(request, html)


async def _place_or_ask(request: AnyRequest, asked: PlaceRequest, form: Mapping[str, str]) -> Response[Any]:
    """再下一单?: the same account and product a moment ago; the page asks once more (R22)."""
    try:
        return await _place(request, asked, form)
    except Problem as problem:
        if problem.code != "repeat_purchase":
            raise
    return await _confirm(request, asked, {**form, "again": "1"})


async def _place(request: AnyRequest, asked: PlaceRequest, form: Mapping[str, str]) -> Response[Any]:
    desk = desk_of(request)
    placed = await desk.place(CLIENT, form["idempotency_key"], asked)
    url = f"/orders/{placed.order_id}"
    try:
        channel, method = way_of(desk, form["method"])
        await desk.open_payment(
            placed.order_id, channel, method, f"{desk.settings.base_url}{url}", buyer_of(request)
        )
    except Problem as problem:
        # The order stands whatever the channel said: its page shows what is known and offers to pay again.
        if problem.kind is Kind.INTERNAL:
            raise
    return see_other(f"{url}#t={placed.token}", (order_cookie(desk, placed.order_id),))


@get("/find", include_in_schema=False, guards=[ANYBODY])
async def find_form(request: AnyRequest) -> HtmlResponse:
    """Find an order by any number the buyer may hold (F12)."""
    return page(request, pages.find_order_page(language(request), shop_of(desk_of(request))))


@post("/find", include_in_schema=False, guards=[ANYBODY])
async def find(request: AnyRequest) -> Response[Any]:
    """Any number and the contact; every failure looks alike."""
    desk, form = desk_of(request), await form_of(request)
    number, contact = form.get("number", "").strip(), form.get("contact", "").strip()
    try:
        await take_guess(request, number)
        order_id = await desk.find(number[:64], contact[:120])
    except Problem as problem:
        if problem.code not in ALIKE | {"too_many"}:
            raise
        busy = problem.code == "too_many"
        code, status = ("too_many", 429) if busy else ("contact_mismatch", 404)
        html = pages.find_order_page(language(request), shop_of(desk), form, code)
        return page(request, html, status)
    return see_other(f"/orders/{order_id}", (order_cookie(desk, order_id),))


HANDLERS: Final = (front, picture, product_form, product_step, find_form, find)
