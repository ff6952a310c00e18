"""What the suites need to know about one adapter: how to make it, pay it and make it fail (docs/adapters.md).

Faults bear the suites' own names; a check that needs one which a party does not know is skipped for it, by name.
A package brings the rig of its adapter by an entry point of the group ``mingzhang.rigs``, under the adapter's
name: a function that takes a `Setup` and gives an async context manager of a `ChannelRig` or `SupplierRig`.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web

from mingzhang.app.adapters import Found
from mingzhang.app.check_adapters.suite import Failed, Skipped
from mingzhang.evidence.messages import HttpMessage, Standing
from mingzhang.fulfilment.suppliers.base import GoodsKind, Supplier, SupplyRequest
from mingzhang.kit.adapter import AdapterSettings, Given, Inner
from mingzhang.kit.clock import Clock
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels.base import Channel, PaymentRequest

TIMEOUT_S: Final = 15.0
HASTY_S: Final = 2.0  # for calls that are never answered
WAIT_SECONDS: Final = 20.0
SUBJECT: Final = '卡}100 "x" & 50% = a+b \\ /'

_numbers = itertools.count(int(time.time()) % 10**6 * 1000)


def new_order() -> str:
    """An order id that no run has used; its payment is …P1, its refund …R1, its top-up …T1."""
    return f"C{next(_numbers):012d}X"


class World(Protocol):
    """The party's own side: faults on orders, its books, an outage. Raise `Skipped` for what cannot be done."""

    @property
    def ready(self) -> Mapping[str, Any]:
        """What the party told of itself at its start."""
        ...

    async def tell(self, method: str, path: str, body: object = None) -> Any:
        """A call of its control API (``POST /decide {"order","outcome"}`` is all the suites call)."""
        ...

    async def fault(self, order: str, party: str, name: str, **params: object) -> None:
        """What shall go wrong with an order."""
        ...

    async def down(self, party: str, down: bool) -> None:
        """Cut the party off, or let it back."""
        ...

    async def books(self) -> Any:
        """``{party: {"trades": […]}}`` or ``{party: {"orders": […]}}``, as our simulators' books."""
        ...


class NoWorld:
    """A party that answers and can be told nothing: checks that need more are skipped."""

    def __init__(self, why: str) -> None:
        self.ready: Mapping[str, Any] = {}
        self._why = why

    async def tell(self, method: str, path: str, body: object = None) -> Any:
        """Skipped."""
        raise Skipped(f"{self._why} ({method} {path} {body})")

    async def fault(self, order: str, party: str, name: str, **params: object) -> None:
        """Skipped."""
        raise Skipped(f"{self._why} ({party} {name} {order} {params})")

    async def down(self, party: str, down: bool) -> None:
        """Skipped."""
        raise Skipped(f"{self._why} ({party} {'down' if down else 'up'})")

    async def books(self) -> Any:
        """Skipped."""
        raise Skipped(f"{self._why} (books)")


@dataclass
class Inbox:
    """A callback address on loopback that keeps what comes in and answers as `reply` says."""

    url: str = ""
    reply: Callable[..., Any] | None = None
    came: list[HttpMessage] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """One notify or callback."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        query = request.rel_url.raw_query_string
        self.came.append(HttpMessage(method=request.method, query=query, headers=headers, body=body))
        assert self.reply is not None, "the rig sets inbox.reply to the adapter's acknowledge"
        reply = self.reply(accepted=True)
        return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type)

    async def until(self, wanted: Callable[[HttpMessage], bool]) -> HttpMessage:
        """The first message that is wanted; waits for it."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            for message in self.came:
                if wanted(message):
                    return message
            await asyncio.sleep(0.02)
        raise Failed(f"nothing of the kind came in; {len(self.came)} other messages did")


@asynccontextmanager
async def open_inbox() -> AsyncIterator[Inbox]:
    """Listen on a free port of loopback."""
    inbox = Inbox()
    app = web.Application()
    app.router.add_post("/in", inbox.take)
    app.router.add_get("/in", inbox.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    inbox.url = f"http://{host}:{port}/in"
    try:
        yield inbox
    finally:
        await runner.cleanup()


@dataclass(kw_only=True)
class Setup:
    """What a rig is built from. `found`: the adapter under check. `folder` is empty, and gone afterwards."""

    found: Found
    group: str
    world: World
    clock: Clock
    http: Outbound
    inbox: Inbox
    folder: Path
    inner: Inner | None = None
    made: list[Any] = field(default_factory=list)

    def make(self, settings: Mapping[str, str], timeout_s: float = TIMEOUT_S) -> Any:
        """The adapter by its own factory, with these settings (names without the prefix)."""
        prefix = f"{self.found.name.replace('-', '_')}_"
        told = AdapterSettings(self.found.name, {f"{prefix}{name}": text for name, text in settings.items()})
        given = Given(
            settings=told,
            http=self.http,
            clock=self.clock,
            base_url=self.inbox.url.removesuffix("/in"),
            hook_url=self.inbox.url,
            timeout_s=timeout_s,
            inner=self.inner,
        )
        adapter = self.found.load(self.group)(given)
        if adapter is None:
            raise self.found.broken("the rig's settings do not turn it on")
        if adapter.name != self.found.name:
            raise self.found.broken(f"calls itself {adapter.name!r}")
        self.made.append(adapter)
        return adapter


@dataclass(kw_only=True)
class Rig:
    """What both kinds of adapter share. `faults`: the suites' names → the party's."""

    world: World
    clock: Clock
    inbox: Inbox
    party: str
    faults: Mapping[str, str] = field(default_factory=dict)

    async def fault(self, order: str, name: str, **params: object) -> None:
        """Put a fault on an order; the check is skipped when this party knows no such fault."""
        if name not in self.faults:
            raise Skipped(f"{self.party} knows no fault {name}")
        await self.world.fault(order, self.party, self.faults[name], **params)

    async def books(self) -> Any:
        """What the party holds by its own account."""
        return (await self.world.books())[self.party]


CHANNEL_WIRE: Final = frozenset(
    {"close", "partial_refund", "refund_notify", "refund_number", "refunded_sum", "signed", "unopened_page"}
)
"""What a channel's wire may have: a call that closes, refunds in parts, notifies of refunds, a refund number of
the merchant's, a query that tells how much went back, answers and notifies signed with a key of the channel's
own, and pages that make no trade before the buyer signs in."""


@dataclass(kw_only=True)
class ChannelRig(Rig):
    """One channel. `hasty` gives up soon; `stranger` trusts another key: no answer's signature fits.

    `has`: of `CHANNEL_WIRE`, what this wire has; a check that needs more is skipped, by name. `refusals`: the
    suites' names → the adapter's refusal code of a notify. `pay`, `look`: the buyer pays by the opened url, or
    scans it without paying. `secrets`: no kept message may hold one.
    """

    channel: Channel
    hasty: Channel
    stranger: Channel
    unreachable: Channel
    methods: tuple[str, ...]
    pay: Callable[[str], Awaitable[Any]]
    look: Callable[[str], Awaitable[Any]]
    secrets: tuple[str, ...]
    refusals: Mapping[str, str] = field(default_factory=dict)
    has: frozenset[str] = CHANNEL_WIRE

    def need(self, *names: str) -> None:
        """Skip the check when this wire lacks one of them."""
        for name in names:
            if name not in self.has:
                raise Skipped(f"{self.party} has no {name}")

    @property
    def notify_standing(self) -> Standing:
        """A true notify: verified only where nobody but the channel could have signed it."""
        return Standing.VERIFIED if "signed" in self.has else Standing.HINT

    @property
    def answer_standing(self) -> Standing:
        """A true answer of a call."""
        return Standing.VERIFIED if "signed" in self.has else Standing.ANSWER

    def request(self, order: str, method: str = "", amount_fen: int = 10005) -> PaymentRequest:
        """A payment to open; the rig's first method unless one is named."""
        return PaymentRequest(
            payment_no=f"{order}P1",
            amount_fen=amount_fen,
            subject=SUBJECT,
            method=method or self.methods[0],
            expires_at=self.clock.now() + timedelta(hours=1),
            notify_url=self.inbox.url,
            return_url="http://127.0.0.1:9/back",
            client_ip="127.0.0.1",
        )


SUPPLIER_WIRE: Final = frozenset({"balance", "callback", "outage", "prompt_refusal", "secret"})
"""What a supplier may have: a prefund that falls, callbacks, a connection that can fail, refusals as the answer of a
submit, and a secret that strangers lack. Beside these ``own_table``: what it knows of a number is proof; ``at_once``:
the answer of a submit is its last word."""


@dataclass(kw_only=True)
class SupplierRig(Rig):
    """One supplier. `hasty` gives up soon; `stranger` has another secret. `products`: of each kind it sells.

    `tells`: what the wire has a place for beside state and cost. `has`: of `SUPPLIER_WIRE`.
    """

    supplier: Supplier
    hasty: Supplier
    stranger: Supplier
    unreachable: Supplier
    products: Mapping[GoodsKind, SupplyRequest]
    secrets: tuple[str, ...]
    tells: frozenset[str] = frozenset({"serial", "finished_at"})
    has: frozenset[str] = SUPPLIER_WIRE

    def need(self, *names: str) -> None:
        """Skip the check when this supplier lacks one of them."""
        for name in names:
            if name not in self.has:
                raise Skipped(f"{self.party} has no {name}")

    def request(self, order: str, kind: GoodsKind, **changes: object) -> SupplyRequest:
        """Something to buy; the check is skipped when this supplier sells nothing of the kind."""
        if kind not in self.products:
            raise Skipped(f"{self.party} sells nothing of the kind {kind.value}")
        return msgspec.structs.replace(self.products[kind], attempt_no=f"{order}T1", **changes)


OpenRig = Callable[[Setup], AbstractAsyncContextManager[Any]]


async def close(setup: Setup) -> None:
    """Free what the rig's adapters hold."""
    for adapter in setup.made:
        try:
            await adapter.aclose()
        except Problem:
            continue
