"""What the contract suites need to know about each adapter: how to make it, pay it and make it fail.

A later adapter joins with one line in `CHANNELS` or `SUPPLIERS`. Faults bear the suites' own names; a test
that needs one which a party does not know is skipped for it, by name.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mingzhang.evidence.messages import HttpMessage, Standing
from mingzhang.fulfilment.suppliers.base import GoodsKind, Supplier, SupplyRequest
from mingzhang.fulfilment.suppliers.dtone import DtOne, DtOneSettings
from mingzhang.fulfilment.suppliers.fulu import Fulu, FuluSettings
from mingzhang.fulfilment.suppliers.kasushou import Kasushou, KasushouSettings
from mingzhang.kit.clock import Clock
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels.alipay import Alipay, AlipaySettings
from mingzhang.payments.channels.alipay_cert import AlipayCertificates
from mingzhang.payments.channels.base import Channel, PaymentRequest
from mingzhang.payments.channels.epay import Epay, EpaySettings
from mingzhang.payments.channels.wechat import Wechat, WechatKey, WechatSettings
from simulator_process import SimulatorProcess

TIMEOUT_S = 15.0
HASTY_S = 2.0  # for calls that are never answered
WAIT_SECONDS = 20.0
SUBJECT = '卡}100 "x" & 50% = a+b \\ /'

SUPPLIER_FAULTS = (
    "timeout_before_acceptance",
    "timeout_after_acceptance",
    "unknown_http500",
    "unknown_non_json",
    "unknown_html404_after_acceptance",
    "unknown_9999",
    "query_not_found_then_found",
    "query_unknown",
    "success_then_reversed",
    "duplicate_number",
    "done_without_cards",
    "too_few_cards",
    "same_card_twice",
    "price_above_safe",
    "insufficient_balance",
    "maintenance",
    "rate_limited_429",
    "account_banned",
    "velocity_refused",
    "wrong_account",
    "region_refused",
    "stock_out",
    "forged_callback",
    "callback_duplicate",
    "silent",
    "partial_refund",
)

_numbers = itertools.count(int(time.time()) % 10**6 * 1000)


def new_order() -> str:
    """An order id that no run has used; its payment is …P1, its refund …R1, its top-up …T1."""
    return f"C{next(_numbers):012d}X"


@dataclass
class Inbox:
    """A callback address on loopback that keeps what comes in and answers as `reply` says."""

    url: str = ""
    reply: Callable[..., Any] | None = None
    came: list[HttpMessage] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        query = request.rel_url.raw_query_string
        self.came.append(HttpMessage(method=request.method, query=query, headers=headers, body=body))
        assert self.reply is not None
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
        raise AssertionError(f"nothing of the kind came in; {len(self.came)} other messages did")


@asynccontextmanager
async def open_inbox() -> AsyncIterator[Inbox]:
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


@dataclass
class Rig:
    """What both kinds of adapter share."""

    simulator: SimulatorProcess
    clock: Clock
    inbox: Inbox
    party: str
    faults: Mapping[str, str]

    async def fault(self, order: str, name: str, **params: object) -> None:
        """Put a fault on an order; the test is skipped when this party knows no such fault."""
        if name not in self.faults:
            pytest.skip(f"{self.party} knows no fault {name}")
        await self.simulator.fault(order, self.party, self.faults[name], **params)

    async def books(self) -> Any:
        return (await self.simulator.books())[self.party]


CHANNEL_WIRE = frozenset(
    {"close", "partial_refund", "refund_notify", "refund_number", "refunded_sum", "signed", "unopened_page"}
)
"""What a channel's wire may have: a call that closes, refunds in parts, notifies of refunds, a refund number of
the merchant's, a query that tells how much went back, answers and notifies signed with a key of the channel's
own, and pages that make no trade before the buyer signs in."""


@dataclass
class ChannelRig(Rig):
    """One channel. `hasty` gives up soon; `stranger` trusts another key: no answer's signature fits.

    `has`: of `CHANNEL_WIRE`, what this wire has; a test that needs more is skipped, by name.
    """

    channel: Channel
    hasty: Channel
    stranger: Channel
    unreachable: Channel
    methods: tuple[str, ...]
    refusals: Mapping[str, str]  # the suite's name → the adapter's refusal code of a notify
    pay: Callable[[str], Awaitable[Any]]  # the buyer pays by the opened url
    look: Callable[[str], Awaitable[Any]]  # the buyer scans or opens it without paying
    secrets: tuple[str, ...]
    has: frozenset[str] = CHANNEL_WIRE

    def need(self, *names: str) -> None:
        """Skip the test when this wire lacks one of them."""
        for name in names:
            if name not in self.has:
                pytest.skip(f"{self.party} has no {name}")

    @property
    def notify_standing(self) -> Standing:
        """A true notify: verified only where nobody but the channel could have signed it."""
        return Standing.VERIFIED if "signed" in self.has else Standing.HINT

    @property
    def answer_standing(self) -> Standing:
        return Standing.VERIFIED if "signed" in self.has else Standing.ANSWER

    def request(self, order: str, method: str = "qr", amount_fen: int = 10005) -> PaymentRequest:
        return PaymentRequest(
            payment_no=f"{order}P1",
            amount_fen=amount_fen,
            subject=SUBJECT,
            method=method,
            expires_at=self.clock.now() + timedelta(hours=1),
            notify_url=self.inbox.url,
            return_url="http://127.0.0.1:9/back",
            client_ip="127.0.0.1",
        )


@dataclass
class SupplierRig(Rig):
    """One supplier. `hasty` gives up soon; `stranger` has another secret. `products`: one of each kind.

    `tells`: what the wire has a place for beside state and cost.
    """

    supplier: Supplier
    hasty: Supplier
    stranger: Supplier
    unreachable: Supplier
    products: Mapping[GoodsKind, SupplyRequest]
    secrets: tuple[str, ...]
    tells: frozenset[str] = frozenset({"serial", "finished_at"})

    def request(self, order: str, kind: GoodsKind, **changes: object) -> SupplyRequest:
        return msgspec.structs.replace(self.products[kind], attempt_no=f"{order}T1", **changes)


Maker = Callable[[SimulatorProcess, Clock], AbstractAsyncContextManager[Any]]


def _key_pair() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


@asynccontextmanager
async def alipay_rig(
    simulator: SimulatorProcess, clock: Clock, *, certificates: bool = False
) -> AsyncIterator[ChannelRig]:
    """支付宝, by its public key or by certificates."""
    ready = simulator.ready["alipay"]
    private, public = _key_pair()
    _, foreign = _key_pair()
    await simulator.tell("PUT", "/alipay/merchant-key", {"key": public})
    settings = AlipaySettings(
        gateway=ready["gateway"],
        app_id=ready["app_id"],
        seller_id=ready["seller_id"],
        merchant_private_key=private,
        alipay_public_key=ready["public_key_pem"],
        timeout_s=TIMEOUT_S,
    )
    replace = msgspec.structs.replace
    stranger = replace(settings, alipay_public_key=foreign)
    if certificates:
        files = await simulator.tell("POST", "/alipay/certificates", {"key": public})
        given = AlipayCertificates(
            app_cert=files["app_cert"],
            alipay_cert=files["alipay_cert"],
            alipay_root_cert=files["alipay_root_cert"],
        )
        settings = replace(settings, alipay_public_key="", certificates=given)
    outbound = Outbound()
    channels = [
        Alipay(settings, outbound, clock),
        Alipay(replace(settings, timeout_s=HASTY_S), outbound, clock),
        Alipay(stranger, outbound, clock),
        Alipay(replace(settings, gateway="http://127.0.0.1:1/gateway.do"), outbound, clock),
    ]

    async def pay(url: str) -> Any:
        how = "qr_code" if "/cashier" in url else "pay_url"
        return await simulator.tell("POST", "/buyers/pay", {how: url})

    async def look(url: str) -> Any:
        return await outbound.get(url, TIMEOUT_S)

    async with open_inbox() as inbox:
        inbox.reply = channels[0].acknowledge
        yield ChannelRig(
            simulator=simulator,
            clock=clock,
            inbox=inbox,
            party="alipay",
            faults={
                "open_timeout": "create_timeout",
                "open_unknown": "create_unknown",
                "query_unknown": "query_unknown",
                "query_timeout": "query_timeout",
                "close_race_pay": "close_race_pay",
                "refund_unknown_then_success": "refund_unknown_then_success",
                "refund_timeout_executed": "refund_timeout_executed",
                "refund_timeout_lost": "refund_timeout_lost",
                "refund_refused": "refund_refused",
                "notify_forged": "notify_forged",
                "notify_wrong_app": "notify_wrong_app_id",
                "notify_wrong_seller": "notify_wrong_seller",
                "notify_stale": "notify_stale",
                "notify_wrong_amount": "notify_wrong_amount",
                "notify_refund_shaped": "notify_refund_shaped",
                "notify_duplicate": "notify_duplicate",
            },
            channel=channels[0],
            hasty=channels[1],
            stranger=channels[2],
            unreachable=channels[3],
            methods=("qr", "page", "wap"),
            refusals={
                "notify_forged": "bad_signature",
                "notify_wrong_app": "wrong_app",
                "notify_wrong_seller": "wrong_seller",
                "notify_stale": "stale",
            },
            pay=pay,
            look=look,
            secrets=(private.splitlines()[1],),
        )
    for channel in channels:
        await channel.aclose()
    await outbound.aclose()


def wechat_rig(signer: str) -> Maker:
    """微信支付 in public-key or in certificate mode: the answers and notifies are signed with that key."""

    @asynccontextmanager
    async def rig(simulator: SimulatorProcess, clock: Clock) -> AsyncIterator[ChannelRig]:
        ready = simulator.ready["wechat"]
        private, public = _key_pair()
        _, foreign = _key_pair()
        await simulator.tell("PUT", "/wechat/merchant-key", {"key": public})
        signing = await simulator.tell("PUT", "/wechat/signing", {"with": signer})
        replace = msgspec.structs.replace
        outbound = Outbound()
        given = {
            "certificates": signer == "certificate",
            "platform_keys": tuple(WechatKey(**key) for key in ready["public_keys"])
            if signer == "public_key"
            else (),
        }
        async with open_inbox() as inbox:
            settings = WechatSettings(
                mchid=ready["mchid"],
                app_id=ready["app_id"],
                merchant_serial=ready["merchant_serial"],
                merchant_private_key=private,
                api_v3_keys=(ready["api_v3_key"],),
                gateway=ready["gateway"],
                refund_notify_url=inbox.url,
                timeout_s=TIMEOUT_S,
                **given,
            )
            trusted = {"platform_keys": (WechatKey(pem=foreign, serial=signing["serial"]),)}
            channels = [
                Wechat(settings, outbound, clock),
                Wechat(replace(settings, timeout_s=HASTY_S), outbound, clock),
                Wechat(replace(settings, certificates=False, **trusted), outbound, clock),
                Wechat(replace(settings, gateway="http://127.0.0.1:1", **trusted), outbound, clock),
            ]
            for channel in channels[:2]:
                await channel.refresh_keys()

            async def pay(url: str) -> Any:
                return await simulator.tell("POST", "/buyers/pay", {"pay_url": url})

            async def look(url: str) -> Any:
                return await outbound.get(url, TIMEOUT_S)

            inbox.reply = channels[0].acknowledge
            yield ChannelRig(
                simulator=simulator,
                clock=clock,
                inbox=inbox,
                party="wechat",
                faults={
                    "open_timeout": "create_timeout",
                    "open_unknown": "create_unknown",
                    "query_unknown": "query_unknown",
                    "query_timeout": "query_timeout",
                    "close_race_pay": "close_race_pay",
                    "refund_unknown_then_success": "refund_unknown_then_success",
                    "refund_timeout_executed": "refund_timeout_executed",
                    "refund_timeout_lost": "refund_timeout_lost",
                    "refund_refused": "refund_refused",
                    "notify_forged": "notify_forged",
                    "notify_wrong_app": "notify_wrong_app_id",
                    "notify_wrong_seller": "notify_wrong_seller",
                    "notify_stale": "notify_stale",
                    "notify_wrong_amount": "notify_wrong_amount",
                    "notify_refund_shaped": "notify_refund_shaped",
                    "notify_duplicate": "notify_duplicate",
                },
                channel=channels[0],
                hasty=channels[1],
                stranger=channels[2],
                unreachable=channels[3],
                methods=("qr", "wap"),
                refusals={
                    "notify_forged": "bad_signature",
                    "notify_wrong_app": "wrong_app",
                    "notify_wrong_seller": "wrong_merchant",
                    "notify_stale": "stale",
                },
                pay=pay,
                look=look,
                secrets=(private.splitlines()[1], ready["api_v3_key"]),
                has=CHANNEL_WIRE - {"refunded_sum", "unopened_page"},
            )
        for channel in channels:
            await channel.aclose()
        await outbound.aclose()

    return rig


@asynccontextmanager
async def epay_rig(simulator: SimulatorProcess, clock: Clock) -> AsyncIterator[ChannelRig]:
    """易支付."""
    ready = simulator.ready["epay"]
    settings = EpaySettings(
        base_url=ready["base_url"], pid=ready["pid"], key=ready["key"], timeout_s=TIMEOUT_S
    )
    replace = msgspec.structs.replace
    outbound = Outbound()
    channels = [
        Epay(settings, outbound),
        Epay(replace(settings, timeout_s=HASTY_S), outbound),
        Epay(replace(settings, key="0" * 32), outbound),
        Epay(replace(settings, base_url="http://127.0.0.1:1"), outbound),
    ]

    async def pay(url: str) -> Any:
        return await simulator.tell("POST", "/buyers/pay", {"pay_url": url})

    async def look(url: str) -> Any:
        return await outbound.get(url, TIMEOUT_S)

    async with open_inbox() as inbox:
        inbox.reply = channels[0].acknowledge
        yield ChannelRig(
            simulator=simulator,
            clock=clock,
            inbox=inbox,
            party="epay",
            faults={
                "open_timeout": "create_timeout",
                "open_unknown": "create_unknown",
                "query_unknown": "query_unknown",
                "query_timeout": "query_timeout",
                "refund_unknown_then_success": "refund_unknown_then_success",
                "refund_timeout_executed": "refund_timeout_executed",
                "refund_timeout_lost": "refund_timeout_lost",
                "refund_refused": "refund_refused",
                "notify_forged": "notify_forged",
                "notify_wrong_app": "notify_wrong_app_id",
                "notify_wrong_amount": "notify_wrong_amount",
                "notify_duplicate": "notify_duplicate",
            },
            channel=channels[0],
            hasty=channels[1],
            stranger=channels[2],
            unreachable=channels[3],
            methods=("qr", "page", "wap"),
            refusals={"notify_forged": "bad_signature", "notify_wrong_app": "wrong_app"},
            pay=pay,
            look=look,
            secrets=(settings.key,),
            has=frozenset({"refunded_sum", "unopened_page"}),
        )
    for channel in channels:
        await channel.aclose()
    await outbound.aclose()


@asynccontextmanager
async def fulu_rig(simulator: SimulatorProcess, clock: Clock) -> AsyncIterator[SupplierRig]:
    """福禄."""
    ready = simulator.ready["fulu"]
    settings = FuluSettings(
        url=ready["url"], app_key=ready["app_key"], app_secret=ready["app_secret"], timeout_s=TIMEOUT_S
    )
    replace = msgspec.structs.replace
    outbound = Outbound()
    mobile = SupplyRequest(
        attempt_no="",
        kind=GoodsKind.MOBILE,
        supplier_product="20000050",
        quantity=1,
        account="13800001234",
        face_value_fen=5000,
        safe_cost_fen=5000,
    )
    direct = replace(
        mobile, kind=GoodsKind.DIRECT, supplier_product="10000010", quantity=2, account="88881234"
    )
    card = replace(mobile, kind=GoodsKind.CARD, supplier_product="30000100", quantity=2, account="")
    suppliers = [
        Fulu(settings, outbound, clock),
        Fulu(replace(settings, timeout_s=HASTY_S), outbound, clock),
        Fulu(replace(settings, app_secret="0" * 32), outbound, clock),
        Fulu(replace(settings, url="http://127.0.0.1:1/api/getway"), outbound, clock),
    ]
    async with open_inbox() as inbox:
        inbox.reply = suppliers[0].acknowledge
        await simulator.tell("PUT", "/fulu/notify-url", {"url": inbox.url})
        yield SupplierRig(
            simulator=simulator,
            clock=clock,
            inbox=inbox,
            party="fulu",
            faults={name: name for name in SUPPLIER_FAULTS},
            supplier=suppliers[0],
            hasty=suppliers[1],
            stranger=suppliers[2],
            unreachable=suppliers[3],
            products={
                GoodsKind.MOBILE: mobile,
                GoodsKind.DIRECT: replace(direct, safe_cost_fen=2000),
                GoodsKind.CARD: replace(card, safe_cost_fen=20000),
            },
            secrets=(settings.app_secret,),
        )
    for supplier in suppliers:
        await supplier.aclose()
    await outbound.aclose()


@asynccontextmanager
async def kasushou_rig(simulator: SimulatorProcess, clock: Clock) -> AsyncIterator[SupplierRig]:
    """卡速售."""
    ready = simulator.ready["kasushou"]
    replace = msgspec.structs.replace
    outbound = Outbound()
    mobile = SupplyRequest(
        attempt_no="",
        kind=GoodsKind.MOBILE,
        supplier_product="1050",
        quantity=1,
        account="13800001234",
        face_value_fen=5000,
        safe_cost_fen=5000,
    )
    direct = replace(mobile, kind=GoodsKind.DIRECT, supplier_product="2010", quantity=2, account="88881234")
    card = replace(mobile, kind=GoodsKind.CARD, supplier_product="3100", quantity=2, account="")
    async with open_inbox() as inbox:
        settings = KasushouSettings(**ready, callback_url=inbox.url, timeout_s=TIMEOUT_S)
        suppliers = [
            Kasushou(settings, outbound, clock),
            Kasushou(replace(settings, timeout_s=HASTY_S), outbound, clock),
            Kasushou(replace(settings, api_key="0" * 32), outbound, clock),
            Kasushou(replace(settings, url="http://127.0.0.1:1"), outbound, clock),
        ]
        inbox.reply = suppliers[0].acknowledge
        yield SupplierRig(
            simulator=simulator,
            clock=clock,
            inbox=inbox,
            party="kasushou",
            faults={name: name for name in SUPPLIER_FAULTS},
            supplier=suppliers[0],
            hasty=suppliers[1],
            stranger=suppliers[2],
            unreachable=suppliers[3],
            products={
                GoodsKind.MOBILE: mobile,
                GoodsKind.DIRECT: replace(direct, safe_cost_fen=2000),
                GoodsKind.CARD: replace(card, safe_cost_fen=20000),
            },
            secrets=(settings.api_key,),
            tells=frozenset(),
        )
    await outbound.aclose()


@asynccontextmanager
async def dtone_rig(simulator: SimulatorProcess, clock: Clock) -> AsyncIterator[SupplierRig]:
    """DT One: one unit a transaction; a decline gives everything back; it can't hand one PIN to itself twice."""
    ready = simulator.ready["dtone"]
    replace = msgspec.structs.replace
    outbound = Outbound()
    mobile = SupplyRequest(
        attempt_no="",
        kind=GoodsKind.MOBILE,
        supplier_product="61050",
        quantity=1,
        account="13800001234",
        face_value_fen=5000,
        safe_cost_fen=5000,
    )
    direct = replace(mobile, kind=GoodsKind.DIRECT, supplier_product="62010", account="88881234")
    card = replace(mobile, kind=GoodsKind.CARD, supplier_product="63010", account="")
    async with open_inbox() as inbox:
        settings = DtOneSettings(**ready, callback_url=inbox.url, timeout_s=TIMEOUT_S)
        suppliers = [
            DtOne(settings, outbound, clock),
            DtOne(replace(settings, timeout_s=HASTY_S), outbound, clock),
            DtOne(replace(settings, api_secret="0" * 32), outbound, clock),
            DtOne(replace(settings, url="http://127.0.0.1:1/v1"), outbound, clock),
        ]
        inbox.reply = suppliers[0].acknowledge
        yield SupplierRig(
            simulator=simulator,
            clock=clock,
            inbox=inbox,
            party="dtone",
            faults={
                name: name for name in SUPPLIER_FAULTS if name not in ("partial_refund", "same_card_twice")
            },
            supplier=suppliers[0],
            hasty=suppliers[1],
            stranger=suppliers[2],
            unreachable=suppliers[3],
            products={
                GoodsKind.MOBILE: mobile,
                GoodsKind.DIRECT: replace(direct, safe_cost_fen=8000),
                GoodsKind.CARD: replace(card, safe_cost_fen=8000),
            },
            secrets=(settings.api_secret,),
            tells=frozenset({"serial"}),
        )
    await outbound.aclose()


CHANNELS: dict[str, Maker] = {
    "alipay": alipay_rig,
    "alipay-certificate": partial(alipay_rig, certificates=True),
    "epay": epay_rig,
    "wechat": wechat_rig("public_key"),
    "wechat-certificate": wechat_rig("certificate"),
}
SUPPLIERS: dict[str, Maker] = {
    "dtone": dtone_rig,
    "fulu": fulu_rig,
    "kasushou": kasushou_rig,
}
