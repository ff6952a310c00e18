"""The day's bill (业务明细): a zip of GBK CSV behind an address that lives 30 seconds."""

from __future__ import annotations

import io
import time
import zipfile
from datetime import date, datetime

from aiohttp import web

from simulators.alipay.model import AlipayParty, Refund, Trade
from simulators.money import yuan
from simulators.world import BEIJING, Payout, beijing
from simulators.wrong_bills import Shown

URL_LIFE_S = 30.0
MAX_OPEN_URLS = 1000
COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,"
    "券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)

FUND_COLUMNS = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,"
    "交易渠道,业务类型,备注"
)


class Bills:
    """Bills by Beijing day. Today's is there too, as far as it goes (the real one comes the next morning)."""

    def __init__(self, party: AlipayParty) -> None:
        self.party = party
        self._open: dict[str, tuple[float, date, str]] = {}

    def offer(self, day_text: str, kind: str = "trade") -> str | None:
        """Path of the download (`signcustomer`: 账务明细), or None when the day is malformed or has no rows."""
        try:
            day = date.fromisoformat(day_text)
        except ValueError:
            return None
        if not self._rows(day) and not (kind != "trade" and self._payouts(day)):
            return None
        now = time.monotonic()
        self._open = {k: v for k, v in self._open.items() if v[0] > now}
        if len(self._open) >= MAX_OPEN_URLS:
            return None
        token = self.party.world.digest("bill", self.party.world.next_number())[:32]
        self._open[token] = (now + URL_LIFE_S, day, kind)
        return f"/bill/{token}.zip"

    async def download(self, request: web.Request) -> web.Response:
        """The zip, or 403 once the address has expired."""
        until, day, kind = self._open.get(request.match_info["token"], (0.0, date.min, ""))
        if until <= time.monotonic():
            raise web.HTTPForbidden(text="链接已失效")
        body = self.archive(day) if kind == "trade" else self.funds(day)
        return web.Response(body=body, content_type="application/zip")

    def archive(self, day: date) -> bytes:
        """The zip of the two CSVs of a day."""
        rows = self._rows(day)
        stamp, seller = day.strftime("%Y%m%d"), self.party.seller_id
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr(
                f"{seller}_{stamp}_业务明细.csv", self._detail(day, rows).encode("gbk", "replace")
            )
            summary = self._summary(day, rows).encode("gbk", "replace")
            bundle.writestr(f"{seller}_{stamp}_业务明细(汇总).csv", summary)
        return out.getvalue()

    def funds(self, day: date) -> bytes:
        """The zip of 账务明细: every movement of the merchant's account on a day."""
        moves: list[str] = []
        income: list[int] = []
        outgo: list[int] = []
        for trade, refund in self._rows(day):
            for it in self._shown(trade, refund):
                kind = "交易退款" if refund else "在线支付"
                moves.append(self._move(len(moves), it, trade, kind, it.amount_fen))
                (outgo if refund else income).append(it.amount_fen)
                if it.fee_fen:
                    moves.append(self._move(len(moves), it, trade, "收费", -it.fee_fen))
                    outgo.append(-it.fee_fen)
        for payout in self._payouts(day):
            moves.append(self._payout(payout))
            outgo.append(-payout.fen)
        lines = self._preamble("账务明细", day)
        lines += [f"#{'-' * 41}账务明细列表{'-' * 40}", FUND_COLUMNS, *moves]
        lines += [
            f"#{'-' * 41}账务明细列表结束{'-' * 36}",
            f"#支出合计：{len(outgo)}笔，共{yuan(sum(outgo))}元",
            f"#收入合计：{len(income)}笔，共{yuan(sum(income))}元",
            f"#导出时间：[{beijing(self.party.world.now())}]",
        ]
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
            name = f"{self.party.seller_id}_{day:%Y%m%d}_账务明细.csv"
            bundle.writestr(name, ("\r\n".join(lines) + "\r\n").encode("gbk", "replace"))
        return out.getvalue()

    def _move(self, n: int, it: Shown, trade: Trade, kind: str, fen: int) -> str:
        flow = self.party.world.digest("flow", it.their_no, kind, n)[:24]
        plus, minus = (yuan(fen), "") if fen > 0 else ("", yuan(fen))
        cells = (f"{flow}\t", f"{it.their_no}\t", f"{it.number}\t", _cell(trade.subject), beijing(it.at))
        return ",".join((*cells, "*模拟(sim***@example.com)", plus, minus, "0.00", "支付宝", kind, ""))

    def _payout(self, payout: Payout) -> str:
        flow = self.party.world.digest("flow", payout.reference)[:24]
        cells = (f"{flow}\t", f"{payout.reference}\t", f"{payout.reference}\t", "提现", beijing(payout.at))
        return ",".join((*cells, "存管银行", "", yuan(-payout.fen), "0.00", "支付宝", "提现", ""))

    def _payouts(self, day: date) -> list[Payout]:
        return [it for it in self.party.payouts if it.at.astimezone(BEIJING).date() == day]

    def _rows(self, day: date) -> list[tuple[Trade, Refund | None]]:
        rows: list[tuple[datetime, Trade, Refund | None]] = []
        for trade in self.party.trades.values():
            if trade.paid_at and trade.paid_at.astimezone(BEIJING).date() == day:
                rows.append((trade.paid_at, trade, None))
            rows += [
                (r.at, trade, r) for r in trade.refunds.values() if r.at.astimezone(BEIJING).date() == day
            ]
        rows.sort(key=lambda row: row[0])
        return [(trade, refund) for _, trade, refund in rows]

    def _preamble(self, title: str, day: date) -> list[str]:
        text = day.strftime("%Y年%m月%d日")
        return [
            f"#支付宝{title}查询",
            f"#账号：[{self.party.seller_id}0156]",
            f"#起始日期：[{text} 00:00:00]   终止日期：[{text} 23:59:59]",
        ]

    def _detail(self, day: date, rows: list[tuple[Trade, Refund | None]]) -> str:
        lines = self._preamble("业务明细", day)
        lines += [f"#{'-' * 41}业务明细列表{'-' * 40}", COLUMNS]
        shown = [(trade, refund, it) for trade, refund in rows for it in self._shown(trade, refund)]
        lines += [self._line(*each) for each in shown]
        paid = [it.amount_fen for _, refund, it in shown if refund is None]
        back = [refund.fen for _, refund, _ in shown if refund is not None]
        lines += [
            f"#{'-' * 41}业务明细列表结束{'-' * 36}",
            f"#交易合计：{len(paid)}笔，商家实收共{yuan(sum(paid))}元，商家优惠共0.00元",
            f"#退款合计：{len(back)}笔，商家实收退款共{yuan(-sum(back))}元，商家优惠退款共0.00元",
            f"#导出时间：[{beijing(self.party.world.now())}]",
        ]
        return self.party.world.bills.cut("alipay", day, "\r\n".join(lines) + "\r\n")

    def _shown(self, trade: Trade, refund: Refund | None) -> list[Shown]:
        if refund is not None:
            return [Shown(refund.at, trade.out_trade_no, trade.trade_no, -refund.fen)]
        fee = (trade.paid_fen * self.party.fee_ppm + 500_000) // 1_000_000
        at = trade.paid_at or trade.created_at
        line = Shown(at, trade.out_trade_no, trade.trade_no, trade.paid_fen, fee)
        return self.party.world.bills.show("alipay", line)

    def _line(self, trade: Trade, refund: Refund | None, shown: Shown) -> str:
        amount, fee = yuan(shown.amount_fen), -shown.fee_fen
        cells = [
            f"{shown.their_no}\t",
            f"{shown.number}\t",
            "退款" if refund else "交易",
            _cell(trade.subject),
            beijing(trade.created_at),
            beijing(shown.at),
            "",
            "",
            "",
            "",
            "*模拟(sim***@example.com)",
            amount,
            amount,
            "0.00",
            "0.00",
            "0.00",
            "0.00",
            "0.00",
            "",
            "0.00",
            "0.00",
            f"{refund.out_request_no}\t" if refund else "",
            yuan(fee),
            "0.00",
            "",
        ]
        return ",".join(cells)

    def _summary(self, day: date, rows: list[tuple[Trade, Refund | None]]) -> str:
        lines = self._preamble("业务汇总", day)
        paid = [t.paid_fen for t, r in rows if r is None]
        back = [r.fen for _, r in rows if r is not None]
        total = sum(paid)
        lines += [
            f"#{'-' * 41}业务汇总列表{'-' * 40}",
            "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,实收净额（元）",
            ",".join(("合计", "", f"{len(paid)},{len(back)}", *map(yuan, (total, total, total - sum(back))))),
            f"#{'-' * 41}业务汇总列表结束{'-' * 36}",
        ]
        return "\r\n".join(lines) + "\r\n"


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text
