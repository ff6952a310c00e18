"""Where channels and suppliers call us. Everything they send reaches the desk raw; the answer is their protocol's.

Whatever goes wrong on our side is answered negatively, so that they send it again (R2, F1).
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from litestar import HttpMethod, Response, route
from litestar.params import FromPath

from mingzhang.app.desk import Desk
from mingzhang.app.http_guard import PARTY
from mingzhang.app.http_kit import AnyRequest, desk_of
from mingzhang.complaints import read as complaints
from mingzhang.evidence.messages import HttpMessage, Reply
from mingzhang.kit.errors import Problem

BODY_BYTES_MAX: Final = 256 * 1024
CHANNEL: Final = "channel"
COMPLAINT: Final = "complaint"
SUPPLIER: Final = "supplier"
TOLD_BY: Final = (HttpMethod.GET, HttpMethod.POST)
WRONG: Final = (
    HttpMethod.PUT,
    HttpMethod.PATCH,
    HttpMethod.DELETE,
)  # refused by the party's own answer, with a trace
log = structlog.get_logger()


async def _message(request: AnyRequest) -> HttpMessage:
    """The request as it came; of one that is too large, as much as shows it is (adapters refuse it by size)."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            break
    query = request.scope.get("query_string", b"").decode("latin-1")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return HttpMessage(
        method=request.method, query=query, headers=headers, body=bytes(body[: BODY_BYTES_MAX + 1])
    )


def _as_is(reply: Reply) -> Response[bytes]:
    return Response(reply.body, status_code=reply.status, media_type=reply.content_type)


def _nobody() -> Response[bytes]:
    return Response(b"not found", status_code=404, media_type="text/plain")


async def answer(desk: Desk, side: str, name: str, message: HttpMessage) -> Reply | None:
    """What the party hears; None when there is no such party. Never raises but for cancellation."""
    party: Any = (desk.suppliers if side == SUPPLIER else desk.channels).get(name)
    if party is None:
        return None
    try:
        if side == COMPLAINT:
            return await complaints.receive_notify(desk.ctx, name, message)
        receive = desk.receive_notify if side == CHANNEL else desk.receive_callback
        return await receive(name, message)
    except Problem as problem:
        log.warning("hook_refused", party=name, code=problem.code)
    except Exception:
        log.exception("hook_failed", party=name)
    reply: Reply = party.acknowledge(accepted=False)
    return reply


async def _hook(request: AnyRequest, side: str, name: str) -> Response[bytes]:
    desk = desk_of(request)
    if name not in (desk.suppliers if side == SUPPLIER else desk.channels):
        return _nobody()
    reply = await answer(desk, side, name, await _message(request))
    return _nobody() if reply is None else _as_is(reply)


@route(
    "/hooks/channels/{channel:str}",
    http_method=[*TOLD_BY, *WRONG],
    request_max_body_size=None,  # read here, so that also what is too large leaves its trace
    include_in_schema=False,
    guards=[PARTY],
)
async def channel_hook(request: AnyRequest, channel: FromPath[str]) -> Response[bytes]:
    """A channel's notify (R2, R3)."""
    return await _hook(request, CHANNEL, channel)


@route(
    "/hooks/complaints/{channel:str}",
    http_method=[*TOLD_BY, *WRONG],
    request_max_body_size=None,  # read here, so that also what is too large leaves its trace
    include_in_schema=False,
    guards=[PARTY],
)
async def complaint_hook(request: AnyRequest, channel: FromPath[str]) -> Response[bytes]:
    """A channel's word of a complaint (R36)."""
    return await _hook(request, COMPLAINT, channel)


@route(
    "/hooks/suppliers/{supplier:str}",
    http_method=[*TOLD_BY, *WRONG],
    request_max_body_size=None,  # read here, so that also what is too large leaves its trace
    include_in_schema=False,
    guards=[PARTY],
)
async def supplier_hook(request: AnyRequest, supplier: FromPath[str]) -> Response[bytes]:
    """A supplier's callback: a hint (R5)."""
    return await _hook(request, SUPPLIER, supplier)
