"""What every part of the HTTP layer needs: the desk, forms, signed cookies, pages with their headers, limits."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from litestar import Request, Response
from litestar.datastructures import Cookie

from mingzhang.app.desk import Desk
from mingzhang.app.settings import SAMPLE_NAME, SAMPLE_NAME_EN
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.guesses import A_MINUTE, Guesses
from mingzhang.kit.ids import is_order_id
from mingzhang.orders.pay import Buyer
from mingzhang.payments.offer import device_of
from mingzhang.web import pages
from mingzhang.web.model import ShopInfo

AnyRequest = Request[Any, Any, Any]
HtmlResponse = Response[str]

FORM_BYTES_MAX: Final = 64 * 1024
FORM_FIELDS_MAX: Final = 80
ORDER_COOKIE: Final = "mz_order"
PAYER_COOKIE: Final = "mz_payer"
_PAYER: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")
LANG_COOKIE: Final = "lang"
ORDER_SESSION_DAYS: Final = 30
_DAY_S: Final = 86_400
WAIT_S: Final = 60  # what somebody hears who came too often, where no other time is known

PAGE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": pages.CONTENT_SECURITY_POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": pages.PERMISSIONS_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# The demo's page shows an order page in a frame.
FRAMED_HEADERS: Final[Mapping[str, str]] = {
    **PAGE_HEADERS,
    "Content-Security-Policy": pages.CONTENT_SECURITY_POLICY.replace(
        "frame-ancestors 'none'", "frame-ancestors 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}


def desk_of(request: AnyRequest) -> Desk:
    """The desk this application serves."""
    desk: Desk = request.app.state.desk
    return desk


def shop_of(
    desk: Desk, request: AnyRequest | None = None, amount_fen: int | None = None, payer: str = ""
) -> ShopInfo:
    """The shop as pages show it; with request and amount, the ways to pay that fit the buyer's device and order.

    `payer`: who pays, as WeChat knows them; in its own browser they may then pay with its script.
    """
    settings, held = desk.settings, desk.shop.now
    face = held.face
    speed = desk.clock.speed if settings.demo else None
    agent = request.headers.get("user-agent", "") if request is not None else ""
    return ShopInfo(
        name=face.name_zh or settings.shop_name,
        name_en=face.name_en
        or (SAMPLE_NAME_EN if (face.name_zh or settings.shop_name) == SAMPLE_NAME else ""),
        look=held.version if face.accent else 0,
        logo=face.logo,
        notice_zh=face.notice_zh,
        notice_en=face.notice_en,
        support=face.support or settings.support,
        closes_at=desk.shop.winding_down.closes_at if desk.shop.winding_down else None,
        support_url=face.support_url,
        address=face.address,
        licence=face.licence,
        icp=face.icp,
        demo_speed=speed,
        custody=desk.shop.custody,
        ways=_once(desk.ways(device_of(agent), amount_fen, payer_known=bool(payer))),
        channels_down=tuple(sorted(desk.channels_down)),
        device=device_of(agent).value,
    )


def _once(ways: tuple[str, ...]) -> tuple[str, ...]:
    """A channel's two ways of opening itself on a phone are one to the buyer."""
    return tuple(way for way in ways if not (way.endswith(".wap") and f"{way[:-4]}.h5" in ways))


def payer_of(request: AnyRequest) -> str:
    """WeChat's openid, which the shop's own sign-in with WeChat left in the cookie; empty without."""
    given = request.cookies.get(PAYER_COOKIE, "")
    return given if _PAYER.fullmatch(given) else ""


def buyer_of(request: AnyRequest) -> Buyer:
    """Who pays, as far as the connection tells: channels' risk rules ask for the address."""
    return Buyer(client_ip=request.client.host if request.client else "", payer_id=payer_of(request))


def way_of(desk: Desk, text: str, payer: str = "") -> tuple[str, str]:
    """Channel and method out of what a form chose ("wechat.qr"; "qr": the first channel). Raises `bad_method`.

    Methods that need to know who pays are open only with a `payer`.
    """
    channel, _, method = text.rpartition(".")
    channel = channel or next(iter(desk.channels), "")
    adapter = desk.channels.get(channel)
    if adapter is None or method not in (
        adapter.methods if payer else adapter.methods - adapter.payer_methods
    ):
        raise Problem("bad_method", Kind.INVALID, params={"field": "method"})
    return channel, method


def language(request: AnyRequest) -> str:
    """`?lang=`, else the cookie, else Chinese (the design's own language)."""
    for asked in (request.query_params.get("lang"), request.cookies.get(LANG_COOKIE)):
        if asked in ("zh", "en"):
            return str(asked)
    return "zh"


def page(
    request: AnyRequest,
    html: str,
    status: int = 200,
    cookies: tuple[Cookie, ...] = (),
    *,
    wait_s: int = 0,
    packed: bool = False,
) -> Response[Any]:
    """An HTML answer; a language asked for in the address is remembered. `wait_s`: when to come again.

    `packed`: send it gzipped to whoever takes that. Only for pages that are the same for everybody and hold no secret: where
    a page repeats what was typed beside a form's token, its length would tell the token (BREACH).
    """
    kept = list(cookies)
    headers = dict(page_headers(desk_of(request)))
    if status == 429:
        headers["Retry-After"] = str(wait_s or WAIT_S)
    asked = request.query_params.get("lang")
    if asked in ("zh", "en"):
        kept.append(
            Cookie(
                key=LANG_COOKIE,
                value=asked,
                path="/",
                max_age=365 * _DAY_S,
                samesite="lax",
                secure=desk_of(request).settings.secure_cookies,
            )
        )
    body: str | bytes = html
    if packed:
        headers["Vary"] = "Accept-Encoding, Cookie"
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(html.encode(), 5, mtime=0)
    return Response(
        body, status_code=status, media_type="text/html; charset=utf-8", headers=headers, cookies=kept
    )


def page_headers(desk: Desk) -> Mapping[str, str]:
    """What stands beside every page: nothing from elsewhere, nothing inline, no frame but the demo's own."""
    return FRAMED_HEADERS if desk.settings.demo else PAGE_HEADERS


def see_other(url: str, cookies: tuple[Cookie, ...] = ()) -> Response[Any]:
    """303: look there with GET."""
    return Response(
        b"",
        status_code=303,
        headers={"Location": url, "Cache-Control": "no-store"},
        cookies=list(cookies),
        media_type="text/plain",
    )


async def form_of(request: AnyRequest) -> dict[str, str]:
    """The fields of an urlencoded form or of a flat JSON object. Raises Problem for anything else.

    Also refuses what another site sent in the reader's name (Origin, Sec-Fetch-Site).
    """
    refuse_foreign(request)
    body = await request.body()
    if len(body) > FORM_BYTES_MAX:
        raise Problem("too_large", Kind.TOO_LARGE)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        fields = _json_fields(body)
    elif kind in ("", "application/x-www-form-urlencoded"):
        fields = _form_fields(body)
    else:
        raise Problem("invalid_request", Kind.INVALID, "send a urlencoded form")
    if any("\x00" in text for pair in fields.items() for text in pair):
        raise Problem("invalid_request", Kind.INVALID, "a field holds a NUL character")
    return fields


def _json_fields(body: bytes) -> dict[str, str]:
    try:
        return msgspec.json.decode(body, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem("invalid_request", Kind.INVALID, "not a JSON object of texts") from error


def _form_fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX)
    except ValueError as error:
        raise Problem("invalid_request", Kind.INVALID, "the form cannot be read") from error
    return dict(pairs)


def refuse_foreign(request: AnyRequest) -> None:
    """Refuse a form that a page of another site sent: browsers say where it came from."""
    origin = request.headers.get("origin")
    foreign = request.headers.get("sec-fetch-site") == "cross-site"
    if origin is not None and origin != "null":
        foreign = foreign or origin.partition("://")[2] != request.headers.get("host", "")
    if foreign or origin == "null":
        raise Problem("csrf_invalid", Kind.FORBIDDEN)


def known_order_id(order_id: str) -> str:
    """The order id if it has an order id's shape. Raises Problem `unknown_order`."""
    if not is_order_id(order_id):
        raise Problem("unknown_order", Kind.NOT_FOUND)
    return order_id


def sign(desk: Desk, purpose: str, text: str) -> str:
    """HMAC-SHA256 in hex under our own key, bound to what it is for."""
    message = f"{purpose}\n{text}".encode()
    return hmac.new(desk.settings.secret_key, message, hashlib.sha256).hexdigest()


def order_cookie(desk: Desk, order_id: str) -> Cookie:
    """The right to see one order, in this browser, for 30 days; sent for that order's addresses only."""
    until = desk.clock.now() + timedelta(days=ORDER_SESSION_DAYS) * desk.clock.speed
    stamp = str(int(until.timestamp()))
    return Cookie(
        key=order_cookie_name(desk),
        value=f"{stamp}.{sign(desk, 'order-session', f'{order_id}.{stamp}')}",
        path=f"/orders/{order_id}",
        max_age=ORDER_SESSION_DAYS * _DAY_S,
        httponly=True,
        samesite="lax",
        secure=desk.settings.secure_cookies,
    )


def unlocked(request: AnyRequest, order_id: str) -> bool:
    """Whether this browser holds the order's cookie."""
    desk = desk_of(request)
    stamp, _, mac = request.cookies.get(order_cookie_name(desk), "").partition(".")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12 and mac.isascii()):
        return False
    if not hmac.compare_digest(mac, sign(desk, "order-session", f"{order_id}.{stamp}")):
        return False
    return int(stamp) > desk.clock.now().timestamp()


def csrf_of(request: AnyRequest, order_id: str) -> str:
    """The form token of an order page: bound to the order and to this browser's cookie."""
    held = request.cookies.get(order_cookie_name(desk_of(request)), "")
    return sign(desk_of(request), "order-form", f"{order_id}.{held}")


def check_csrf(expected: str, form: Mapping[str, str]) -> None:
    """Raises Problem `csrf_invalid` unless the form carries the token."""
    if not hmac.compare_digest(expected.encode(), form.get("csrf", "").encode()):
        raise Problem("csrf_invalid", Kind.FORBIDDEN)


async def take_guess(request: AnyRequest, subject: str) -> None:
    """Count one try by its address and by its subject, for all processes together.

    Raises Problem `too_many` (params: `wait_s`) when one address, or anybody on one subject, guesses too often.
    """
    guesses: Guesses = request.app.state.guesses
    await guesses.take(f"address:{address_of(request)}", A_MINUTE)
    await guesses.take(f"subject:{subject[:64]}", A_MINUTE)


def address_of(request: AnyRequest) -> str:
    """The caller's address, as a trusted proxy tells it."""
    return request.client.host if request.client else ""


def host_cookie(desk: Desk, name: str) -> str:
    """A cookie's name: over https `__Host-`, which no other host of the domain can set."""
    return f"__Host-{name}" if desk.settings.secure_cookies else name


def order_cookie_name(desk: Desk) -> str:
    """Over https `__Secure-`: it belongs to the order's addresses, so it cannot be `__Host-`."""
    return f"__Secure-{ORDER_COOKIE}" if desk.settings.secure_cookies else ORDER_COOKIE
