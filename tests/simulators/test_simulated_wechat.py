"""The simulated WeChat Pay over plain HTTP; PyCryptodome signs, verifies and decrypts on the merchant's side."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from Cryptodome.Cipher import AES
from Cryptodome.Hash import SHA256
from Cryptodome.PublicKey import RSA
from Cryptodome.Signature import pkcs1_15
from simulated import PRIVATE_PEM, Outside

from simulators.world import BEIJING

KEY = RSA.import_key(PRIVATE_PEM)


@dataclass
class Heard:
    """One notify as it came: whose seal, and what was inside (None when our APIv3 key does not open it)."""

    headers: dict[str, str]
    body: bytes
    envelope: dict[str, Any]
    resource: dict[str, Any] | None


@dataclass
class Merchant:
    """A merchant's client and listener. `answers` are HTTP statuses given in turn, the last for ever."""

    outside: Outside
    url: str = ""
    answers: list[int] = field(default_factory=lambda: [200])
    heard: list[Heard] = field(default_factory=list)

    @property
    def ready(self) -> dict[str, Any]:
        return dict(self.outside.ready["wechat"])

    async def listen(self, request: web.Request) -> web.Response:
        body = await request.read()
        envelope = json.loads(body)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.heard.append(Heard(headers, body, envelope, self.opened(envelope["resource"])))
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=status, text="" if status < 300 else '{"code":"FAIL"}')

    def opened(self, resource: dict[str, Any]) -> Any:
        sealed = base64.b64decode(resource["ciphertext"])
        cipher = AES.new(self.ready["api_v3_key"].encode(), AES.MODE_GCM, nonce=resource["nonce"].encode())
        cipher.update(resource["associated_data"].encode())
        try:
            plain = cipher.decrypt_and_verify(sealed[:-16], sealed[-16:])
        except ValueError:
            return None
        return json.loads(plain) if plain.startswith(b"{") else plain

    def genuine(self, headers: Any, body: bytes, key: RSA.RsaKey | None = None) -> bool:
        """Whether the seal is that of the named public key (or of the key given)."""
        if key is None:
            pems = {each["serial"]: each["pem"] for each in self.ready["public_keys"]}
            if headers["wechatpay-serial"] not in pems:
                return False
            key = RSA.import_key(pems[headers["wechatpay-serial"]])
        text = f"{headers['wechatpay-timestamp']}\n{headers['wechatpay-nonce']}\n".encode() + body + b"\n"
        try:
            pkcs1_15.new(key).verify(SHA256.new(text), base64.b64decode(headers["wechatpay-signature"]))
        except ValueError:
            return False
        return True

    def authorization(self, method: str, target: str, body: str, **changes: str) -> str:
        stamp = {
            "mchid": self.ready["mchid"],
            "nonce_str": "593BEC0C930BF1AFEB40B4A08C8FB242",
            "timestamp": str(int(self.outside.world.world.now().timestamp())),
            "serial_no": self.ready["merchant_serial"],
            **changes,
        }
        text = f"{method}\n{target}\n{stamp['timestamp']}\n{stamp['nonce_str']}\n{body}\n"
        signature = base64.b64encode(pkcs1_15.new(KEY).sign(SHA256.new(text.encode()))).decode()
        fields = {**stamp, "signature": signature, **changes}
        return "WECHATPAY2-SHA256-RSA2048 " + ",".join(f'{name}="{value}"' for name, value in fields.items())

    async def raw(
        self,
        method: str,
        target: str,
        payload: Any = None,
        headers: dict[str, str] | None = None,
        **stamp: str,
    ) -> tuple[int, dict[str, str], bytes]:
        body = "" if payload is None else json.dumps(payload, ensure_ascii=False)
        sent = {
            "Authorization": self.authorization(method, target, body, **stamp),
            "Accept": "application/json",
            "User-Agent": "a-test",
            **(headers or {}),
        }
        url = self.ready["gateway"] + target
        async with self.outside.http.request(method, url, data=body or None, headers=sent) as answer:
            received = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, received, await answer.read()

    async def call(self, method: str, target: str, payload: Any = None) -> tuple[int, dict[str, Any]]:
        """Status and JSON of one call; the seal is checked."""
        status, headers, body = await self.raw(method, target, payload)
        assert self.genuine(headers, body)
        return status, json.loads(body) if body else {}

    def order(self, number: str, fen: int = 10000, **changes: Any) -> dict[str, Any]:
        return {
            "appid": self.ready["app_id"],
            "mchid": self.ready["mchid"],
            "description": "话费100元",
            "out_trade_no": number,
            "notify_url": self.url,
            "amount": {"total": fen, "currency": "CNY"},
            **changes,
        }

    async def open(
        self, number: str, fen: int = 10000, end: str = "native", **changes: Any
    ) -> tuple[int, Any]:
        return await self.call("POST", f"/v3/pay/transactions/{end}", self.order(number, fen, **changes))

    async def query(self, number: str) -> tuple[int, dict[str, Any]]:
        target = f"/v3/pay/transactions/out-trade-no/{number}?mchid={self.ready['mchid']}"
        return await self.call("GET", target)

    async def close(self, number: str) -> tuple[int, dict[str, Any]]:
        target = f"/v3/pay/transactions/out-trade-no/{number}/close"
        return await self.call("POST", target, {"mchid": self.ready["mchid"]})

    async def refund(
        self, number: str, refund: str, fen: int, total: int = 10000
    ) -> tuple[int, dict[str, Any]]:
        payload = {
            "out_trade_no": number,
            "out_refund_no": refund,
            "notify_url": self.url,
            "amount": {"refund": fen, "total": total, "currency": "CNY"},
        }
        return await self.call("POST", "/v3/refund/domestic/refunds", payload)

    async def refunded(self, refund: str) -> tuple[int, dict[str, Any]]:
        return await self.call("GET", f"/v3/refund/domestic/refunds/{refund}")

    async def paid(self, number: str, **body: Any) -> Any:
        """Open and pay."""
        assert (await self.open(number))[0] == 200
        return await self.outside.pay(number, **body)

    async def books(self) -> dict[str, Any]:
        return dict((await self.outside.control("GET", "/books?party=wechat"))["wechat"])

    async def hears(self, count: int) -> list[Heard]:
        await self.outside.until(lambda: len(self.heard) >= count)
        return self.heard


@pytest.fixture
async def merchant(outside: Outside) -> AsyncIterator[Merchant]:
    made = Merchant(outside)
    app = web.Application()
    app.router.add_post("/wechat", made.listen)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/wechat"
    try:
        yield made
    finally:
        await runner.cleanup()


async def test_a_code_is_paid_notified_and_refunded_in_part_then_in_full(merchant: Merchant) -> None:
    status, opened = await merchant.open("A00001P1", description='卡}100 "x"/元')
    assert status == 200
    assert (await merchant.query("A00001P1"))[1]["trade_state"] == "NOTPAY"
    paid = await merchant.outside.control("POST", "/buyers/pay", {"qr_code": opened["code_url"]})
    assert (paid["result"], paid["amount_fen"]) == ("paid", 10000)
    (heard,) = await merchant.hears(1)
    assert merchant.genuine(heard.headers, heard.body)
    assert heard.envelope["event_type"] == "TRANSACTION.SUCCESS"
    told = (await merchant.query("A00001P1"))[1]
    assert heard.resource == told
    assert (told["trade_state"], told["transaction_id"]) == ("SUCCESS", paid["trade_no"])
    assert told["amount"]["total"] == 10000
    by_id = f"/v3/pay/transactions/id/{paid['trade_no']}?mchid={merchant.ready['mchid']}"
    assert (await merchant.call("GET", by_id))[1] == told

    status, first = await merchant.refund("A00001P1", "A00001R1", 3000)
    assert (status, first["status"]) == (200, "PROCESSING")
    assert (await merchant.refund("A00001P1", "A00001R1", 3000))[1]["status"] == "SUCCESS"
    assert (await merchant.refund("A00001P1", "A00001R1", 3100))[1]["code"] == "INVALID_REQUEST"
    assert (await merchant.refund("A00001P1", "A00001R2", 7001))[1]["code"] == "INVALID_REQUEST"
    assert (await merchant.refund("A00001P1", "A00001R2", 7000, 9000))[1]["code"] == "INVALID_REQUEST"
    assert (await merchant.refund("A00001P1", "A00001R2", 7000))[0] == 200
    assert (await merchant.refunded("A00001R2"))[1]["status"] == "SUCCESS"
    assert await merchant.refunded("A00001R9") == (
        404,
        {"code": "RESOURCE_NOT_EXISTS", "message": "退款单不存在"},
    )
    assert (await merchant.query("A00001P1"))[1]["trade_state"] == "REFUND"
    news = {
        heard.resource["out_refund_no"]: heard for heard in (await merchant.hears(3))[1:] if heard.resource
    }
    assert {heard.envelope["event_type"] for heard in news.values()} == {"REFUND.SUCCESS"}
    assert news["A00001R1"].resource == {**(news["A00001R1"].resource or {}), "refund_status": "SUCCESS"}
    books = await merchant.books()
    assert books["merchant_balance_fen"] == books["refund_account_fen"] == 0
    assert sum(books["buyers_fen"].values()) == 0
    assert books["trades"][0]["refunds"] == {"A00001R1": 3000, "A00001R2": 7000}


async def test_h5_returns_to_the_shop_and_jsapi_is_paid_by_its_prepay_id(merchant: Merchant) -> None:
    scene = {"payer_client_ip": "203.0.113.7", "h5_info": {"type": "Wap"}}
    _, opened = await merchant.open("B00001P1", end="h5", scene_info=scene)
    back = "http://shop.example/o/1?a=1"
    page = f"{opened['h5_url']}&redirect_url={back.replace('?', '%3F').replace('=', '%3D')}"
    async with merchant.outside.http.get(page) as shown:
        assert "¥100.00" in await shown.text()
    token = urlsplit(page).query.split("&", maxsplit=1)[0].removeprefix("t=")
    act = f"{merchant.ready['gateway']}/cashier/act"
    async with merchant.outside.http.post(
        act, data={"t": token, "action": "pay"}, allow_redirects=False
    ) as done:
        assert (done.status, done.headers["Location"]) == (302, back)
    _, opened = await merchant.open("B00002P1", end="jsapi", payer={"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"})
    package = f"prepay_id={opened['prepay_id']}"
    paid = await merchant.outside.control("POST", "/buyers/pay", {"pay_url": package})
    assert paid["out_trade_no"] == "B00002P1"
    kinds = {heard.resource["trade_type"] for heard in await merchant.hears(2) if heard.resource}
    assert kinds == {"MWEB", "JSAPI"}


async def test_a_repeated_number_with_other_content_is_refused(merchant: Merchant) -> None:
    first = await merchant.open("C00001P1")
    assert await merchant.open("C00001P1") == first
    for change in ({"fen": 9999}, {"description": "x"}):
        status, refused = await merchant.open("C00001P1", **change)
        assert (status, refused["code"]) == (400, "INVALID_REQUEST")
    assert await merchant.close("C00001P1") == (204, {})
    assert (await merchant.query("C00001P1"))[1]["trade_state"] == "CLOSED"
    assert await merchant.close("C00001P1") == (204, {})
    assert (await merchant.open("C00001P1"))[1]["code"] == "ORDER_CLOSED"
    assert (await merchant.outside.pay("C00001P1"))["result"] == "closed"
    await merchant.paid("C00002P1")
    assert (await merchant.open("C00002P1"))[1]["code"] == "ORDERPAID"
    assert (await merchant.close("C00002P1"))[1]["code"] == "ORDERPAID"
    for status, refused in (await merchant.query("C00009P1"), await merchant.close("C00009P1")):
        assert (status, refused["code"]) == (404, "ORDER_NOT_EXIST")


@pytest.mark.parametrize(
    ("end", "change"),
    [
        ("native", {"out_trade_no": "x"}),
        ("native", {"out_trade_no": "x" * 33}),
        ("native", {"description": ""}),
        ("native", {"description": "x" * 128}),
        ("native", {"amount": {"total": 1.5}}),
        ("native", {"amount": {"total": 0}}),
        ("native", {"amount": {"total": 5, "currency": "USD"}}),
        ("native", {"notify_url": "shop"}),
        ("native", {"time_expire": "2026-01-01 00:00:00"}),
        ("h5", {}),
        ("jsapi", {}),
        ("native", {"appid": "wx1"}),
        ("native", {"mchid": "1"}),
    ],
)
async def test_a_malformed_order_is_refused(merchant: Merchant, end: str, change: dict[str, Any]) -> None:
    status, refused = await merchant.open("D00001P1", end=end, **change)
    assert (status, refused["code"] in ("PARAM_ERROR", "APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS")) == (
        400,
        True,
    )


async def test_a_buyer_may_lack_money_cancel_come_too_late_or_pay_only_once(merchant: Merchant) -> None:
    until = merchant.outside.world.world.now() + timedelta(hours=1)
    await merchant.open("E00001P1", time_expire=until.astimezone(BEIJING).isoformat(timespec="seconds"))
    assert (await merchant.outside.pay("E00001P1", outcome="cancel"))["result"] == "cancelled"
    assert (await merchant.outside.pay("E00001P1", outcome="insufficient"))["result"] == "insufficient"
    order = merchant.outside.world.wechat.party.orders["E00001P1"]
    order.expires_at = merchant.outside.world.world.now()
    assert (await merchant.outside.pay("E00001P1"))["result"] == "closed"
    await merchant.open("E00002P1")
    merchant.outside.world.wechat.party.orders["E00002P1"].expires_at = until - timedelta(hours=2)
    assert (await merchant.outside.pay("E00002P1", late=True, pay_twice=True))["result"] == "paid"
    assert (await merchant.outside.pay("E00002P1", pay_twice=True))["result"] == "already_paid"
    assert (await merchant.books())["merchant_balance_fen"] == 10000


async def test_a_request_that_is_not_the_merchants_gets_no_seal(merchant: Merchant) -> None:
    target = f"/v3/pay/transactions/out-trade-no/F00001P1?mchid={merchant.ready['mchid']}"
    now = int(merchant.outside.world.world.now().timestamp())
    changes: list[dict[str, str]] = [
        {"signature": "AAAA"},
        {"signature": "不"},
        {"serial_no": "0" * 40},
        {"mchid": "1600000000"},
        {"timestamp": "soon"},
        {"timestamp": str(now - 10**6)},
    ]
    for change in changes:
        status, headers, body = await merchant.raw("GET", target, **change)
        assert (status, json.loads(body)["code"]) == (401, "SIGN_ERROR")
        assert "wechatpay-signature" not in headers
    status, _, _ = await merchant.raw("GET", target, headers={"Authorization": "Bearer x"})
    assert status == 401
    status, _, _ = await merchant.raw("GET", target, headers={"Accept": "text/html"})
    assert status == 406
    signed_for_another = merchant.authorization("GET", target + "1", "")
    status, _, _ = await merchant.raw("GET", target, headers={"Authorization": signed_for_another})
    assert status == 401
    assert (await merchant.call("GET", "/v3/unknown"))[0] == 404


async def test_notifies_repeat_on_the_schedule_until_they_are_taken(merchant: Merchant) -> None:
    merchant.answers = [500, 400, 204]
    await merchant.paid("G00001P1")
    heard = await merchant.hears(3)
    assert len({each.envelope["id"] for each in heard}) == 1
    assert len({each.headers["wechatpay-nonce"] for each in heard}) == 3
    times = [int(each.headers["wechatpay-timestamp"]) for each in heard]
    assert times[1] - times[0] >= 14
    assert times[2] - times[1] >= 14
    await merchant.outside.until(
        lambda: merchant.outside.world.wechat.party.orders["G00001P1"].notifies_acked
    )


FALSE = {
    "notify_wrong_amount": lambda m, h: (
        m.genuine(h.headers, h.body) and h.resource["amount"]["total"] == 10001
    ),
    "notify_wrong_app_id": lambda m, h: (
        m.genuine(h.headers, h.body) and h.resource["appid"] != m.ready["app_id"]
    ),
    "notify_wrong_seller": lambda m, h: (
        m.genuine(h.headers, h.body) and h.resource["mchid"] != m.ready["mchid"]
    ),
    "notify_stale": lambda m, h: m.genuine(h.headers, h.body) and age(m, h) > 3500,
    "notify_future": lambda m, h: m.genuine(h.headers, h.body) and age(m, h) < -1000,
    "notify_signtest": lambda _, h: h.headers["wechatpay-signature"].startswith("WECHATPAY/SIGNTEST/"),
    "notify_unknown_serial": lambda m, h: not m.genuine(h.headers, h.body) and len(serial(h)) == 40,
    "notify_foreign_resource": lambda m, h: m.genuine(h.headers, h.body) and h.resource is None,
    "notify_refund_shaped": lambda m, h: (
        m.genuine(h.headers, h.body) and h.envelope["event_type"] == "REFUND.SUCCESS"
    ),
}


def age(merchant: Merchant, heard: Heard) -> float:
    """Virtual seconds between the seal and now."""
    return merchant.outside.world.world.now().timestamp() - int(heard.headers["wechatpay-timestamp"])


def serial(heard: Heard) -> str:
    return heard.headers["wechatpay-serial"]


@pytest.mark.parametrize("name", FALSE)
async def test_a_false_notify_comes_first_and_then_the_truth(merchant: Merchant, name: str) -> None:
    await merchant.outside.fault("H", "wechat", name)
    await merchant.paid("H00001P1")
    false, true = (await merchant.hears(2))[:2]
    assert FALSE[name](merchant, false)
    assert merchant.genuine(true.headers, true.body)
    assert true.resource == (await merchant.query("H00001P1"))[1]


async def test_notifies_that_speak_of_what_nobody_paid(merchant: Merchant) -> None:
    await merchant.outside.fault("I1", "wechat", "notify_forged")
    await merchant.outside.fault("I2", "wechat", "notify_for_unpaid")
    await merchant.open("I10001P1")
    (forged,) = await merchant.hears(1)
    assert not merchant.genuine(forged.headers, forged.body)
    await merchant.open("I20001P1")
    lie = (await merchant.hears(2))[1]
    assert merchant.genuine(lie.headers, lie.body)
    for heard, number in ((forged, "I10001P1"), (lie, "I20001P1")):
        assert heard.resource is not None
        assert (heard.resource["out_trade_no"], heard.resource["trade_state"]) == (number, "SUCCESS")
        assert (await merchant.query(number))[1]["trade_state"] == "NOTPAY"


async def test_repeated_concurrent_lost_late_and_early_notifies(merchant: Merchant) -> None:
    await merchant.outside.fault("J1", "wechat", "notify_concurrent", n=4)
    await merchant.outside.fault("J2", "wechat", "notify_duplicate_new_id", n=3)
    await merchant.outside.fault("J3", "wechat", "notify_lost")
    await merchant.outside.fault("J4", "wechat", "notify_before_create_returns")
    await merchant.outside.fault("J5", "wechat", "notify_out_of_order", s=100_000)
    await merchant.paid("J10001P1")
    assert len({heard.envelope["id"] for heard in await merchant.hears(4)}) == 1
    await merchant.paid("J20001P1")
    assert len({heard.envelope["id"] for heard in (await merchant.hears(7))[4:]}) == 3
    await merchant.paid("J30001P1")
    await merchant.open("J40001P1")
    assert len(merchant.heard) == 8  # told before the create call came back; nothing of J3
    assert (await merchant.query("J40001P1"))[1]["trade_state"] == "SUCCESS"
    await merchant.paid("J50001P1")
    await merchant.refund("J50001P1", "J50001R1", 10000)
    events = [heard.envelope["event_type"] for heard in (await merchant.hears(10))[8:]]
    assert events == ["REFUND.SUCCESS", "TRANSACTION.SUCCESS"]


async def test_refunds_that_do_not_simply_arrive(merchant: Merchant) -> None:
    for prefix, name in (("K1", "refund_slow"), ("K2", "refund_abnormal"), ("K3", "refund_closed")):
        await merchant.outside.fault(
            prefix, "wechat", name, **({"s": 10**6} if name == "refund_slow" else {})
        )
    for number in (1, 2, 3):
        await merchant.paid(f"K{number}0001P1")
        await merchant.refund(f"K{number}0001P1", f"K{number}0001R1", 1000)
    states = [(await merchant.refunded(f"K{number}0001R1"))[1]["status"] for number in (1, 2, 3)]
    assert states == ["PROCESSING", "ABNORMAL", "CLOSED"]
    books = await merchant.books()
    assert (books["refund_account_fen"], books["merchant_balance_fen"]) == (2000, 28000)
    assert sum(books["buyers_fen"].values()) == -30000
    for number in (1, 2):
        body = {"out_refund_no": f"K{number}0001R1", "status": "SUCCESS"}
        await merchant.outside.control("POST", "/wechat/refunds", body)
    events = [heard.envelope["event_type"] for heard in await merchant.hears(7)]
    assert sorted(events)[:4] == ["REFUND.ABNORMAL", "REFUND.CLOSED", "REFUND.SUCCESS", "REFUND.SUCCESS"]
    assert (await merchant.books())["refund_account_fen"] == 0
    await merchant.outside.fault("K4", "wechat", "refund_refused")
    await merchant.paid("K40001P1")
    status, refused = await merchant.refund("K40001P1", "K40001R1", 10000)
    assert (status, refused["code"]) == (403, "NOT_ENOUGH")
    await merchant.outside.control(
        "POST", "/wechat/refunds", {"out_refund_no": "no", "status": "SUCCESS"}, 404
    )


async def test_unknown_answers_and_spoilt_seals(merchant: Merchant) -> None:
    for prefix, name in (
        ("L1", "create_unknown"),
        ("L2", "query_unknown"),
        ("L3", "refund_unknown_then_success"),
        ("L4", "close_race_pay"),
    ):
        await merchant.outside.fault(prefix, "wechat", name, times=1)
    status, unknown = await merchant.open("L10001P1")
    assert (status, unknown["code"]) == (500, "SYSTEM_ERROR")
    assert (await merchant.query("L10001P1"))[1]["trade_state"] == "NOTPAY"
    await merchant.paid("L20001P1")
    assert (await merchant.query("L20001P1"))[0] == 500
    assert (await merchant.query("L20001P1"))[0] == 200
    await merchant.paid("L30001P1")
    assert (await merchant.refund("L30001P1", "L30001R1", 5))[0] == 500
    assert (await merchant.refunded("L30001R1"))[1]["status"] == "SUCCESS"
    await merchant.open("L40001P1")
    assert (await merchant.close("L40001P1"))[1]["code"] == "ORDERPAID"
    target = f"/v3/pay/transactions/out-trade-no/L50001P1?mchid={merchant.ready['mchid']}"
    await merchant.open("L50001P1")
    await merchant.outside.fault("L5", "wechat", "answer_signtest")
    _, headers, body = await merchant.raw("GET", target)
    assert headers["wechatpay-signature"].startswith("WECHATPAY/SIGNTEST/")
    assert not merchant.genuine(headers, body)


async def test_certificates_and_the_change_of_keys(merchant: Merchant) -> None:
    async def certificates() -> dict[str, RSA.RsaKey]:
        _, told = await merchant.call("GET", "/v3/certificates")
        return {
            each["serial_no"]: RSA.import_key(merchant.opened(each["encrypt_certificate"]))
            for each in told["data"]
        }

    first = await certificates()
    assert len(first) == 1
    asked = {"Wechatpay-Serial": merchant.ready["public_keys"][0]["serial"]}
    used = (await merchant.outside.control("PUT", "/wechat/signing", {"with": "certificate"}))["serial"]
    assert [used] == list(first)
    _, headers, body = await merchant.raw("GET", "/v3/certificates")
    assert merchant.genuine(headers, body, first[headers["wechatpay-serial"]])
    _, headers, body = await merchant.raw("GET", "/v3/certificates", headers=asked)
    assert merchant.genuine(headers, body)
    await merchant.outside.control("PUT", "/wechat/signing", {"with": "public_key"})
    await merchant.outside.fault("M", "wechat", "key_rotation")
    await merchant.paid("M00001P1")
    (heard,) = await merchant.hears(1)
    assert serial(heard) == merchant.ready["public_keys"][1]["serial"]
    assert merchant.genuine(heard.headers, heard.body)
    assert list(await certificates()) == list(first)
    await merchant.outside.control("PUT", "/wechat/signing", {"with": "certificate"})
    await merchant.raw("POST", "/v3/pay/transactions/native", merchant.order("M00002P1"))
    await merchant.outside.pay("M00002P1")
    heard = (await merchant.hears(2))[1]
    await merchant.outside.control("PUT", "/wechat/signing", {"with": "public_key"})
    both = await certificates()
    assert merchant.genuine(heard.headers, heard.body, both[serial(heard)])
    assert serial(heard) not in first
    assert set(first) < set(both)
    await merchant.outside.control("PUT", "/wechat/signing", {"with": "next_certificate"})
    _, headers, body = await merchant.raw("GET", "/v3/certificates")
    assert merchant.genuine(headers, body, both[headers["wechatpay-serial"]])
    assert headers["wechatpay-serial"] not in first
    await merchant.outside.control("PUT", "/wechat/signing", {"with": "nothing"}, 400)
    await merchant.outside.control("PUT", "/wechat/merchant-key", {"key": "x"}, 400)


async def test_the_days_bills_add_up(merchant: Merchant) -> None:
    await merchant.outside.fault("N3", "wechat", "bill_row_missing")
    for number in (1, 2, 3):
        await merchant.paid(f"N{number}0001P1")
    await merchant.refund("N10001P1", "N10001R1", 4000)
    paid_at = merchant.outside.world.wechat.party.orders["N10001P1"].paid_at
    assert isinstance(paid_at, datetime)
    day = paid_at.astimezone(BEIJING).date().isoformat()
    target = f"/v3/bill/tradebill?bill_date={day}"
    assert (await merchant.call("GET", target))[1]["code"] == "STATEMENT_CREATING"
    await merchant.outside.control("PUT", "/wechat/bills", {"early": True})

    async def file(target: str) -> list[str]:
        _, told = await merchant.call("GET", target)
        parts = urlsplit(told["download_url"])
        status, headers, body = await merchant.raw("GET", f"{parts.path}?{parts.query}")
        plain = gzip.decompress(body) if "GZIP" in target else body
        assert (status, hashlib.sha1(plain).hexdigest()) == (200, told["hash_value"])
        assert "wechatpay-signature" not in headers
        return plain.decode().splitlines()

    lines = await file(target)
    assert await file(f"{target}&tar_type=GZIP") == lines
    assert lines[0].count(",") == 26
    rows = [line.split(",`") for line in lines[1:-2]]
    assert all(len(row) == 27 for row in rows)
    assert lines[1].startswith("`")
    numbers = {(row[6], row[9], row[12], row[15], row[16]) for row in rows}
    assert numbers == {
        ("N10001P1", "SUCCESS", "100.00", "0", "0.00"),
        ("N20001P1", "SUCCESS", "100.00", "0", "0.00"),
        ("N10001P1", "REFUND", "0.00", "N10001R1", "40.00"),
    }
    assert lines[-1] == "`3,`200.00,`40.00,`0.00,`0.96,`200.00,`40.00"
    assert len(await file(f"{target}&bill_type=REFUND")) == 4
    funds = await file(f"/v3/bill/fundflowbill?bill_date={day}")
    assert funds[-1] == "`6,`3,`200.24,`3,`41.20"
    assert funds[-3].split(",`")[7] == "159.04"
    for bad, code in (("2000-01-01", "NO_STATEMENT_EXIST"), ("x", "PARAM_ERROR")):
        assert (await merchant.call("GET", f"/v3/bill/tradebill?bill_date={bad}"))[1]["code"] == code
    assert (await merchant.raw("GET", "/v3/billdownload/file?token=no"))[0] == 404


async def test_money_is_paid_out_and_a_party_may_be_down(merchant: Merchant) -> None:
    await merchant.paid("Q00001P1")
    moved = await merchant.outside.control("POST", "/wechat/settle")
    assert moved == {"trades": 1, "net_fen": 9940, "fee_fen": 60}
    status, refused = await merchant.refund("Q00001P1", "Q00001R1", 10000)
    assert (status, refused["code"]) == (403, "NOT_ENOUGH")
    await merchant.outside.control("POST", "/wechat/float", {"fen": 20000})
    await merchant.outside.control("POST", "/wechat/float", {"fen": -1}, 400)
    assert (await merchant.refund("Q00001P1", "Q00001R1", 10000))[0] == 200
    await merchant.outside.control("PUT", "/party/wechat/down", {"down": True})
    with pytest.raises(aiohttp.ClientConnectionError):
        await merchant.query("Q00001P1")
