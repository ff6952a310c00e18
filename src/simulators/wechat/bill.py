"""The day's bills: trades (交易账单) and movements of money (资金账单), CSV with a backtick before each value.

Ready at 10:00 on the next day. The file comes unsealed: only the hash in the sealed answer vouches for it.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from aiohttp import web

from simulators.money import yuan
from simulators.wechat.methods import Answer, RefusedError
from simulators.wechat.model import SUCCESS, Order, Refund, WechatParty
from simulators.wechat.tell import ACCOUNT
from simulators.world import BEIJING, beijing
from simulators.wrong_bills import Shown

URL_LIFE_S = 30.0
MAX_OPEN_URLS = 1000
READY_HOUR = 10
TRADE_COLUMNS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)
TRADE_SUMS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
FUND_COLUMNS = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)
FUND_SUMS = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"

Row = tuple[datetime, Order, Refund | None]
Movement = tuple[datetime, str, str, int, str]


class Bills:
    """Bills by Beijing day."""

    def __init__(self, party: WechatParty) -> None:
        self.party = party
        self._open: dict[str, tuple[float, bytes]] = {}

    def offer(self, kind: str, query: dict[str, str]) -> Answer:
        """The address of a bill and the hash of its plain text."""
        try:
            day = date.fromisoformat(query.get("bill_date", ""))
        except ValueError:
            raise RefusedError(400, "PARAM_ERROR", "参数错误：bill_date") from None
        ready = datetime.combine(day + timedelta(days=1), datetime.min.time(), BEIJING)
        if not self.party.bills_early and self.party.world.now() < ready + timedelta(hours=READY_HOUR):
            raise RefusedError(400, "STATEMENT_CREATING", "账单生成中")
        text = self.trades(day, query.get("bill_type", "ALL")) if kind == "tradebill" else self.funds(day)
        if not text:
            raise RefusedError(400, "NO_STATEMENT_EXIST", "账单文件不存在")
        plain = text.encode()
        zipped = query.get("tar_type") == "GZIP"
        now = time.monotonic()
        self._open = {token: held for token, held in self._open.items() if held[0] > now}
        if len(self._open) >= MAX_OPEN_URLS:
            raise RefusedError(429, "FREQUENCY_LIMITED", "频率超限")
        token = self.party.nonce()
        self._open[token] = (now + URL_LIFE_S, gzip.compress(plain, mtime=0) if zipped else plain)
        return Answer(
            {
                "hash_type": "SHA1",
                "hash_value": hashlib.sha1(plain, usedforsecurity=False).hexdigest(),
                "download_url": f"{self.party.base_url}/v3/billdownload/file?token={token}",
            }
        )

    def download(self, token: str) -> web.Response:
        """The file, without a seal; 404 once the address has expired."""
        until, body = self._open.get(token, (0.0, b""))
        if until <= time.monotonic():
            return web.json_response({"code": "RESOURCE_NOT_EXISTS", "message": "链接已失效"}, status=404)
        return web.Response(body=body, content_type="text/plain")

    def trades(self, day: date, kind: str = "ALL") -> str:
        """交易账单: what was paid and what refunds were taken on that day; empty when nothing was."""
        rows = [row for row in self._rows(day) if kind == "ALL" or (row[2] is None) == (kind == "SUCCESS")]
        shown = [(order, refund, it) for _, order, refund in rows for it in self._shown(order, refund)]
        if not shown:
            return ""
        paid = [it.amount_fen for _, refund, it in shown if refund is None]
        back = [it.amount_fen for _, refund, it in shown if refund is not None]
        fees = sum(-it.fee_fen if refund else it.fee_fen for _, refund, it in shown)
        sums = (str(len(shown)), yuan(sum(paid)), yuan(sum(back)), "0.00", yuan(fees))
        lines = [TRADE_COLUMNS, *(self._line(*each) for each in shown), TRADE_SUMS]
        lines.append(_line(*sums, yuan(sum(paid)), yuan(sum(back))))
        return self.party.world.bills.cut("wechat", day, "\r\n".join(lines) + "\r\n")

    def _shown(self, order: Order, refund: Refund | None) -> list[Shown]:
        if refund is not None:
            fee = self.party.fee_of(refund.fen)
            return [Shown(refund.at, order.out_trade_no, order.transaction_id, refund.fen, fee)]
        at, fee = order.paid_at or order.created_at, self.party.fee_of(order.paid_fen)
        line = Shown(at, order.out_trade_no, order.transaction_id, order.paid_fen, fee)
        return self.party.world.bills.show("wechat", line)

    def _rows(self, day: date) -> list[Row]:
        rows: list[Row] = []
        for order in self.party.orders.values():
            if order.paid_at and order.paid_at.astimezone(BEIJING).date() == day:
                rows.append((order.paid_at, order, None))
            rows += [
                (refund.at, order, refund)
                for refund in order.refunds.values()
                if refund.at.astimezone(BEIJING).date() == day
            ]
        return sorted(rows, key=lambda row: row[0])

    def _line(self, order: Order, refund: Refund | None, shown: Shown) -> str:
        fee = shown.fee_fen
        return _line(
            beijing(shown.at),
            self.party.app_id,
            self.party.mchid,
            "0",
            "",
            shown.their_no,
            shown.number,
            order.payer,
            order.kind,
            "REFUND" if refund else SUCCESS,
            "OTHERS",
            "CNY",
            "0.00" if refund else yuan(shown.amount_fen),
            "0.00",
            refund.refund_id if refund else "0",
            refund.out_refund_no if refund else "0",
            yuan(refund.fen) if refund else "0.00",
            "0.00",
            "ORIGINAL" if refund else "",
            refund.status if refund else "",
            order.description.replace(",", " "),
            "",
            # Five decimals, as the real bill has them; a refund gives the fee back.
            f"{'-' if refund else ''}{yuan(fee)}000",
            f"{self.party.fee_ppm / 10_000:.2f}%",
            "0.00" if refund else yuan(shown.amount_fen),
            yuan(refund.fen) if refund else "0.00",
            ACCOUNT if refund else "",
        )

    def funds(self, day: date) -> str:
        """资金账单: every movement of the merchant's account on that day; empty when nothing moved."""
        balance = self.party.float_fen
        lines: list[str] = []
        amounts: list[int] = []
        for at, name, reference, fen, voucher in sorted(self._movements()):
            balance += fen
            if at.astimezone(BEIJING).date() != day:
                continue
            amounts.append(fen)
            number = self.party.world.digest("fund", reference, name)[:24]
            way = "收入" if fen > 0 else "支出"
            lines.append(
                _line(
                    beijing(at),
                    reference,
                    number,
                    name,
                    name,
                    way,
                    yuan(abs(fen)),
                    yuan(balance),
                    "system",
                    "",
                    voucher,
                )
            )
        if not lines:
            return ""
        income, outgo = [a for a in amounts if a > 0], [-a for a in amounts if a < 0]
        sums = _line(
            str(len(amounts)), str(len(income)), yuan(sum(income)), str(len(outgo)), yuan(sum(outgo))
        )
        return "\r\n".join([FUND_COLUMNS, *lines, FUND_SUMS, sums]) + "\r\n"

    def _movements(self) -> Iterator[Movement]:
        for payout in self.party.payouts:
            yield payout.at, "提现", payout.reference, -payout.fen, payout.reference
        for order in self.party.orders.values():
            if self.party.world.faults.find(order.out_trade_no, "wechat", "bill_row_missing") is not None:
                continue
            if order.paid_at:
                fee = self.party.fee_of(order.paid_fen)
                yield order.paid_at, "交易", order.transaction_id, order.paid_fen, order.out_trade_no
                if fee:
                    yield order.paid_at, "扣除交易手续费", order.transaction_id, -fee, order.out_trade_no
            for refund in order.refunds.values():
                fee = self.party.fee_of(refund.fen)
                yield refund.at, "退款", refund.refund_id, -refund.fen, refund.out_refund_no
                if fee:
                    yield refund.at, "退还手续费", refund.refund_id, fee, refund.out_refund_no


def _line(*cells: str) -> str:
    return ",".join(f"`{cell}" for cell in cells)
