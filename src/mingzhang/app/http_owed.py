"""What is owed to a buyer at a day's end: that it counts in the published total, as a proof that is checked offline."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import msgspec
from litestar import Response, Router, get
from litestar.params import FromPath

from mingzhang.app.desk import Desk
from mingzhang.app.http_docs import BY_TOKEN, problems
from mingzhang.app.http_guard import ANYBODY, OPENED, TOKEN
from mingzhang.app.http_kit import AnyRequest, desk_of
from mingzhang.app.http_trust import day_in, stated_receipt
from mingzhang.app.transparency import signer_of, witnesses_of
from mingzhang.kit.errors import Kind, Problem
from mingzhang.transparency.liabilities import SQL, list_counted, prove, subject_of
from mingzhang.web.pages_buyer import OwedLink

DAYS_MAX: Final = 30
SHOWN_MAX: Final = 5


class OwedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A day at whose end something was owed to the order's buyer. ``url``: the proof."""

    day: str
    amount_fen: int
    url: str


@get(
    "/orders/{order_id:str}/owed",
    summary="The days in whose published total an order counts",
    security=BY_TOKEN,
    responses=problems({401: ("unauthenticated",)}),
    operation_id="listOwed",
    guards=[TOKEN],
)
async def list_owed(request: AnyRequest, order_id: FromPath[str]) -> list[OwedEntry]:
    """The newest days first; a day follows some minutes after its end (Beijing time)."""
    async with desk_of(request).pool.acquire() as conn:
        counted = await list_counted(conn, order_id, DAYS_MAX)
    return [
        OwedEntry(
            day=str(one.day),
            amount_fen=one.amount_fen,
            url=f"/api/v1/orders/{order_id}/owed/{one.day}",
        )
        for one in counted
    ]


@get(
    "/orders/{order_id:str}/owed/{day:str}",
    summary="A proof that what was owed counts in the day's total",
    security=BY_TOKEN,
    responses=problems({401: ("unauthenticated",), 404: ("not_owed", "unknown_day")}),
    operation_id="getOwed",
    guards=[TOKEN],
)
async def get_owed(request: AnyRequest, order_id: FromPath[str], day: FromPath[str]) -> Response[Any]:
    """`mingzhang verify` or verify_offline.py checks it. `day`: a Beijing date."""
    return await _proof(request, order_id, day_in(day))


@get("/orders/{order_id:str}/owed/{day:str}", include_in_schema=False, guards=[OPENED])
async def buyer_owed(request: AnyRequest, order_id: FromPath[str], day: FromPath[str]) -> Response[Any]:
    """The same for a browser that has the order open."""
    return await _proof(request, order_id, day_in(day))


async def _proof(request: AnyRequest, order_id: str, day: date) -> Response[Any]:
    desk = desk_of(request)
    async with desk.pool.acquire() as conn:
        witnesses = [witness.key for witness in witnesses_of(desk.settings)]
        body = await prove(conn, order_id, day, signer_of(desk.settings), witnesses)
    if body is None:
        raise Problem("not_owed", Kind.NOT_FOUND)
    name = f"owed-{order_id}-{day}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(body, media_type="application/json", headers=headers)


@get("/trust/owed/{day:str}", include_in_schema=False, guards=[ANYBODY])
async def statement(request: AnyRequest, day: FromPath[str]) -> Response[Any]:
    """A day's statement of what was owed to all buyers, as it was published: its SHA-256 stands in the record."""
    async with desk_of(request).pool.acquire() as conn:
        body = await conn.fetchval(SQL.read_statement, day_in(day))
    if body is None:
        raise Problem("unknown_day", Kind.NOT_FOUND)
    return Response(body, media_type="application/json")


@get("/trust/owed/{day:str}/receipt", include_in_schema=False, guards=[ANYBODY])
async def statement_receipt(request: AnyRequest, day: FromPath[str]) -> Response[Any]:
    """The proof that the public record was told of that statement."""
    wanted = day_in(day)
    return await stated_receipt(request, subject_of(wanted), f"owed-{wanted}-receipt.json")


async def read_owed(desk: Desk, order_id: str) -> list[OwedLink]:
    """The newest days in which an order counts, for its proof page."""
    async with desk.pool.acquire() as conn:
        counted = await list_counted(conn, order_id, SHOWN_MAX)
    return [
        OwedLink(day=str(one.day), amount_fen=one.amount_fen, url=f"/orders/{order_id}/owed/{one.day}")
        for one in counted
    ]


HANDLERS: Final = (buyer_owed, statement, statement_receipt)
ROUTER: Final = Router("/api/v1", route_handlers=[list_owed, get_owed])
