"""Where channels and suppliers call us. Everything they send reaches the desk raw; the answer is their protocol's.

Whatever goes wrong on our side is answered negatively, so that they send it again (R2, F1).
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from litestar import HttpMethod, Response, route
from litestar.params import FromPath

from mingzhang.app.desk import Desk
from mingzhang.app.http_kit import AnyRequest, desk_of
from mingzhang.evidence.messages import HttpMessage, Reply
from mingzhang.kit.errors import Problem

BODY_BYTES_MAX: Final = 256 * 1024
log = structlog.get_logger()


async def _message(request: AnyRequest) -> HttpMessage | None:
    """The request as it came, None when it is too large."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        return None
    body = await request.body()
    if len(body) > BODY_BYTES_MAX:
        return None
    query = request.scope.get("query_string", b"").decode("latin-1")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return HttpMessage(method=request.method, query=query, headers=headers, body=body)


def _as_is(reply: Reply) -> Response[bytes]:
    return Response(reply.body, status_code=reply.status, media_type=reply.content_type)


def _nobody() -> Response[bytes]:
    return Response(b"not found", status_code=404, media_type="text/plain")


async def _answer(request: AnyRequest, side: str, name: str) -> Response[bytes]:
    desk: Desk = desk_of(request)
    party: Any = (desk.channels if side == "channel" else desk.suppliers).get(name)
    if party is None:
        return _nobody()
    try:
        http = await _message(request)
        if http is None:
            return _as_is(party.acknowledge(accepted=False))
        receive = desk.receive_notify if side == "channel" else desk.receive_callback
        return _as_is(await receive(name, http))
    except Problem as problem:
        log.warning("hook_refused", party=name, code=problem.code)
    except Exception:
        log.exception("hook_failed", party=name)
    return _as_is(party.acknowledge(accepted=False))


@route(
    "/hooks/channels/{channel:str}", http_method=[HttpMethod.GET, HttpMethod.POST], include_in_schema=False
)
async def channel_hook(request: AnyRequest, channel: FromPath[str]) -> Response[bytes]:
    """A channel's notify (R2, R3)."""
    return await _answer(request, "channel", channel)


@route(
    "/hooks/suppliers/{supplier:str}", http_method=[HttpMethod.GET, HttpMethod.POST], include_in_schema=False
)
async def supplier_hook(request: AnyRequest, supplier: FromPath[str]) -> Response[bytes]:
    """A supplier's callback: a hint (R5)."""
    return await _answer(request, "supplier", supplier)
