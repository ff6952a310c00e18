"""The simulated Alipay, through python-alipay-sdk and over plain HTTP."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from simulated import Outside, fast, outside_world

from simulators.keys import read_public, rsa2_verify
from simulators.server import Options


async def test_a_code_is_scanned_paid_notified_and_refunded_in_part_then_in_full(outside: Outside) -> None:
    qr_code = await outside.open("A1P1", "98.50", '话费"100"/元')
    before = await outside.alipay("trade_query", "A1P1")
    assert before["sub_code"] == "ACQ.TRADE_NOT_EXIST"

    paid = await outside.control("POST", "/buyers/pay", {"qr_code": qr_code})
    assert paid["result"] == "paid"
    assert paid["amount_fen"] == 9850
    await outside.until(lambda: outside.shop.notifies)
    notify = outside.shop.notifies[0]
    assert outside.genuine(notify)
    assert (notify["trade_status"], notify["total_amount"]) == ("TRADE_SUCCESS", "98.50")
    assert (notify["app_id"], notify["seller_id"]) == (
        outside.ready["alipay"]["app_id"],
        outside.ready["alipay"]["seller_id"],
    )
    told = await outside.alipay("trade_query", "A1P1")
    assert (told["trade_status"], told["subject"]) == ("TRADE_SUCCESS", '话费"100"/元')
    assert told["send_pay_date"]

    for change in ("Y", "N"):
        part = await outside.alipay("trade_refund", "30", out_trade_no="A1P1", out_request_no="A1R1")
        assert (part["fund_change"], part["refund_fee"]) == (change, "30.00")
    other = await outside.alipay("trade_refund", "31", out_trade_no="A1P1", out_request_no="A1R1")
    assert other["sub_code"] == "ACQ.DISCORDANT_REPEAT_REQUEST"
    much = await outside.alipay("trade_refund", "68.51", out_trade_no="A1P1", out_request_no="A1R2")
    assert much["sub_code"] == "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    rest = await outside.alipay("trade_refund", "68.50", out_trade_no="A1P1", out_request_no="A1R2")
    assert (rest["fund_change"], rest["refund_fee"]) == ("Y", "98.50")

    await outside.until(lambda: len(outside.shop.notifies) == 3)
    by_status = {n["trade_status"]: n for n in outside.shop.notifies[1:]}
    assert by_status["TRADE_SUCCESS"]["refund_fee"] == "30.00"
    assert by_status["TRADE_CLOSED"]["refund_fee"] == "98.50"
    asked = await outside.alipay("trade_fastpay_refund_query", "A1R1", out_trade_no="A1P1")
    assert (asked["refund_status"], asked["refund_amount"]) == ("REFUND_SUCCESS", "30.00")
    never = await outside.alipay("trade_fastpay_refund_query", "A1R9", out_trade_no="A1P1")
    assert never["code"] == "10000"
    assert "refund_status" not in never

    books = (await outside.control("GET", "/books"))["alipay"]
    assert books["merchant_balance_fen"] == 0
    assert books["trades"][0]["refunds"] == {"A1R1": 3000, "A1R2": 6850}
    assert sum(books["buyers_fen"].values()) == 0


async def test_the_signature_covers_the_nodes_exact_bytes(outside: Outside) -> None:
    await outside.open("B1P1", subject='卡}100 "x" {/')
    await outside.pay("B1P1")
    query = outside.sdk.sign_data(outside.sdk.build_body("alipay.trade.query", {"out_trade_no": "B1P1"}))
    async with outside.http.get(f"{outside.ready['alipay']['gateway']}?{query}") as answer:
        raw = await answer.read()
    start = len(b'{"alipay_trade_query_response":')
    end = raw.rindex(b',"sign":"')
    key = read_public(outside.ready["alipay"]["public_key_pem"])
    assert rsa2_verify(key, raw[start:end], json.loads(raw)["sign"])
    assert json.loads(raw)["alipay_trade_query_response"]["subject"] == '卡}100 "x" {/'


async def test_a_page_trade_exists_only_once_the_buyer_signed_in_and_can_be_paid_after_close(
    outside: Outside,
) -> None:
    query = outside.sdk.api_alipay_trade_page_pay(
        "Q币",
        "C1P1",
        "9.65",
        return_url=f"{outside.shop.url}/back?o=C1",
        notify_url=f"{outside.shop.url}/alipay",
    )
    url = f"{outside.ready['alipay']['gateway']}?{query}"
    async with outside.http.get(url) as page:
        text = await page.text()
        token = parse_qs(urlsplit(str(page.url)).query)["t"][0]
    assert "9.65" in text
    assert "确认支付" in text
    closed = await outside.alipay("trade_close", "C1P1")
    assert closed["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    act = f"{outside.ready['alipay']['cashier']}/act"
    async with outside.http.post(act, data={"t": token, "action": "pay"}, allow_redirects=False) as done:
        back = done.headers["Location"]
    assert done.status == 302
    fields = {k: v[0] for k, v in parse_qs(urlsplit(back).query).items() if k != "o"}
    assert outside.genuine(fields)
    assert (fields["out_trade_no"], fields["total_amount"]) == ("C1P1", "9.65")
    assert (await outside.alipay("trade_query", "C1P1"))["trade_status"] == "TRADE_SUCCESS"
    late = await outside.alipay("trade_close", "C1P1")
    assert late["sub_code"] == "ACQ.TRADE_STATUS_ERROR"


async def test_a_buyer_may_lack_money_cancel_or_come_too_late(outside: Outside) -> None:
    limit = outside.world.world.now() + timedelta(hours=8, minutes=30)
    answer = await outside.alipay(
        "trade_precreate", "话费", "D1P1", "10", time_expire=limit.strftime("%Y-%m-%d %H:%M:%S")
    )
    assert answer["code"] == "10000"
    assert (await outside.pay("D1P1", outcome="cancel"))["result"] == "cancelled"
    assert (await outside.pay("D1P1", outcome="insufficient"))["result"] == "insufficient"
    assert (await outside.alipay("trade_query", "D1P1"))["trade_status"] == "WAIT_BUYER_PAY"
    trade = outside.world.alipay.find("D1P1", "")
    assert trade is not None
    trade.expires_at = outside.world.world.now()
    assert (await outside.alipay("trade_query", "D1P1"))["trade_status"] == "TRADE_CLOSED"
    assert (await outside.pay("D1P1"))["result"] == "closed"

    await outside.open("D2P1")
    outside.world.alipay.offer_of["D2P1"][0].pay_until = outside.world.world.now()
    assert (await outside.pay("D2P1"))["result"] == "closed"
    assert (await outside.pay("D2P1", late=True))["result"] == "paid"


async def test_one_number_can_be_paid_twice(outside: Outside) -> None:
    await outside.open("E1P1", "10")
    done = await outside.pay("E1P1", pay_twice=True)
    assert len(set(done["trade_nos"])) == 2
    await outside.until(lambda: len(outside.shop.notifies) == 2)
    assert (await outside.control("GET", "/books"))["alipay"]["merchant_balance_fen"] == 2000


async def test_the_same_number_again_gives_the_same_code_and_another_amount_is_refused(
    outside: Outside,
) -> None:
    first = await outside.open("F1P1", "10")
    assert await outside.open("F1P1", "10") == first
    other = await outside.alipay("trade_precreate", "话费", "F1P1", "11")
    assert other["sub_code"] == "ACQ.CONTEXT_INCONSISTENT"
    await outside.pay("F1P1")
    again = await outside.alipay("trade_precreate", "话费", "F1P1", "10")
    assert again["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"


async def test_bad_calls_get_the_gateways_own_codes(outside: Outside) -> None:
    body = outside.sdk.build_body("alipay.trade.query", {"out_trade_no": "G1P1"})
    good = dict(parse_pairs(outside.sdk.sign_data(body)))
    cases = [
        ({"sign": ""}, "isv.missing-signature"),
        ({"biz_content": '{"out_trade_no":"G2P1"}'}, "isv.invalid-signature"),
        ({"app_id": "2021"}, "isv.invalid-app-id"),
        ({"sign_type": "RSA"}, "isv.invalid-signature-type"),
        ({"timestamp": "now"}, "isv.invalid-timestamp"),
    ]
    gateway = outside.ready["alipay"]["gateway"]
    for change, code in cases:
        async with outside.http.post(gateway, data={**good, **change}) as answer:
            assert json.loads(await answer.text())["alipay_trade_query_response"]["sub_code"] == code
    async with outside.http.post(gateway, data=b"\xff\x00=%%%" * 100) as answer:
        assert answer.status == 200
    async with outside.http.post(gateway, data=b"a=" + b"x" * 300_000) as answer:
        assert answer.status == 413
    strange = await outside.alipay("trade_precreate", "话费", "H1P1", "-1")
    assert strange["sub_code"] == "ACQ.INVALID_PARAMETER"


def parse_pairs(query: str) -> list[tuple[str, str]]:
    return [(k, v[0]) for k, v in parse_qs(query).items()]


async def test_a_notify_is_repeated_under_one_id_until_it_is_acknowledged(outside: Outside) -> None:
    outside.shop.answers = ["fail", "SUCCESS!", "success"]
    await outside.open("I1P1")
    await outside.pay("I1P1")
    await outside.until(lambda: len(outside.shop.notifies) == 3)
    assert len({n["notify_id"] for n in outside.shop.notifies}) == 1
    assert all(outside.genuine(n) for n in outside.shop.notifies)
    await asyncio.sleep(1)
    assert len(outside.shop.notifies) == 3
    assert (await outside.trade("I1P1"))["notifies"] == {"sent": 3, "acked": 1}


async def test_settlement_takes_the_fee(outside: Outside) -> None:
    await outside.open("J1P1", "100")
    await outside.pay("J1P1")
    assert await outside.control("POST", "/alipay/settle") == {"trades": 1, "net_fen": 9940, "fee_fen": 60}
    assert (await outside.control("POST", "/alipay/settle"))["trades"] == 0
    short = await outside.alipay("trade_refund", "100", out_trade_no="J1P1", out_request_no="J1R1")
    assert short["sub_code"] == "ACQ.SELLER_BALANCE_NOT_ENOUGH"
    await outside.control("POST", "/alipay/float", {"fen": 10_000})
    again = await outside.alipay("trade_refund", "100", out_trade_no="J1P1", out_request_no="J1R1")
    assert again["fund_change"] == "Y"


async def test_the_days_bill_is_a_zip_of_gbk_csv() -> None:
    async with outside_world(Options(seed=2, clock=fast(1.0))) as outside:
        day = (outside.world.world.now() + timedelta(hours=8)).strftime("%Y-%m-%d")

        async def bill() -> dict[str, str]:
            biz = {"bill_type": "trade", "bill_date": day}
            method = "alipay.data.dataservice.bill.downloadurl.query"
            return dict(await asyncio.to_thread(outside.sdk.server_api, method, biz))

        assert (await bill())["sub_code"] == "isp.bill_not_exist"
        await outside.open("K1P1", "12.30", "话费, 充值")
        await outside.pay("K1P1")
        await outside.alipay("trade_refund", "2.30", out_trade_no="K1P1", out_request_no="K1R1")
        async with outside.http.get((await bill())["bill_download_url"]) as answer:
            archive = zipfile.ZipFile(io.BytesIO(await answer.read()))
        name = next(name for name in archive.namelist() if "汇总" not in name)
        lines = archive.read(name).decode("gbk").splitlines()
        assert lines[0].startswith("#支付宝业务明细查询")
        assert len(lines[4].split(",")) == 25
        assert [line.split(",")[2] for line in lines[5:7]] == ["交易", "退款"]
        assert '"话费, 充值"' in lines[5]
        assert "-2.30" in lines[6]
        assert "K1R1" in lines[6]
        assert "业务明细列表结束" in lines[7]
        async with outside.http.get(f"{outside.world.alipay.base_url}/bill/none.zip") as answer:
            assert answer.status == 403
