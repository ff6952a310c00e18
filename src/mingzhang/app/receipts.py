"""One receipt as JSON, as a QR code and as a page of paper (R29)."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import Any, Final

import msgspec
import segno

from mingzhang.app.desk import Desk
from mingzhang.app.paper import set_paper
from mingzhang.app.transparency import signer_of, witnesses_of
from mingzhang.kit.errors import Kind, Problem
from mingzhang.packs.paper import RECEIPT_TYP, qr_text, receipt_page
from mingzhang.transparency.receipt import list_logged, make_receipt
from mingzhang.web.i18n import translations
from mingzhang.web.model import ShopInfo
from mingzhang.web.views import View, order_names
from mingzhang.web.views import yuan_text as yuan

LANGUAGE: Final = "zh"


async def read_receipt(desk: Desk, order_id: str, seq: int) -> bytes:
    """The receipt of one change. Raises `not_logged` while the record has not come to it."""
    settings = desk.settings
    async with desk.pool.acquire() as conn:
        logged = await list_logged(conn, order_id)
        one = next((each for each in logged if each.change.shown["seq"] == seq), None)
        witnesses = [each.key for each in witnesses_of(settings)]
        receipt = one and await make_receipt(conn, one, signer_of(settings), witnesses)
    if not receipt:
        raise Problem("not_logged", Kind.NOT_FOUND)
    return receipt


async def read_qr(desk: Desk, order_id: str, seq: int) -> bytes:
    """Its QR code as SVG. Raises `not_logged`; `receipt_too_long` for one that no code holds."""
    svg = _qr(msgspec.json.decode(await read_receipt(desk, order_id, seq)), desk.settings.base_url)
    if not svg:
        raise Problem("receipt_too_long", Kind.CONFLICT)
    return svg.encode()


async def read_paper(desk: Desk, shop: ShopInfo, order_id: str, seq: int) -> bytes:
    """Its page as PDF, in Chinese. Raises `not_logged`, `font_missing`."""
    receipt = msgspec.json.decode(await read_receipt(desk, order_id, seq))
    page = await desk.order_page(order_id)
    bare = View(LANGUAGE, shop, translations(LANGUAGE), page.now)
    view = replace(bare, defaults=order_names(page, bare))
    said = {item.kind: view.event(item).striptags() for item in page.timeline}
    statement: dict[str, Any] = receipt["statement"]
    events = " ".join(said[kind] for kind in statement["events"] if kind in said)
    lines = [
        f"订单 {order_id} 的 {yuan(fen)} 当时位于：{view.place(place, party)}"
        for place, party, fen in statement["money"]
    ] or [f"订单 {order_id} 此时还没有收到款项。"]
    qr = await asyncio.to_thread(_qr, receipt, desk.settings.base_url)
    sheet = receipt_page(receipt, shop.called(LANGUAGE), lines, events, qr)
    return await asyncio.to_thread(set_paper, RECEIPT_TYP, sheet, desk.clock.now())


def _qr(receipt: dict[str, Any], base_url: str) -> str:
    text = qr_text(receipt, base_url)
    if not text:
        return ""
    drawn = io.BytesIO()
    segno.make(text, error="l", micro=False).save(drawn, kind="svg", border=3, xmldecl=False, omitsize=True)
    return drawn.getvalue().decode()
