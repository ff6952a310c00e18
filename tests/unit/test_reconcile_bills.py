"""Bills in the vendors' documented form: GBK, BOM, backticks, tabs, totals – read, or refused by line and field (R11)."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import partial

import pytest

from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.errors import Problem
from mingzhang.reconciliation.bills import alipay, lists, wechat
from mingzhang.reconciliation.bills.text import Told, raw_line
from mingzhang.reconciliation.model import Kind, Line, Word
from mingzhang.reconciliation.sources import SOURCES

DAY = date(2026, 2, 27)
Reader = Callable[[bytes, Told], Iterator[Line]]

TRADE_HEAD = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,"
    "券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)


def trade(number: str, ours: str, amount: str, fee: str, back: str = "", kind: str = "交易") -> str:
    cells = [
        f"{number}\t", f"{ours}\t", kind, '"话费,100元"', "2026-02-27 11:00:00", "2026-02-27 11:00:05", "", "",
        "", "", "*明(138***@qq.com)", amount, amount, "0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00", "0.00",
        back, fee, "0.00", "",
    ]  # fmt: skip
    return ",".join(cells)


def alipay_text(*rows: str, totals: str = "", day: str = "2026年02月27日", end: bool = True) -> str:
    told = totals or "#交易合计：1笔，商家实收共100.05元，商家优惠共0.00元"
    lines = [
        "#支付宝业务明细查询",
        "#账号：[20881234567890120156]",
        f"#起始日期：[{day} 00:00:00]   终止日期：[{day} 23:59:59]",
        "#-----------------------------------------业务明细列表----------------------------------------",
        TRADE_HEAD,
        *rows,
    ]
    if end:
        lines += [
            "#-----------------------------------------业务明细列表结束------------------------------------",
            told,
            "#退款合计：1笔，商家实收退款共-0.05元，商家优惠退款共0.00元",
            "#导出时间：[2026年02月28日 09:00:00]",
        ]
    return "\r\n".join(lines) + "\r\n"


def zipped(text: str, name: str = "20881234_20260227_业务明细.csv") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as bundle:
        bundle.writestr(name, text.encode("gbk"))
        bundle.writestr(name.replace(".csv", "(汇总).csv"), "汇总".encode("gbk"))
    return out.getvalue()


PAID = trade("2026022722001", "P1", "100.05", "-0.60")
BACK = trade("2026022722001", "P1", "-0.05", "0.00", "R1\t", "退款")
GOOD = alipay_text(PAID, BACK)

WECHAT_HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
WECHAT_SUMS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"


def wechat_row(number: str, *, back: str = "", yuan: str = "100.05", fee: str = "0.60000") -> str:
    cells = [
        "2026-02-27 11:00:05", "wx1", "1900009191", "0", "", f"42{number}", f"P{number}", "oUpF8", "NATIVE",
        "REFUND" if back else "SUCCESS", "OTHERS", "CNY", "0.00" if back else yuan, "0.00",
        "50300001" if back else "0", back or "0", yuan if back else "0.00", "0.00", "ORIGINAL" if back else "",
        "PROCESSING" if back else "", "话费,100元", "", fee, "0.60%", "0.00" if back else yuan,
        yuan if back else "0.00", "",
    ]  # fmt: skip
    return ",".join(f"`{cell}" for cell in cells)


def wechat_bill(*rows: str, sums: str = "`2,`100.05,`0.05,`0.00,`0.60,`100.05,`0.05") -> bytes:
    return ("\ufeff" + "\r\n".join([WECHAT_HEAD, *rows, WECHAT_SUMS, sums]) + "\r\n").encode()


WECHAT = (wechat_row("1"), wechat_row("1", back="R1", yuan="0.05", fee="0.00000"))
FUND_HEAD = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,"
    "业务凭证号"
)


def fund(at: str, number: str, flow: str, name: str, way: str, yuan: str, voucher: str) -> str:
    cells = [f"2026-02-27 {at}", number, flow, name, name, way, yuan, "1000.00", "system", "", voucher]
    return ",".join(f"`{cell}" for cell in cells)


FUNDS = "\r\n".join(
    [
        FUND_HEAD,
        fund("11:00:05", "421", "F1", "交易", "收入", "100.05", "P1"),
        fund("11:00:05", "421", "F2", "扣除交易手续费", "支出", "0.60", "P1"),
        fund("12:00:00", "503", "F3", "退款", "支出", "0.05", "R1"),
        fund("13:00:00", "777", "F4", "提现", "支出", "50.00", ""),
        "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额",
        "`4,`1,`100.05,`3,`50.65",
    ]
)
FULU = "外部订单号,订单编号,订单金额,退款金额,订单状态,下单时间\r\nA1,260227,99.00,0.00,成功,2026-02-27 11:00:09\r\n"


def read(reader: Reader, raw: bytes) -> tuple[list[Line], Told]:
    told = Told(day=DAY)
    return list(reader(raw, told)), told


def test_an_alipay_bill_says_what_its_25_columns_say() -> None:
    raw = zipped(GOOD)
    (paid, back), told = read(alipay.read_trades, raw)
    assert (told.account, told.lines) == ("20881234567890120156", 2)
    assert paid == Line(
        kind=Kind.PAID,
        key="2026022722001",
        our_no="P1",
        their_no="2026022722001",
        amount_fen=10005,
        fee_fen=60,
        state=Word.DONE,
        occurred_at=datetime(2026, 2, 27, 11, 0, 5, tzinfo=BEIJING),
        position=6,
    )
    assert (back.kind, back.key, back.amount_fen, back.fee_fen) == (Kind.REFUND, "R1", 5, 0)
    assert raw_line(raw, "gbk", alipay.TRADE_MEMBER, paid.position) == PAID


def test_wechat_bills_are_read_with_backticks_bom_and_five_decimals() -> None:
    (paid, back), told = read(wechat.read_trades, gzip.compress(wechat_bill(*WECHAT)))
    assert (told.account, paid.amount_fen, paid.fee_fen, paid.key) == ("1900009191", 10005, 60, "421")
    assert (back.kind, back.key, back.amount_fen, back.state) == (Kind.REFUND, "R1", 5, Word.DONE)
    lines, _ = read(wechat.read_funds, FUNDS.encode())
    assert [(it.kind, it.key, it.amount_fen, it.fee_fen) for it in lines] == [
        (Kind.PAID, "421", 10005, 60),
        (Kind.REFUND, "R1", 5, None),
        (Kind.SETTLED, "F4", 5000, None),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_suppliers_list_is_read_as_its_site_exports_it(encoding: str) -> None:
    (line,), _ = read(partial(lists.read_list, party="fulu"), (FULU + "#合计：1笔\r\n").encode(encoding))
    assert (line.key, line.their_no, line.amount_fen, line.state) == ("A1", "260227", 9900, Word.DONE)


@pytest.mark.parametrize(
    ("source", "raw", "why", "field"),
    [
        ("alipay.trade", zipped(alipay_text(PAID, BACK, end=False)), "truncated", "列表结束"),
        ("alipay.trade", zipped(alipay_text(BACK)), "truncated", "交易合计"),
        ("alipay.trade", zipped(alipay_text(PAID, BACK, day="2026年02月26日")), "wrong_day", "起始日期"),
        ("alipay.trade", zipped(GOOD.replace("100.05,100.05", "100.05,100.04")), "truncated", "交易合计"),
        ("alipay.trade", zipped(GOOD.replace("11:00:05", "25:00:05")), "malformed", "完成时间"),
        ("alipay.trade", zipped(GOOD.replace("-0.60", "-0.605")), "malformed", "服务费（元）"),
        ("alipay.trade", zipped(GOOD.replace(",交易,", ",转账,")), "malformed", "业务类型"),
        ("alipay.trade", zipped(GOOD.replace("商户订单号", "订单号")), "unknown_form", "商户订单号"),
        ("alipay.trade", zipped(GOOD, "别的.csv"), "unknown_form", "zip"),
        ("alipay.trade", zipped(GOOD)[:400], "truncated", "file"),
        ("alipay.trade", GOOD.encode("utf-8"), "malformed", "text"),
        ("wechat.trade", wechat_bill(WECHAT[0]), "truncated", "总交易单数"),
        ("wechat.trade", wechat_bill(*WECHAT, sums="`2,`1,`0.05,`0,`0.61,`100.05,`0.05"), "truncated", "手续费总金额"),
        ("wechat.trade", wechat_bill(*WECHAT).rsplit(b"\r\n", 2)[0], "truncated", "总交易单数"),
        ("wechat.trade", wechat_bill(*WECHAT).replace(b"2026-02-27", b"2026-02-25"), "wrong_day", "day"),
        ("wechat.trade", wechat_bill(*WECHAT).replace(b"CNY", b"USD"), "malformed", "交易状态"),
        ("wechat.fund", FUNDS.replace("`50.65", "`50.64").encode(), "truncated", "支出金额"),
        ("fulu.orders", (FULU + "#合计：2笔\r\n").encode(), "truncated", "#合计"),
        ("fulu.orders", FULU.replace("成功", "已受理").encode(), "malformed", "订单状态"),
        ("fulu.orders", b"", "unknown_form", "外部订单号"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_line_and_field(source: str, raw: bytes, why: str, field: str) -> None:
    with pytest.raises(Problem) as caught:
        read(SOURCES[source].read, raw)
    assert (caught.value.code, caught.value.params["why"], caught.value.params["field"]) == (
        "bill_refused",
        why,
        field,
    )


def test_a_small_file_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mingzhang.reconciliation.bills.text.PLAIN_BYTES_MAX", 1000)
    with pytest.raises(Problem, match="too_large"):
        read(wechat.read_trades, gzip.compress(wechat_bill(*WECHAT * 50)))
