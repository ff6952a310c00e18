"""`/demo`: a person starts one of six scenarios and watches a real order; the proof stands below.

Exists only when the settings say demo. The simulated outside world is steered through its control address.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import aiohttp
from litestar import Response, get, post
from litestar.params import FromPath

from mingzhang.app.audit import AuditReport, read_places, run_audit
from mingzhang.app.desk import Desk
from mingzhang.app.http_guard import ANYBODY
from mingzhang.app.http_kit import (
    AnyRequest,
    HtmlResponse,
    desk_of,
    form_of,
    known_order_id,
    language,
    order_cookie,
    page,
    refuse_foreign,
    shop_of,
)
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.place import PlaceRequest
from mingzhang.web import pages
from mingzhang.web.model import BookRow, DemoSummary

Fault = dict[str, Any]
UNANSWERED: Final = (
    9  # questions; the tenth comes four minutes after the order, by the schedules of sweep and claim
)

SCENARIOS: Final[dict[str, tuple[Fault, ...]]] = {
    "normal": (),
    # The channel tells nothing and at first answers no question either: long enough for a person to see 支付确认中.
    "callback_lost": (
        {"party": "alipay", "name": "notify_lost"},
        {"party": "alipay", "name": "query_unknown", "params": {"times": UNANSWERED}},
    ),
    "refused": ({"party": "fulu", "name": "account_banned"},),
    "silent": ({"party": "fulu", "name": "silent"},),
    "six_callbacks": ({"party": "alipay", "name": "notify_concurrent", "params": {"n": 6}},),
    "kill_worker": (),
}
OUTCOMES: Final = {"success": "success", "failure": "failed", "silence": "silent"}
CONTROL_TIMEOUT_S: Final = 10.0
SUMMARY_OLD_S: Final = 5.0


async def control(desk: Desk, method: str, path: str, body: object = None) -> Any:
    """One call to the simulators' control address. Raises Problem `simulators_unavailable`."""
    timeout = aiohttp.ClientTimeout(total=CONTROL_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, f"{desk.settings.control_url}{path}", json=body) as answer,
        ):
            if answer.status >= 400:
                raise Problem("simulators_refused", Kind.CONFLICT, f"{path}: {answer.status}")
            return await answer.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise Problem("simulators_unavailable", Kind.UNAVAILABLE, path) from error


async def _place(desk: Desk, lang: str) -> str:
    products = await desk.products()
    product = next((one for one in products if one.account_template == "phone_cn"), None)
    if product is None:
        raise Problem("unknown_product", Kind.NOT_FOUND)
    asked = PlaceRequest(
        product_id=product.product_id,
        quantity=1,
        account=f"138001{secrets.randbelow(100_000):05d}",
        contact="demo@example.com",
        language="en" if lang == "en" else "zh",
    )
    return (await desk.place("demo", secrets.token_hex(16), asked)).order_id


def _kill_worker(desk: Desk) -> None:
    """SIGKILL, as a failing machine would; the supervisor starts another one."""
    if not desk.settings.worker_pid_file:
        return
    with suppress(OSError, ValueError):
        pid = int(Path(desk.settings.worker_pid_file).read_text(encoding="ascii"))
        if pid > 1 and pid != os.getpid():
            os.kill(pid, signal.SIGKILL)


@get("/demo", include_in_schema=False, guards=[ANYBODY])
async def demo(request: AnyRequest) -> HtmlResponse:
    """The page of six scenarios."""
    desk = desk_of(request)
    return page(request, pages.demo_page(language(request), shop_of(desk), _summary(await _latest(request))))


@post("/demo/run/{scenario:str}", include_in_schema=False, guards=[ANYBODY])
async def run(request: AnyRequest, scenario: FromPath[str]) -> Response[Any]:
    """Place an order, arrange what goes wrong, pay as the simulated buyer."""
    refuse_foreign(request)
    desk = desk_of(request)
    if scenario not in SCENARIOS:
        raise Problem("not_found", Kind.NOT_FOUND)
    order_id = await _place(desk, language(request))
    if SCENARIOS[scenario]:
        await control(desk, "POST", "/faults", {"order": order_id, "faults": SCENARIOS[scenario]})
    back = f"{desk.settings.base_url}/orders/{order_id}"
    panel = await desk.open_payment(order_id, return_url=back)
    await control(desk, "POST", "/buyers/pay", {"out_trade_no": panel.payment_no})
    if scenario == "callback_lost":  # the simulated buyer says so: 已付款，订单未更新
        await desk.make_claim(order_id, panel.payment_no)
    if scenario == "kill_worker":
        await asyncio.to_thread(_kill_worker, desk)
    made = {"order_id": order_id, "url": f"/orders/{order_id}"}
    return Response(
        made, status_code=200, cookies=[order_cookie(desk, order_id)], headers={"Cache-Control": "no-store"}
    )


@post("/demo/decide/{order_id:str}", include_in_schema=False, guards=[ANYBODY])
async def decide(request: AnyRequest, order_id: FromPath[str]) -> Response[Any]:
    """Let the silent supplier answer: success, failure, or go on being silent."""
    form = await form_of(request)
    outcome = OUTCOMES.get(form.get("outcome", ""))
    if outcome is None:
        raise Problem("invalid_request", Kind.INVALID, "outcome: success, failure or silence")
    body = {"order": known_order_id(order_id), "outcome": outcome}
    return Response(await control(desk_of(request), "POST", "/decide", body), status_code=200)


async def _latest(request: AnyRequest, *, fresh: bool = False) -> AuditReport:
    """The latest audit; a new one when it is older than a few real seconds."""
    state = request.app.state
    kept: tuple[float, AuditReport] | None = state.get("audited")
    if kept is not None and not fresh and time.monotonic() - kept[0] < SUMMARY_OLD_S:
        return kept[1]
    report = await run_audit(desk_of(request).ctx, full=fresh)
    state["audited"] = (time.monotonic(), report)
    return report


def _summary(report: AuditReport) -> DemoSummary:
    return DemoSummary(
        orders=report.orders,
        missing_fen=report.missing_fen,
        checked_at=report.checked_at,
        ok=report.ok,
        findings=tuple(report.lines[:20]),
    )


@get("/demo/summary", include_in_schema=False, guards=[ANYBODY])
async def summary(request: AnyRequest) -> Response[DemoSummary]:
    """The proof line."""
    return Response(_summary(await _latest(request)), headers={"Cache-Control": "no-store"})


@post("/demo/audit", include_in_schema=False, guards=[ANYBODY])
async def audit(request: AnyRequest) -> Response[DemoSummary]:
    """核对: the full audit, now."""
    refuse_foreign(request)
    return Response(_summary(await _latest(request, fresh=True)), status_code=200)


@get("/demo/books", include_in_schema=False, guards=[ANYBODY])
async def books(request: AnyRequest) -> HtmlResponse:
    """Our ledger beside the outside parties' own books (invariant 4)."""
    desk = desk_of(request)
    ours = await read_places(desk.ctx)
    try:
        told = await control(desk, "GET", "/books")
    except Problem:
        told = {}
    rows = [
        BookRow(place=place, party=party, ours_fen=fen, theirs_fen=their_amount(told, place, party))
        for (place, party), fen in sorted(ours.items())
        if party in told or party in desk.channels
    ]
    html = pages.books_page(rows, language(request), shop_of(desk), desk.clock.now())
    return page(request, html)


def their_amount(told: dict[str, Any], place: str, party: str) -> int | None:
    """The same place in that party's books in fen; None when it did not answer or keeps no such place."""
    book = told.get(party)
    if not isinstance(book, dict):
        return None
    if "merchant_balance_fen" in book:
        return _alipay_amount(book, place)
    return _fulu_amount(book, place) if party == "fulu" else None


def _alipay_amount(book: dict[str, Any], place: str) -> int | None:
    if place == "channel":
        return int(book["merchant_balance_fen"])
    if place == "refund.arrived":
        return sum(int(trade["refunded_fen"]) for trade in book["trades"])
    return None


def _fulu_amount(book: dict[str, Any], place: str) -> int | None:
    if place == "supplier.free":
        return int(book["balance_fen"])
    states = {"supplier.reserved": ("processing", "untreated"), "supplier.settled": ("success",)}.get(place)
    if states is None:
        return None
    rows = [row for row in book["orders"] if row["state"] in states]
    return sum(int(row["charged_fen"]) - int(row["credited_fen"]) for row in rows)


HANDLERS: Final = (demo, run, decide, summary, audit, books)
