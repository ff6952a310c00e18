"""The calls that every order makes, without the framework: placing, opening a payment, hooks, the state in short.

Each call has a reader, which is quick and asks nobody. It takes only what is plain: the address as it is written in
the description, each header once, a short body that is exactly what the description says. Everything else (and so
every malformed request) it leaves to the framework's route, whose answer it could only copy. What it takes it hands
to the function that the framework's route calls, too (decision 0013).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from litestar.handlers import HTTPRouteHandler

from mingzhang.app import http_api, http_hooks, metrics
from mingzhang.app.desk import Desk
from mingzhang.app.http_errors import headers_of, problem_of
from mingzhang.app.http_guard import Caller, Guard, guard_of
from mingzhang.app.problems import PROBLEM_JSON, body_of
from mingzhang.evidence.messages import HttpMessage
from mingzhang.kit.ids import is_order_id

BODY_BYTES_MAX: Final = 64 * 1024
KEY_LENGTHS: Final = range(8, 65)
CLIENT_LENGTHS: Final = range(1, 41)
_ORDERS: Final = b"/api/v1/orders"
_ORDER: Final = _ORDERS + b"/"
_ID_END: Final = len(_ORDER) + 19
_JSON_TYPES: Final = frozenset({b"application/json", b"application/json; charset=utf-8"})
_JSON: Final = b"content-type: application/json\r\n"
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _OrderRequest(http_api.OrderRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing but the fields that are known: what is skipped would not be checked for being JSON at all."""


_ORDER_REQUEST: Final = msgspec.json.Decoder(_OrderRequest)
_PAYMENT_REQUEST: Final = msgspec.json.Decoder(http_api.PaymentRequest)
_ENCODER: Final = msgspec.json.Encoder()


class Call(NamedTuple):
    """A request whose body is whole. `headers`: names in lower case, none of them twice."""

    method: str
    url: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    client_ip: str

    def text(self, name: bytes, default: str = "") -> str:
        """A header as text."""
        value = self.headers.get(name)
        return default if value is None else value.decode("latin-1")


class Answer(NamedTuple):
    """`headers`: whole lines, without the length."""

    status: int
    headers: bytes
    body: bytes


Work: TypeAlias = Callable[[], Awaitable[Answer]]
"""Does the call; whatever goes wrong is in the answer. Only cancellation is raised."""
Reader: TypeAlias = Callable[[Call], Work | None]


class ThinCalls:
    """The hot calls of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._guards = {each: _held(each) for each in (http_api.open_payment, http_api.get_status)}
        sides = ((http_hooks.CHANNEL, desk.channels), (http_hooks.SUPPLIER, desk.suppliers))
        self._hooks = {
            f"/hooks/{side}s/{name}".encode(): (side, name) for side, parties in sides for name in parties
        }

    def reader(self, method: bytes, url: bytes) -> Reader | None:
        """Who reads this call; None: the framework."""
        if url.startswith(_ORDER):
            if method == b"POST":
                return self._pay if url[_ID_END:] == b"/payments" else None
            return self._stand if method == b"GET" and url[_ID_END:] == b"/status" else None
        if url == _ORDERS:
            return self._place if method == b"POST" else None
        if method in (b"POST", b"GET") and url.partition(b"?")[0] in self._hooks and b"#" not in url:
            return self._hook
        return None

    def _place(self, call: Call) -> Work | None:
        key, client = call.text(b"idempotency-key"), call.text(b"x-client", "guest")
        if len(key) not in KEY_LENGTHS or len(client) not in CLIENT_LENGTHS:
            return None
        data = _decoded(call, _ORDER_REQUEST)
        if data is None:
            return None
        return _api(call.method, 201, lambda: http_api.place(self._desk, client, key, data, call.client_ip))

    def _pay(self, call: Call) -> Work | None:
        order_id = _order_of(call)
        data = _decoded(call, _PAYMENT_REQUEST)
        if order_id is None or data is None:
            return None
        return _api(
            call.method,
            201,
            lambda: http_api.pay(self._desk, order_id, data, call.client_ip),
            self._admission(http_api.open_payment, call, order_id),
        )

    def _stand(self, call: Call) -> Work | None:
        order_id = _order_of(call)
        if order_id is None or call.body:
            return None
        admitted = self._admission(http_api.get_status, call, order_id)
        return _api(call.method, 200, lambda: http_api.stand(self._desk, order_id), admitted)

    def _admission(self, handler: HTTPRouteHandler, call: Call, order_id: str) -> Callable[[], None]:
        """What the guard of the framework's handler asks of whoever calls."""
        guard = self._guards[handler]
        return lambda: guard.admit_holder(self._desk, order_id, call.text(b"authorization"))

    def _hook(self, call: Call) -> Work | None:
        path, _, query = call.url.partition(b"?")
        side, name = self._hooks[path]
        message = HttpMessage(
            method=call.method,
            query=query.decode("latin-1"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in call.headers.items()},
            body=call.body,
        )
        desk, begun = self._desk, time.perf_counter()

        async def work() -> Answer:
            reply = await http_hooks.answer(desk, side, name, message)
            if reply is None:  # the desk's parties never change
                raise LookupError(name)
            metrics.ANSWERED.count("hooks", call.method, reply.status, time.perf_counter() - begun)
            return Answer(reply.status, _content_type(reply.content_type), reply.body)

        return work


def _held(handler: HTTPRouteHandler) -> Guard:
    guard = guard_of(handler)
    if guard is None or guard.caller is not Caller.TOKEN:
        raise LookupError(str(handler))  # a thin call can ask for a token and for nothing else
    return guard


def _api(
    method: str,
    status: int,
    use_case: Callable[[], Awaitable[object]],
    admit: Callable[[], None] = lambda: None,
) -> Work:
    begun = time.perf_counter()

    async def work() -> Answer:
        try:
            admit()
            answer = Answer(status, _JSON, _ENCODER.encode(await use_case()))
        except Exception as error:  # noqa: BLE001 - the map says what is logged
            answer = _problem(error)
        metrics.ANSWERED.count("api", method, answer.status, time.perf_counter() - begun)
        return answer

    return work


def _problem(error: Exception) -> Answer:
    problem, status = problem_of(error, "api")
    lines = {"content-type": PROBLEM_JSON, **headers_of(problem, status, json=True)}
    headers = "".join(f"{name.lower()}: {value}\r\n" for name, value in lines.items())
    return Answer(status, headers.encode(), body_of(problem, status))


def _decoded(call: Call, decoder: msgspec.json.Decoder[Any]) -> Any:
    """The body; None when it is not to the letter what the description says."""
    if call.headers.get(b"content-type") not in _JSON_TYPES:
        return None
    try:
        return decoder.decode(call.body)
    except _UNREADABLE:
        return None


def _order_of(call: Call) -> str | None:
    order_id = call.url[len(_ORDER) : _ID_END].decode("latin-1")
    return order_id if is_order_id(order_id) else None


def _content_type(media_type: str) -> bytes:
    """As the framework writes it: texts name their encoding."""
    charset = "; charset=utf-8" if media_type.startswith("text/") else ""
    return f"content-type: {media_type}{charset}\r\n".encode()
