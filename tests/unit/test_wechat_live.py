"""The adapter against the simulated WeChat Pay over HTTP, beyond what the channels' contract asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web
from test_wechat_wire import Witness

from mingzhang.evidence.messages import HttpMessage, Standing
from mingzhang.kit.clock import Clock, clock_from_spec
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels.base import (
    AsksByTransaction,
    Channel,
    Notify,
    Outcome,
    PaymentRequest,
    RefundRequest,
    RefundState,
    TradeState,
)
from mingzhang.payments.channels.wechat import Wechat, WechatKey, WechatSettings
from simulator_process import SimulatorProcess

WAIT_S = 20.0
MERCHANT = Witness()


@pytest.fixture(scope="module")
def clock() -> Clock:
    return clock_from_spec(f"scaled:{time.time()!r}:{time.time()!r}:20")


@pytest.fixture(scope="module")
def simulator(clock: Clock) -> Iterator[SimulatorProcess]:
    with SimulatorProcess("--clock", clock.spec(), "--seed", "12") as process:
        yield process


@dataclass
class Shop:
    """A channel, its notify address, and what came there."""

    simulator: SimulatorProcess
    clock: Clock
    settings: WechatSettings
    channel: Wechat
    outbound: Outbound
    url: str = ""
    came: list[HttpMessage] = field(default_factory=list)
    refused: int = 0
    taken: int = 0

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        message = HttpMessage(method="POST", query="", headers=headers, body=await request.read())
        self.came.append(message)
        notify = self.channel.read_notify(message)
        reply = self.channel.acknowledge(accepted=not notify.refusal)
        self.refused += bool(notify.refusal)
        self.taken += not notify.refusal
        return web.Response(status=reply.status, body=reply.body, content_type=reply.content_type)

    def request(self, number: str, method: str = "qr") -> PaymentRequest:
        return PaymentRequest(
            payment_no=number,
            amount_fen=10005,
            subject="话费100元",
            method=method,
            expires_at=self.clock.now() + timedelta(hours=1),
            notify_url=self.url,
            client_ip="203.0.113.7",
            payer_id="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
        )

    async def paid(self, number: str) -> None:
        assert (await self.channel.open(self.request(number))).outcome is Outcome.OK
        await self.simulator.tell("POST", "/buyers/pay", {"out_trade_no": number})

    async def fault(self, number: str, name: str, **params: object) -> None:
        await self.simulator.fault(number, "wechat", name, **params)

    async def hears(self, count: int) -> list[Notify]:
        """The first notifies, as the channel reads them now."""
        deadline = time.monotonic() + WAIT_S
        while len(self.came) < count:
            assert time.monotonic() < deadline, f"{len(self.came)} of {count} notifies came"
            await asyncio.sleep(0.02)
        return [self.channel.read_notify(message) for message in self.came]

    def refund_of(self, number: str, refund: str, fen: int) -> RefundRequest:
        return RefundRequest(
            payment_no=number,
            transaction_id="",
            refund_no=refund,
            amount_fen=fen,
            total_fen=10005,
            reason="供应商拒绝",
        )


@pytest.fixture
async def shop(simulator: SimulatorProcess, clock: Clock) -> AsyncIterator[Shop]:
    ready = simulator.ready["wechat"]
    await simulator.tell("PUT", "/wechat/merchant-key", {"key": MERCHANT.public})
    await simulator.tell("PUT", "/wechat/signing", {"with": "public_key"})
    outbound = Outbound()
    made: list[Shop] = []

    async def take(request: web.Request) -> web.Response:
        return await made[0].take(request)

    app = web.Application()
    app.router.add_post("/in", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    settings = WechatSettings(
        mchid=ready["mchid"],
        app_id=ready["app_id"],
        merchant_serial=ready["merchant_serial"],
        merchant_private_key=MERCHANT.private,
        api_v3_keys=(ready["api_v3_key"],),
        gateway=ready["gateway"],
        platform_keys=tuple(WechatKey(**key) for key in ready["public_keys"]),
        refund_notify_url=url,
        timeout_s=15,
    )
    channel = Wechat(settings, outbound, clock)
    made.append(Shop(simulator, clock, settings, channel, outbound, url))
    try:
        yield made[0]
    finally:
        await made[0].channel.aclose()
        await runner.cleanup()
        await outbound.aclose()


FALSE = {
    "notify_signtest": ("signature_probe", Standing.FORGED),
    "notify_unknown_serial": ("unknown_serial", Standing.HINT),
    "notify_foreign_resource": ("not_decrypted", Standing.FORGED),
    "notify_future": ("stale", Standing.HINT),
    "notify_stale": ("stale", Standing.HINT),
    "notify_wrong_seller": ("wrong_merchant", Standing.FORGED),
    "notify_wrong_app_id": ("wrong_app", Standing.FORGED),
}


@pytest.mark.parametrize("name", FALSE)
async def test_a_false_notify_is_refused_and_the_true_one_after_it_is_believed(shop: Shop, name: str) -> None:
    number = f"LF{sorted(FALSE).index(name)}0001P1"
    await shop.fault(number, name)
    await shop.paid(number)
    false, true = await shop.hears(2)
    assert (false.refusal, false.message.standing) == FALSE[name]
    assert (false.state, true.state) == (TradeState.UNKNOWN, TradeState.PAID)
    assert shop.refused == 1


async def test_jsapi_is_paid_by_what_the_page_hands_over(shop: Shop) -> None:
    opened = await shop.channel.open(shop.request("LJ00001P1", "jsapi"))
    assert (opened.outcome, opened.invoke["signType"]) == (Outcome.OK, "RSA")
    done = await shop.simulator.tell("POST", "/buyers/pay", {"pay_url": opened.invoke["package"]})
    assert done["result"] == "paid"
    assert (await shop.hears(1))[0].payment_no == "LJ00001P1"


async def test_a_transaction_is_asked_for_by_wechats_number(shop: Shop) -> None:
    channel: Channel = shop.channel
    assert isinstance(channel, AsksByTransaction)
    await shop.paid("LT00001P1")
    told = await shop.channel.query("LT00001P1")
    found = await shop.channel.query_transaction(told.transaction_id)
    assert (found.payment_no, found.state, found.amount_fen) == ("LT00001P1", TradeState.PAID, 10005)
    assert (await shop.channel.query_transaction("4" * 28)).state is TradeState.NOT_FOUND


async def test_two_public_keys_outlive_a_change(shop: Shop) -> None:
    await shop.fault("LK", "key_rotation")
    await shop.paid("LK00001P1")
    assert (await shop.hears(1))[0].state is TradeState.PAID
    await shop.simulator.tell("PUT", "/wechat/signing", {"with": "next_public_key"})
    assert (await shop.channel.query("LK00001P1")).state is TradeState.PAID


async def test_certificate_mode_outlives_a_change_of_certificates(shop: Shop) -> None:
    """An unknown serial is refused, the certificates are fetched, and the repeated notify is believed."""
    settings = msgspec.structs.replace(shop.settings, platform_keys=(), certificates=True)
    await shop.channel.aclose()
    shop.channel = Wechat(settings, shop.outbound, shop.clock)
    await shop.simulator.tell("PUT", "/wechat/signing", {"with": "certificate"})
    await shop.paid("LC00001P1")
    assert (await shop.hears(1))[0].state is TradeState.PAID
    await shop.fault("LC00002", "key_rotation")
    await shop.paid("LC00002P1")
    assert (await shop.hears(2))[1].refusal == "unknown_serial"
    deadline = time.monotonic() + 2 * WAIT_S
    while shop.taken < 2:  # the refused one is sent again, and taken once the certificate is known
        assert time.monotonic() < deadline
        await shop.channel.refresh_keys()
        await asyncio.sleep(0.1)
    assert len({fact.serial for fact in shop.channel.key_facts()}) == 2
    await shop.simulator.tell("PUT", "/wechat/signing", {"with": "next_certificate"})
    assert (await shop.channel.query("LC00002P1")).state is TradeState.PAID


@pytest.mark.parametrize(
    ("name", "states", "event"),
    [
        ("refund_slow", (RefundState.ACCEPTED, RefundState.ACCEPTED), None),
        ("refund_abnormal", (RefundState.ACCEPTED, RefundState.ACCEPTED), RefundState.ACCEPTED),
        ("refund_closed", (RefundState.ACCEPTED, RefundState.REFUSED), RefundState.REFUSED),
    ],
)
async def test_refunds_that_do_not_simply_arrive(
    shop: Shop, name: str, states: tuple[RefundState, RefundState], event: RefundState | None
) -> None:
    number = f"L{name[7].upper()}R0001"
    await shop.fault(number, name, **({"s": 10**7} if name == "refund_slow" else {}))
    await shop.paid(f"{number}P1")
    asked = await shop.channel.refund(shop.refund_of(f"{number}P1", f"{number}R1", 5))
    told = await shop.channel.query_refund(f"{number}P1", f"{number}R1")
    assert (asked.state, told.state) == states
    if event is not None:
        news = (await shop.hears(2))[1]
        assert (news.state, news.refund_no, news.refund_state) == (TradeState.REFUNDED, f"{number}R1", event)
        assert news.refunded_fen == 0
    if name == "refund_abnormal":
        assert told.code == "ABNORMAL"
        body = {"out_refund_no": f"{number}R1", "status": "SUCCESS"}
        await shop.simulator.tell("POST", "/wechat/refunds", body)
        ended = await shop.channel.query_refund(f"{number}P1", f"{number}R1")
        assert ended.state is RefundState.ARRIVED


@pytest.mark.parametrize("name", ["answer_signtest", "answer_stale"])
async def test_a_spoilt_answer_is_unknown_and_the_next_one_tells(shop: Shop, name: str) -> None:
    number = f"LA{name[7:9].upper()}001P1"
    await shop.paid(number)
    await shop.fault(number, name)
    assert (await shop.channel.query(number)).outcome is Outcome.UNKNOWN
    assert (await shop.channel.query(number)).state is TradeState.PAID


async def test_the_days_bill_tells_what_the_books_hold(shop: Shop) -> None:
    await shop.simulator.tell("PUT", "/wechat/bills", {"early": False})
    day = (shop.clock.now() + timedelta(hours=8)).date()
    await shop.paid("LB00001P1")
    await shop.channel.refund(shop.refund_of("LB00001P1", "LB00001R1", 5))
    early = await shop.channel.read_bill(day)
    assert (early.outcome, early.code) == (Outcome.UNKNOWN, "STATEMENT_CREATING")
    await shop.simulator.tell("PUT", "/wechat/bills", {"early": True})
    bill = await shop.channel.read_bill(day)
    assert bill.outcome is Outcome.OK
    books: Any = (await shop.simulator.books())["wechat"]["trades"]
    paid = {row["out_trade_no"]: row["paid_fen"] for row in books if row["paid_fen"]}
    assert {row.payment_no: row.amount_fen for row in bill.rows if not row.refund_no} == paid
    assert ("LB00001R1", 5) in {(row.refund_no, row.amount_fen) for row in bill.rows}
    nothing = await shop.channel.list_trades(0, 50)
    assert (nothing.outcome, nothing.trades) == (Outcome.OK, ())  # yesterday nobody paid
