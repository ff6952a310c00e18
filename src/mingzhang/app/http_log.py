"""The public record over HTTP: static tiles and the checkpoint for everybody, receipts for an order's buyer.

``/log/checkpoint``, ``/log/tile/…`` and ``/log/key`` follow C2SP tlog-tiles: whoever mirrors other logs reads this one.
"""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files
from typing import Any, Final

import msgspec
from litestar import Response, Router, get
from litestar.params import FromPath

from mingzhang.app import receipts
from mingzhang.app.desk import Desk
from mingzhang.app.http_docs import BY_TOKEN, problems
from mingzhang.app.http_guard import ANYBODY, OPENED, TOKEN
from mingzhang.app.http_kit import AnyRequest, desk_of, shop_of, take_guess
from mingzhang.app.transparency import signer_of
from mingzhang.kit.errors import Kind, Problem
from mingzhang.transparency.notes import Note, parse_note
from mingzhang.transparency.receipt import list_logged
from mingzhang.transparency.tiles import ENTRIES, LEVELS_MAX, WIDTH, bundle, exists, parse_path
from mingzhang.transparency.tree import SQL, read_tile
from mingzhang.web.pages_buyer import ReceiptLink

FOREVER: Final = {"Cache-Control": "public, max-age=31536000, immutable", "Access-Control-Allow-Origin": "*"}
BRIEFLY: Final = {"Cache-Control": "public, max-age=1", "Access-Control-Allow-Origin": "*"}
_PROGRAM: Final = (files("mingzhang.transparency") / "verify_offline.py").read_bytes()
NOT_YET: Final = {404: ("not_logged",)}


class ReceiptEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the order that has its receipt. ``at``: ISO 8601, UTC; ``url``: where the receipt is."""

    seq: int
    events: list[str]
    at: str
    index: int
    url: str


@get("/log/checkpoint", include_in_schema=False, guards=[ANYBODY])
async def checkpoint(request: AnyRequest) -> Response[str]:
    """The newest signed state of the record, with the witnesses' cosignatures. 404 before the first entry."""
    async with desk_of(request).pool.acquire() as conn:
        head = await conn.fetchrow(SQL.read_head)
        if head is None:
            raise Problem("not_logged", Kind.NOT_FOUND)
        lines = [row["line"] for row in await conn.fetch(SQL.list_cosignatures, head["size"])]
    note: Note = parse_note(head["note"])
    whole = note.whole() + "".join(f"{line}\n" for line in lines)
    return Response(whole, media_type="text/plain; charset=utf-8", headers=BRIEFLY)


@get("/log/key", include_in_schema=False, sync_to_thread=False, guards=[ANYBODY])
def key(request: AnyRequest) -> Response[str]:
    """The record's public key, as verifiers take it."""
    text = signer_of(desk_of(request).settings).verifier.text()
    return Response(f"{text}\n", media_type="text/plain; charset=utf-8", headers=BRIEFLY)


@get("/log/tile/{path:path}", include_in_schema=False, guards=[ANYBODY])
async def tile(request: AnyRequest, path: FromPath[str]) -> Response[bytes]:
    """A tile of hashes, or a bundle of entries; what the signed tree does not have yet is not found."""
    name = parse_path(path.lstrip("/"))
    async with desk_of(request).pool.acquire() as conn:
        head = await conn.fetchrow(SQL.read_head)
        if name is None or head is None or name.level >= LEVELS_MAX or not exists(name, head["size"]):
            raise Problem("not_found", Kind.NOT_FOUND)
        if name.level == ENTRIES:
            first = name.n * WIDTH
            rows = await conn.fetch(SQL.list_entry_data, first, first + name.width)
            data = bundle([row["data"] for row in rows])
        else:
            data = await read_tile(conn, name.level, name.n, name.width)
    return Response(data, media_type="application/octet-stream", headers=FOREVER)


@get(
    "/orders/{order_id:str}/receipts",
    summary="What of an order stands in the public record",
    security=BY_TOKEN,
    responses=problems({401: ("unauthenticated",)}),
    operation_id="listReceipts",
    guards=[TOKEN],
)
async def list_receipts(request: AnyRequest, order_id: FromPath[str]) -> list[ReceiptEntry]:
    """Every change of the order that is in the record, oldest first; the newest follow within seconds."""
    async with desk_of(request).pool.acquire() as conn:
        logged = await list_logged(conn, order_id)
    return [
        ReceiptEntry(
            seq=one.change.shown["seq"],
            events=one.change.shown["events"],
            at=one.change.shown["at"],
            index=one.index,
            url=f"/api/v1/orders/{order_id}/receipts/{one.change.shown['seq']}",
        )
        for one in logged
    ]


@get(
    "/orders/{order_id:str}/receipts/{seq:int}",
    summary="A receipt that is checked offline",
    security=BY_TOKEN,
    responses=problems({401: ("unauthenticated",), **NOT_YET}),
    operation_id="getReceipt",
    guards=[TOKEN],
)
async def get_receipt(request: AnyRequest, order_id: FromPath[str], seq: FromPath[int]) -> Response[Any]:
    """One change with the proof that it stands in the record; `mingzhang verify` or verify_offline.py checks it."""
    return await _receipt(request, order_id, seq)


@get("/orders/{order_id:str}/receipts/{seq:int}", include_in_schema=False, guards=[OPENED])
async def buyer_receipt(request: AnyRequest, order_id: FromPath[str], seq: FromPath[int]) -> Response[Any]:
    """The same for a browser that has the order open."""
    return await _receipt(request, order_id, seq)


@get("/log/verify.py", include_in_schema=False, guards=[ANYBODY], sync_to_thread=False)
def verifier() -> Response[bytes]:
    """The program that checks receipts offline, as one file."""
    headers = {"Content-Disposition": 'attachment; filename="verify.py"', **BRIEFLY}
    return Response(_PROGRAM, media_type="text/x-python; charset=utf-8", headers=headers)


@get(
    "/orders/{order_id:str}/receipts/{seq:int}/pdf",
    summary="The same receipt on one page of paper, with a QR code",
    security=BY_TOKEN,
    responses=problems({401: ("unauthenticated",), 429: ("too_many",), **NOT_YET}),
    operation_id="getReceiptPdf",
    guards=[TOKEN],
    media_type="application/pdf",
)
async def get_receipt_pdf(
    request: AnyRequest, order_id: FromPath[str], seq: FromPath[int]
) -> Response[bytes]:
    """To read, print and keep; what is checked is the JSON, which the QR code holds whole."""
    return await _paper(request, order_id, seq)


@get("/orders/{order_id:str}/receipts/{seq:int}/pdf", include_in_schema=False, guards=[OPENED])
async def buyer_receipt_pdf(
    request: AnyRequest, order_id: FromPath[str], seq: FromPath[int]
) -> Response[bytes]:
    """The same for a browser that has the order open."""
    return await _paper(request, order_id, seq)


@get("/orders/{order_id:str}/receipts/{seq:int}/qr", include_in_schema=False, guards=[OPENED])
async def buyer_receipt_qr(
    request: AnyRequest, order_id: FromPath[str], seq: FromPath[int]
) -> Response[bytes]:
    """The receipt as a QR code, which holds it whole: scanned, the page that checks opens and checks it."""
    svg = await receipts.read_qr(desk_of(request), order_id, seq)
    return Response(svg, media_type="image/svg+xml", headers=_kept(f"receipt-{order_id}-{seq}.svg"))


async def _receipt(request: AnyRequest, order_id: str, seq: int) -> Response[Any]:
    receipt = await receipts.read_receipt(desk_of(request), order_id, seq)
    return Response(receipt, media_type="application/json", headers=_kept(f"receipt-{order_id}-{seq}.json"))


async def _paper(request: AnyRequest, order_id: str, seq: int) -> Response[bytes]:
    desk = desk_of(request)
    await take_guess(request, f"receipt:{order_id}")
    made = await receipts.read_paper(desk, shop_of(desk), order_id, seq)
    return Response(made, media_type="application/pdf", headers=_kept(f"receipt-{order_id}-{seq}.pdf"))


def _kept(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


async def read_receipts(desk: Desk, order_id: str) -> list[ReceiptLink]:
    """What of an order is in the record, for its proof page."""
    async with desk.pool.acquire() as conn:
        logged = await list_logged(conn, order_id)
    return [
        ReceiptLink(
            at=datetime.fromisoformat(one.change.shown["at"]),
            events=tuple(one.change.shown["events"]),
            url=f"/orders/{order_id}/receipts/{one.change.shown['seq']}",
        )
        for one in logged
    ]


HANDLERS: Final = [checkpoint, key, tile, verifier, buyer_receipt, buyer_receipt_pdf, buyer_receipt_qr]
ROUTER: Final = Router("/api/v1", route_handlers=[list_receipts, get_receipt, get_receipt_pdf])
