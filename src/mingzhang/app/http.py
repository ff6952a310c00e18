"""The web application: one Litestar app around a desk. Every error becomes a page or problem+json here."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from litestar import Litestar, MediaType, Response, get
from litestar.datastructures import CacheControlHeader, State
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, NotFoundException
from litestar.middleware import ASGIMiddleware
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from mingzhang import web
from mingzhang.app import (
    http_api,
    http_buyer,
    http_claims,
    http_console,
    http_console_bulk,
    http_console_lists,
    http_correction,
    http_disputes,
    http_disputes_api,
    http_docs,
    http_help,
    http_hooks,
    http_licences,
    http_log,
    http_look,
    http_manual,
    http_my,
    http_orders,
    http_oversight,
    http_owed,
    http_packs,
    http_pages,
    http_privacy,
    http_record,
    http_returns,
    http_sign_in,
    http_staff,
    http_staff_ageing,
    http_staff_aside,
    http_staff_catalogue,
    http_staff_channels,
    http_staff_complaints,
    http_staff_custody,
    http_staff_disputes,
    http_staff_orders,
    http_staff_papers,
    http_staff_people,
    http_staff_reconcile,
    http_staff_requests,
    http_staff_returns,
    http_staff_settings,
    http_staff_setup,
    http_staff_stock,
    http_staff_supply,
    http_staff_webhooks,
    http_staff_wind_down,
    http_status,
    http_trust,
    http_vocabulary,
    metrics,
)
from mingzhang.app.console.bulk import Runs
from mingzhang.app.console.counts import Counts
from mingzhang.app.desk import Desk
from mingzhang.app.desk_papers import Papers
from mingzhang.app.http_demo import HANDLERS as DEMO_HANDLERS
from mingzhang.app.http_errors import headers_of, problem_of
from mingzhang.app.http_guard import ANYBODY, LOCKED, MACHINE, NO_ACCOUNT, SIGNED_OUT, require_guards
from mingzhang.app.http_kit import (
    AnyRequest,
    desk_of,
    language,
    page_headers,
    see_other,
    shop_of,
)
from mingzhang.app.http_static import PacksStatic
from mingzhang.app.origin import NotesOrigin
from mingzhang.app.problems import PROBLEM_JSON, body_of, from_status
from mingzhang.app.public_status import StatusBoard
from mingzhang.app.trust.cache import Trust
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.guesses import Guesses
from mingzhang.web import pages

BODY_BYTES_MAX: Final = 256 * 1024
SIGN_IN: Final = "/staff/sign-in"


class Counted(ASGIMiddleware):
    """Counts every request and how long its answer took to begin."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass on, looking at the status that goes out. No address of ours holds a NUL."""
        if "\x00" in scope["path"]:
            raise NotFoundException
        area, method, begun = (
            metrics.area_of(scope["path"]),
            str(scope.get("method", "")),
            time.perf_counter(),
        )

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                metrics.ANSWERED.count(area, method, message["status"], time.perf_counter() - begun)
            await send(message)

        await next_app(scope, receive, counting)


@get("/healthz", include_in_schema=False, media_type=MediaType.TEXT, sync_to_thread=False, guards=[ANYBODY])
def health() -> str:
    """This process answers."""
    return "ok"


@get("/readyz", include_in_schema=False, guards=[ANYBODY])
async def readiness(request: AnyRequest) -> Response[Any]:
    """The database answers and has exactly this code's migrations; until then no traffic."""
    lacking = await desk_of(request).lacking()
    return Response(
        f"not ready: {lacking}" if lacking else "ready",
        status_code=503 if lacking else 200,
        media_type="text/plain",
        headers={"Cache-Control": "no-store"},
    )


@get("/metrics", include_in_schema=False, sync_to_thread=False, guards=[MACHINE])
def prometheus() -> Response[bytes]:
    """Counters in Prometheus' text format."""
    return Response(metrics.exposition(), media_type=metrics.MEDIA_TYPE)


def _wants_json(request: AnyRequest) -> bool:
    path = request.scope["path"]
    accept = request.headers.get("accept", "")
    if path.startswith(("/api/", "/hooks/")) or path.endswith("/session"):
        return True
    return "application/json" in accept and "text/html" not in accept


def _answer(request: AnyRequest, problem: Problem, status: int) -> Response[Any]:
    if _wants_json(request):
        return Response(
            body_of(problem, status),
            status_code=status,
            media_type=PROBLEM_JSON,
            headers=headers_of(problem, status, json=True),
        )
    html = pages.error_page(problem.code, problem.params, language(request), shop_of(desk_of(request)))
    headers = {**page_headers(desk_of(request)), **headers_of(problem, status, json=False)}
    return Response(html, status_code=status, media_type="text/html", headers=headers)


def on_http_exception(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """What the framework refused: malformed, not found, too large. Its own status, our code."""
    problem = from_status(error.status_code)
    if error.status_code == 400:
        problem = Problem("invalid_request", Kind.INVALID, _where(error))
    answer = _answer(request, problem, error.status_code)
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer


def _where(error: HTTPException) -> str:
    """Which field is wrong, never its value."""
    extra = error.extra if isinstance(error.extra, list) else []
    keys = [str(item.get("key", "")) for item in extra if isinstance(item, dict)]
    return "check: " + ", ".join(key for key in keys if key)[:200] if any(keys) else "malformed request"


def _door_for(problem: Problem) -> str:
    """Where a page leads whoever is not let in; empty: it says why instead."""
    if problem.code == LOCKED:
        order_id = str(problem.params.get("order", ""))
        return f"/orders/{order_id}" if order_id.isascii() and order_id.isalnum() else "/find"
    return {SIGNED_OUT: SIGN_IN, NO_ACCOUNT: "/my"}.get(problem.code, "")


def on_exception(request: AnyRequest, error: Exception) -> Response[Any]:
    """An expected refusal, or whatever nobody expected. A page leads a stranger to its door."""
    if isinstance(error, Problem) and not _wants_json(request):
        door = _door_for(error)
        if door:
            return see_other(door)
    return _answer(request, *problem_of(error, metrics.area_of(request.scope["path"])))


def handlers_of(*, demo: bool) -> list[Any]:
    """Every handler of the application; the demo's addresses exist only where the settings say so."""
    static = Path(str(web.__file__)).parent / "static"
    handlers: list[Any] = [
        health,
        readiness,
        prometheus,
        http_hooks.channel_hook,
        http_hooks.complaint_hook,
        http_hooks.supplier_hook,
        *http_pages.HANDLERS,
        *http_look.HANDLERS,
        *http_my.HANDLERS,
        *http_privacy.HANDLERS,
        http_privacy.ROUTER,
        *http_buyer.HANDLERS,
        *http_help.HANDLERS,
        *http_orders.HANDLERS,
        *http_claims.HANDLERS,
        *http_disputes.HANDLERS,
        *http_correction.HANDLERS,
        *http_returns.HANDLERS,
        *http_sign_in.HANDLERS,
        *http_staff.HANDLERS,
        *http_staff_people.HANDLERS,
        *http_console.HANDLERS,
        *http_console_lists.HANDLERS,
        *http_console_bulk.HANDLERS,
        *http_manual.HANDLERS,
        *http_staff_disputes.HANDLERS,
        *http_staff_orders.HANDLERS,
        *http_staff_aside.HANDLERS,
        *http_staff_stock.HANDLERS,
        *http_staff_catalogue.HANDLERS,
        *http_staff_supply.HANDLERS,
        *http_staff_webhooks.HANDLERS,
        *http_staff_reconcile.HANDLERS,
        *http_staff_returns.HANDLERS,
        *http_staff_ageing.HANDLERS,
        *http_staff_channels.HANDLERS,
        *http_staff_custody.HANDLERS,
        http_staff_custody.ROUTER,
        *http_staff_complaints.HANDLERS,
        *http_staff_requests.HANDLERS,
        *http_oversight.HANDLERS,
        *http_licences.HANDLERS,
        *http_staff_settings.HANDLERS,
        *http_staff_papers.HANDLERS,
        *http_staff_setup.HANDLERS,
        http_api.ROUTER,
        http_vocabulary.ROUTER,
        *http_log.HANDLERS,
        http_log.ROUTER,
        *http_packs.HANDLERS,
        *http_record.HANDLERS,
        http_packs.ROUTER,
        *http_trust.HANDLERS,
        http_trust.ROUTER,
        *http_owed.HANDLERS,
        http_owed.ROUTER,
        http_correction.ROUTER,
        http_returns.ROUTER,
        http_disputes_api.ROUTER,
        *http_status.HANDLERS,
        *http_staff_wind_down.HANDLERS,
        http_docs.docs,
        create_static_files_router(
            path="/static",
            directories=[static],
            cache_control=CacheControlHeader(max_age=300, public=True),
            guards=[ANYBODY],
        ),
    ]
    return handlers + list(DEMO_HANDLERS) if demo else handlers


def create_app(desk: Desk) -> Litestar:
    """The application around one desk. Raises Problem `route_without_guard`."""
    return furnish(build_app(demo=desk.settings.demo, secure=desk.settings.secure_cookies), desk)


def furnish(app: Litestar, desk: Desk) -> Litestar:
    """Let the application serve this desk from now on."""
    app.state = State(
        {
            "desk": desk,
            "guesses": Guesses(desk.pool, desk.ctx.vault.fingerprint),
            "counts": Counts(desk.pool),
            "runs": Runs(),
            "trust": Trust(desk),
            "papers": Papers(desk),
            "status_board": StatusBoard(desk),
        }
    )
    return app


def build_app(*, demo: bool, secure: bool) -> Litestar:
    """Every address and its guard, around no desk yet. `secure`: cookies for https only."""
    app = Litestar(
        route_handlers=handlers_of(demo=demo),
        middleware=[Counted(), PacksStatic(), http_look.FreshFace(), NotesOrigin(secure=secure)],
        exception_handlers={
            Problem: on_exception,
            HTTPException: on_http_exception,
            Exception: on_exception,
        },
        openapi_config=http_docs.config(),
        request_max_body_size=BODY_BYTES_MAX,
        logging_config=None,
    )
    require_guards(app)
    return app
