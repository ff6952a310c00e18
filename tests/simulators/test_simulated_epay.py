"""The simulated 易支付 aggregator over plain HTTP: its wire, its hazards, its faults."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientError, ClientTimeout, web
from simulated import Outside, fast, outside_world

from simulators.epay.notify import RETRY_AFTER_S, short_yuan
from simulators.server import Options


@dataclass
class Till:
    """A merchant of the aggregator's, with its own few lines to sign and a listener for notifies."""

    outside: Outside
    url: str = ""
    answer: str = "success"
    heard: list[dict[str, str]] = field(default_factory=list)

    @property
    def epay(self) -> dict[str, str]:
        return dict(self.outside.ready["epay"])

    async def take(self, request: web.Request) -> web.Response:
        assert request.method == "GET"
        self.heard.append(dict(request.query))
        return web.Response(text=self.answer)

    def sign(self, fields: dict[str, str], key: str = "") -> str:
        bare = sorted((k, v) for k, v in fields.items() if v and k not in ("sign", "sign_type"))
        text = "&".join(f"{k}={v}" for k, v in bare) + (key or self.epay["key"])
        return hashlib.md5(text.encode()).hexdigest()

    def order(self, number: str, **changes: str) -> dict[str, str]:
        fields = {
            "pid": self.epay["pid"],
            "type": "alipay",
            "out_trade_no": number,
            "notify_url": self.url,
            "return_url": f"{self.url}/back",
            "name": "话费 100元",
            "money": "100.50",
            "clientip": "127.0.0.1",
            **changes,
        }
        return {**fields, "sign": self.sign(fields), "sign_type": "MD5"}

    async def call(self, path: str, fields: dict[str, str] | None = None, timeout_s: float = 10) -> Any:
        """POST the fields, or GET; the JSON that comes back."""
        method = "GET" if fields is None else "POST"
        url = f"{self.epay['base_url']}/{path}"
        time = ClientTimeout(total=timeout_s)
        async with self.outside.http.request(method, url, data=fields, timeout=time) as answer:
            assert answer.status == 200, answer.status
            return await answer.json()

    async def open(self, number: str, **changes: str) -> str:
        told = await self.call("mapi.php", self.order(number, **changes))
        assert told["code"] == 1, told
        return str(told["trade_no"])

    async def ask(self, act: str, timeout_s: float = 10, **by: str) -> Any:
        asked = {"act": act, "pid": self.epay["pid"], "key": self.epay["key"], **by}
        return await self.call(f"api.php?{urlencode(asked)}", timeout_s=timeout_s)

    async def refund(self, number: str, money: str = "100.50", timeout_s: float = 10) -> Any:
        fields = {"pid": self.epay["pid"], "key": self.epay["key"], "out_trade_no": number, "money": money}
        return await self.call("api.php?act=refund", fields, timeout_s)

    async def books(self, number: str = "") -> Any:
        return (await self.outside.control("GET", f"/books?order={number}&party=epay"))["epay"]


@pytest.fixture
async def till(outside: Outside) -> AsyncIterator[Till]:
    async with listening(outside) as till:
        yield till


@asynccontextmanager
async def listening(outside: Outside) -> AsyncIterator[Till]:
    till = Till(outside)
    app = web.Application()
    app.router.add_get("/n", till.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    till.url = f"http://127.0.0.1:{runner.addresses[0][1]}/n"
    try:
        yield till
    finally:
        await runner.cleanup()


async def test_an_order_is_opened_paid_notified_asked_and_refunded(till: Till, outside: Outside) -> None:
    told = await till.call("mapi.php", till.order("A1P1", name='卡}100 "x" & y'))
    assert told["qrcode"].startswith(till.epay["base_url"])
    before = await till.ask("order", out_trade_no="A1P1")
    assert (before["status"], before["endtime"], before["money"]) == ("0", None, "100.50")

    paid = await outside.control("POST", "/buyers/pay", {"qr_code": told["qrcode"]})
    assert (paid["result"], paid["trade_no"], paid["amount_fen"]) == ("paid", told["trade_no"], 10050)
    await outside.until(lambda: till.heard)
    notify = till.heard[0]
    assert notify["sign"] == till.sign(notify)
    assert (notify["trade_status"], notify["money"]) == ("TRADE_SUCCESS", "100.5")
    assert notify["name"] == "卡}100 &quot;x&quot; &amp; y"
    row = await till.ask("order", trade_no=told["trade_no"])
    assert (row["status"], row["pid"], row["out_trade_no"]) == ("1", int(till.epay["pid"]), "A1P1")
    assert row["endtime"]

    part = await till.refund("A1P1", "1.00")
    assert (part["code"], part["msg"]) == (-1, "当前支付通道不支持部分退款")
    assert (await till.refund("A1P1"))["code"] == 0
    assert (await till.refund("A1P1"))["msg"] == "该订单已全额退款！"
    assert (await till.ask("order", out_trade_no="A1P1"))["status"] == "2"
    books = await till.books()
    assert (books["merchant_balance_fen"], sum(books["buyers_fen"].values())) == (0, 0)
    assert list(books["trades"][0]["refunds"].values()) == [10050]


async def test_submit_leads_the_browser_to_the_cashier_and_back(till: Till, outside: Outside) -> None:
    url = f"{till.epay['base_url']}/submit.php?{urlencode(till.order('B1P1'))}"
    async with outside.http.get(url) as page:
        text, cashier = await page.text(), str(page.url)
    assert "100.50" in text
    trade_no = cashier.rstrip("/").rpartition("/")[2]
    act = f"{till.epay['base_url']}/cashier/act"
    async with outside.http.post(act, data={"t": trade_no, "action": "pay"}, allow_redirects=False) as done:
        back = done.headers["Location"]
    assert done.status == 302
    assert back.startswith(f"{till.url}/back?")
    async with outside.http.get(cashier) as again:
        assert "已经支付过了" in await again.text()


async def test_the_same_order_again_is_the_same_trade_and_other_particulars_are_refused(till: Till) -> None:
    first = await till.open("C1P1")
    assert await till.open("C1P1") == first
    other = await till.call("mapi.php", till.order("C1P1", money="1"))
    assert (other["code"], "支付参数有变化" in other["msg"]) == (-1, True)
    await till.outside.pay("C1P1")
    late = await till.call("mapi.php", till.order("C1P1"))
    assert "已完成支付" in late["msg"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"pid": "1"}, -1),
        ({"money": "0"}, -1),
        ({"money": "1e3"}, -1),
        ({"type": "cash"}, -1),
        ({"out_trade_no": "a b"}, -1),
        ({"clientip": ""}, -1),
        ({"sign": "0" * 32}, -3),
    ],
)
async def test_a_bad_order_is_refused_in_words(till: Till, changes: dict[str, str], code: int) -> None:
    fields = till.order("D1P1")
    if "sign" not in changes:
        fields = {**fields, **changes}
        fields["sign"] = till.sign(fields)
    told = await till.call("mapi.php", {**fields, **changes})
    assert told["code"] == code
    assert told["msg"]


async def test_a_wrong_key_or_act_is_refused_before_anything_is_told(till: Till) -> None:
    await till.open("E1P1")
    wrong = await till.call(f"api.php?act=order&pid={till.epay['pid']}&key=x&out_trade_no=E1P1")
    assert wrong == {"code": -3, "msg": "商户密钥错误"}
    assert (await till.ask("nothing"))["code"] == -5
    assert (await till.ask("order"))["code"] == -4
    assert (await till.ask("order", out_trade_no="E9P1"))["msg"] == "订单号不存在"


async def test_unpaid_rows_are_gone_after_a_day(till: Till, outside: Outside) -> None:
    await till.open("F1P1")
    party = outside.world.epay.party
    party.trades_of["F1P1"][0].created_at -= timedelta(hours=24)
    assert (await till.ask("order", out_trade_no="F1P1"))["msg"] == "订单号不存在"
    assert (await outside.pay("F1P1"))["result"] == "closed"
    assert (await outside.pay("F1P1", late=True))["result"] == "paid"
    assert (await till.ask("order", out_trade_no="F1P1"))["status"] == "1"
    await outside.fault("F2", "epay", "unpaid_deleted", s=0)
    await till.open("F2P1")
    assert (await till.ask("order", out_trade_no="F2P1"))["code"] == -1


async def test_one_number_may_have_two_trades_and_the_query_shows_the_first(
    till: Till, outside: Outside
) -> None:
    await outside.fault("G1", "epay", "number_not_unique")
    first, second = await till.open("G1P1"), await till.open("G1P1")
    assert first != second
    paid = await outside.control(
        "POST", "/buyers/pay", {"pay_url": f"{till.epay['base_url']}/pay/submit/{second}/"}
    )
    assert paid["trade_no"] == second
    assert (await till.ask("order", out_trade_no="G1P1"))["status"] == "0"
    listed = await till.ask("orders", status="1", limit="50")
    assert [row["trade_no"] for row in listed["data"]] == [second]

    await outside.fault("G2", "epay", "two_payments")
    await till.open("G2P1")
    assert len(set((await outside.pay("G2P1"))["trade_nos"])) == 2
    assert (await till.books())["merchant_balance_fen"] == 3 * 10050


async def test_the_payer_may_pay_more_than_the_merchant_is_told(till: Till, outside: Outside) -> None:
    await outside.fault("H1", "epay", "realmoney_differs", fen=7)
    await till.open("H1P1")
    await outside.pay("H1P1")
    await outside.until(lambda: till.heard)
    assert till.heard[0]["money"] == "100.5"
    assert (await till.ask("order", out_trade_no="H1P1"))["money"] == "100.50"
    books = await till.books()
    assert (books["merchant_balance_fen"], books["surcharge_fen"]) == (10050, 7)
    assert sum(books["buyers_fen"].values()) == -10057


async def test_notifies_repeat_on_the_schedule_until_success() -> None:
    async with (
        outside_world(Options(seed=1, clock=fast(20_000))) as outside,
        listening(outside) as till,
    ):
        till.answer = "fail"
        await till.open("I1P1")
        await outside.pay("I1P1")
        await outside.until(lambda: len(till.heard) == 1 + len(RETRY_AFTER_S))


async def test_some_operators_never_repeat(till: Till, outside: Outside) -> None:
    till.answer = "fail"
    await outside.fault("I2", "epay", "notify_never_retried")
    await till.open("I2P1")
    await outside.pay("I2P1")
    await asyncio.sleep(0.3)  # five minutes there
    assert len([n for n in till.heard if n["out_trade_no"] == "I2P1"]) == 1
    row = (await till.books("I2"))["trades"][0]
    assert row["notifies"] == {"sent": 1, "acked": 0}


@pytest.mark.parametrize(
    ("name", "params", "count"),
    [
        ("notify_duplicate", {"n": 3}, 3),
        ("notify_concurrent", {"n": 6}, 6),
        ("notify_late_after_close", {}, 1),
    ],
)
async def test_how_often_a_payment_is_told(
    till: Till, outside: Outside, name: str, params: dict[str, int], count: int
) -> None:
    await outside.fault("J1", "epay", name, **params)
    await till.open("J1P1")
    await outside.pay("J1P1")
    await outside.until(lambda: len(till.heard) == count)
    assert len({tuple(sorted(n.items())) for n in till.heard}) == 1


async def test_false_notifies_come_before_the_true_one(till: Till, outside: Outside) -> None:
    for name in ("notify_wrong_amount", "notify_wrong_app_id", "notify_forged"):
        await outside.fault("K1", "epay", name)
    await till.open("K1P1")
    await outside.until(lambda: till.heard)
    assert till.heard[0]["sign"] != till.sign(till.heard[0])
    await outside.pay("K1P1")
    await outside.until(lambda: len(till.heard) == 4)
    assert [n["money"] for n in till.heard[1:]] == ["100.51", "100.5", "100.5"]
    assert [n["pid"] == till.epay["pid"] for n in till.heard[1:]] == [True, False, True]
    assert all(n["sign"] == till.sign(n) for n in till.heard[1:])


async def test_a_success_that_nobody_paid_and_one_under_the_old_key(till: Till, outside: Outside) -> None:
    await outside.fault("L1", "epay", "notify_for_unpaid")
    await till.open("L1P1")
    await outside.until(lambda: till.heard)
    assert till.heard[0]["sign"] == till.sign(till.heard[0])
    assert (await till.ask("order", out_trade_no="L1P1"))["status"] == "0"
    await outside.fault("L2", "epay", "notify_old_key")
    await till.open("L2P1")
    await outside.pay("L2P1")
    await outside.until(lambda: len(till.heard) == 2)
    assert till.heard[1]["sign"] == till.sign(till.heard[1], till.epay["previous_key"])


async def test_paid_before_create_answers_and_lost_altogether(till: Till, outside: Outside) -> None:
    await outside.fault("M1", "epay", "notify_before_create_returns")
    await till.open("M1P1")
    assert [n["out_trade_no"] for n in till.heard] == ["M1P1"]
    assert (await outside.pay("M1P1"))["result"] == "already_paid"
    await outside.fault("M2", "epay", "notify_lost")
    await till.open("M2P1")
    await outside.pay("M2P1")
    await asyncio.sleep(0.05)
    assert len(till.heard) == 1
    assert (await till.ask("order", out_trade_no="M2P1"))["status"] == "1"


async def test_a_frozen_trade_is_paid_and_says_so(till: Till, outside: Outside) -> None:
    await outside.fault("N1", "epay", "trade_frozen")
    await till.open("N1P1")
    await outside.pay("N1P1")
    assert (await till.ask("order", out_trade_no="N1P1"))["status"] == "3"
    assert (await till.books())["trades"][0]["paid_fen"] == 10050


async def test_unknown_answers_and_what_a_repeat_finds(till: Till, outside: Outside) -> None:
    for name in ("create_unknown", "refund_unknown_then_success"):
        await outside.fault("O1", "epay", name)
    await outside.fault("O1", "epay", "query_unknown", times=1)
    await outside.fault("O1", "epay", "query_not_found_then_found", times=1)
    with pytest.raises(AssertionError, match="502"):
        await till.open("O1P1")
    await till.open("O1P1")
    await outside.pay("O1P1")
    with pytest.raises(AssertionError, match="502"):
        await till.ask("order", out_trade_no="O1P1")
    assert (await till.ask("order", out_trade_no="O1P1"))["msg"] == "订单号不存在"
    assert (await till.ask("order", out_trade_no="O1P1"))["status"] == "1"
    with pytest.raises(AssertionError, match="502"):
        await till.refund("O1P1")
    assert (await till.ask("order", out_trade_no="O1P1"))["status"] == "2"


@pytest.mark.parametrize(("name", "made"), [("refund_timeout_lost", 0), ("refund_timeout_executed", 10050)])
async def test_a_refund_that_never_answers_was_made_or_not(
    till: Till, outside: Outside, name: str, made: int
) -> None:
    await outside.fault("Q1", "epay", name)
    await till.open("Q1P1")
    await outside.pay("Q1P1")
    with pytest.raises(TimeoutError):
        await till.refund("Q1P1", timeout_s=0.5)
    assert (await till.books())["trades"][0]["refunded_fen"] == made
    await till.refund("Q1P1")
    assert (await till.books())["trades"][0]["refunded_fen"] == 10050


async def test_a_refused_refund_moves_nothing(till: Till, outside: Outside) -> None:
    await outside.fault("R1", "epay", "refund_refused")
    await till.open("R1P1")
    assert (await till.refund("R1P1"))["msg"] == "该订单状态不支持退款！"
    await outside.pay("R1P1")
    assert (await till.refund("R1P1"))["msg"] == "商户余额不足，请先充值"
    assert (await till.books())["trades"][0]["refunded_fen"] == 0


@pytest.mark.parametrize("name", ["create_timeout", "query_timeout"])
async def test_calls_that_never_answer(till: Till, outside: Outside, name: str) -> None:
    await outside.fault("S1", "epay", name)
    if name == "query_timeout":
        await till.open("S1P1")
    first = {
        "create_timeout": lambda: till.call("mapi.php", till.order("S1P1"), timeout_s=0.5),
        "query_timeout": lambda: till.ask("order", timeout_s=0.5, out_trade_no="S1P1"),
    }
    with pytest.raises(TimeoutError):
        await first[name]()
    assert (await till.ask("order", out_trade_no="S1P1"))["status"] == "0"


async def test_an_aggregator_that_is_down_cuts_every_connection_and_catches_up(
    till: Till, outside: Outside
) -> None:
    await till.open("T1P1")
    await outside.control("PUT", "/party/epay/down", {"down": True})
    await outside.pay("T1P1")
    with pytest.raises(ClientError):
        await till.ask("order", out_trade_no="T1P1")
    assert till.heard == []
    await outside.control("PUT", "/party/epay/down", {"down": False})
    await outside.until(lambda: till.heard)


async def test_a_clone_that_signs_encoded_values(till: Till, outside: Outside) -> None:
    outside.world.epay.party.encoded = True
    told = await till.call("mapi.php", till.order("U1P1"))
    assert (told["code"], told["msg"]) == (-3, "MD5签名校验失败")


@pytest.mark.parametrize(("fen", "text"), [(10000, "100"), (10050, "100.5"), (10005, "100.05"), (1, "0.01")])
def test_money_in_a_notify_is_written_as_php_writes_a_float(fen: int, text: str) -> None:
    assert short_yuan(fen) == text
