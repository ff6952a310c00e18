"""A day's bill: in the published form, held against its hash and its own totals."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from test_wechat_calls import NOW, channel_at, failed, said, settings

from mingzhang.evidence.messages import Standing
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels.base import ListsTrades, Outcome, TradesAnswer, TradeState
from mingzhang.payments.channels.wechat import Wechat
from mingzhang.payments.channels.wechat_bill import Bill, last_day, read_rows
from outside_party import OutsideParty, http, outside_party

HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
DAY = date(2026, 2, 27)


def paid(number: int, yuan: str = "100.05", subject: str = "话费,100元") -> str:
    cells = [
        f"2026-02-28 11:0{number}:00", "wx1", "1900009191", "0", "", f"420000000{number}", f"P{number}",
        "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "NATIVE", "SUCCESS", "OTHERS", "CNY", yuan, "0.00", "0", "0", "0.00",
        "0.00", "", "", subject, "", "0.60000", "0.60%", yuan, "0.00", "",
    ]  # fmt: skip
    return ",".join(f"`{cell}" for cell in cells)


def refunded(number: int, yuan: str) -> str:
    cells = [
        "2026-02-28 12:00:00", "wx1", "1900009191", "0", "", f"420000000{number}", f"P{number}",
        "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "NATIVE", "REFUND", "OTHERS", "CNY", "0.00", "0.00", "50300001", "R1",
        yuan, "0.00", "ORIGINAL", "SUCCESS", "话费", "", "-0.24000", "0.60%", "0.00", yuan, "",
    ]  # fmt: skip
    return ",".join(f"`{cell}" for cell in cells)


def bill(*rows: str, count: int | None = None, yuan: str = "200.10") -> str:
    totals = f"`{len(rows) if count is None else count},`{yuan},`0.00,`0.00,`1.20,`{yuan},`0.00"
    return "\ufeff" + "\r\n".join([HEADER, *rows, TOTALS, totals]) + "\r\n"


GOOD = bill(paid(1), paid(2), refunded(2, "0.05"))


def offered(party: OutsideParty, plain: bytes, **changes: str) -> bytes:
    """The sealed answer that names the file and its hash."""
    fields = {
        "hash_type": "SHA1",
        "hash_value": hashlib.sha1(plain).hexdigest(),
        "download_url": f"{party.url.removesuffix('/gateway')}/v3/billdownload/file?token=t",
        **changes,
    }
    return said(fields)


async def fetched(answers: Callable[[OutsideParty], list[bytes | None]]) -> tuple[Bill, OutsideParty]:
    async with outside_party(None) as party, channel_at(party.url) as channel:
        party.answers[:] = answers(party)
        return await channel.read_bill(DAY), party


def test_rows_are_read_whatever_stands_in_a_subject() -> None:
    rows = read_rows(GOOD)
    assert rows is not None
    assert [(row.payment_no, row.amount_fen, row.fee_fen, row.refund_no) for row in rows] == [
        ("P1", 10005, 60, ""),
        ("P2", 10005, 60, ""),
        ("P2", 5, -24, "R1"),
    ]
    assert rows[0].at == datetime(2026, 2, 28, 3, 1, tzinfo=UTC)
    assert rows[0].buyer_mask == "oUpF8u***"


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEADER,
        bill(paid(1), count=2, yuan="100.05"),
        bill(paid(1), yuan="100.06"),
        bill(paid(1, "x"), yuan="100.05"),
        bill(paid(1, "100.055"), yuan="100.05"),
        bill(paid(1)[1:], yuan="100.05"),
        bill(paid(1).replace(",`0.60%", ""), yuan="100.05"),
        bill(paid(1).replace("`CNY", "`USD"), yuan="100.05"),
        bill(paid(1).replace("`SUCCESS", "`REVOKED"), yuan="100.05"),
        bill(paid(1).replace("`0.60000", "`0.00060"), yuan="100.05"),
        bill(paid(1).replace("`0.60000", "`NaN"), yuan="100.05"),
        bill(paid(1).replace("`P1", "`"), yuan="100.05"),
        bill(paid(1).replace("2026-02-28", "2026/02/28"), yuan="100.05"),
    ],
)
def test_a_bill_that_does_not_add_up_is_none(text: str) -> None:
    assert read_rows(text) is None


async def test_a_bill_is_fetched_and_held_against_its_hash() -> None:
    plain = GOOD.encode()
    read, party = await fetched(lambda party: [offered(party, plain), http(gzip.compress(plain))])
    assert (read.outcome, len(read.rows)) == (Outcome.OK, 3)
    query = "bill_date=2026-02-27&bill_type=ALL&tar_type=GZIP"
    assert party.heads[0].startswith(f"GET /v3/bill/tradebill?{query} ")
    assert party.heads[1].startswith("GET /v3/billdownload/file?token=t ")
    assert "Authorization: WECHATPAY2-SHA256-RSA2048 " in party.heads[1]
    standings = [message.standing for message in read.messages]
    assert standings == [Standing.OWN, Standing.VERIFIED, Standing.OWN, Standing.ANSWER]


async def test_what_is_not_the_file_that_was_named_is_not_read() -> None:
    plain, other = GOOD.encode(), bill(paid(1), yuan="100.05").encode()
    for change, body in (
        ({}, gzip.compress(other)),
        ({}, plain),
        ({}, gzip.compress(plain)[:-20]),
        ({}, b""),
        ({"hash_type": "MD5"}, gzip.compress(plain)),
        ({"download_url": "https://api.example/v3/certificates?token=t"}, gzip.compress(plain)),
        ({"download_url": ""}, gzip.compress(plain)),
    ):
        read, _ = await fetched(lambda party, c=change, b=body: [offered(party, plain, **c), http(b)])  # type: ignore[misc]
        assert (read.outcome, read.code, read.rows) == (Outcome.UNKNOWN, "malformed_answer", ())
    gone, _ = await fetched(lambda party: [offered(party, plain), http(b"", "404 Not Found")])
    assert (gone.outcome, gone.code) == (Outcome.UNKNOWN, "http_404")


async def test_the_signed_call_for_the_file_goes_to_no_other_host() -> None:
    plain, url = GOOD.encode(), "https://elsewhere.example/v3/billdownload/file?token=t"
    read, party = await fetched(
        lambda party: [offered(party, plain, download_url=url), http(gzip.compress(plain))]
    )
    assert (read.outcome, len(party.heads)) == (Outcome.OK, 2)


async def test_no_bill_is_an_empty_day_or_one_to_ask_for_again() -> None:
    empty, _ = await fetched(lambda _: [failed("NO_STATEMENT_EXIST")])
    assert (empty.outcome, empty.rows) == (Outcome.OK, ())
    for code, status in (("STATEMENT_CREATING", "400 x"), ("SYSTEM_ERROR", "500 x")):
        later, _ = await fetched(lambda _, c=code, s=status: [failed(c, s)])  # type: ignore[misc]
        assert (later.outcome, later.code, later.rows) == (Outcome.UNKNOWN, code, ())


async def test_the_channels_own_list_is_read_page_by_page_from_one_download() -> None:
    plain = GOOD.encode()
    async with outside_party(None) as party:
        party.answers[:] = [offered(party, plain), http(gzip.compress(plain))]
        outbound = Outbound()
        channel = Wechat(settings(party.url), outbound, ManualClock(NOW))
        assert isinstance(channel, ListsTrades)
        pages: list[TradesAnswer] = [await channel.list_trades(offset, 1) for offset in range(3)]
        await channel.aclose()
        await outbound.aclose()
    assert [[trade.payment_no for trade in page.trades] for page in pages] == [["P2"], ["P1"], []]
    newest = pages[0].trades[0]
    assert (newest.state, newest.amount_fen, newest.refunded_fen) == (TradeState.PAID, 10005, 5)
    assert [len(page.messages) for page in pages] == [4, 0, 0]
    assert len(party.heads) == 2


def test_the_last_day_is_the_one_whose_bill_is_ready() -> None:
    assert last_day(datetime(2026, 3, 1, 1, 59, 59, tzinfo=UTC)) == date(2026, 2, 27)
    assert last_day(datetime(2026, 3, 1, 2, 0, tzinfo=UTC)) == date(2026, 2, 28)
