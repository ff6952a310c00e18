"""What each gateway method does. Business refusals carry Alipay's own codes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from simulators.alipay.bill import Bills
from simulators.alipay.model import QR_LIFE, SUCCESS, WAIT, AlipayParty, FullError, Offer, Refund, Trade
from simulators.alipay.notify import Notifier
from simulators.money import fen, yuan
from simulators.world import beijing, read_beijing

_NUMBER = re.compile(r"[0-9A-Za-z_-]{1,64}")
_SPAN = re.compile(r"(\d{1,5})([mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
MAX_FEN = 10_000_000_000


class RefusedError(Exception):
    """The gateway's refusal: code 4000x or 20000, sub_code and Chinese sub_msg."""

    MESSAGES: ClassVar[dict[str, str]] = {
        "20000": "Service Currently Unavailable",
        "40001": "Missing Required Arguments",
        "40002": "Invalid Arguments",
        "40004": "Business Failed",
    }

    def __init__(self, code: str, sub_code: str, sub_msg: str) -> None:
        super().__init__(sub_code)
        self.code, self.sub_code, self.sub_msg = code, sub_code, sub_msg

    def node(self) -> dict[str, object]:
        return {
            "code": self.code,
            "msg": self.MESSAGES[self.code],
            "sub_code": self.sub_code,
            "sub_msg": self.sub_msg,
        }


@dataclass
class Answer:
    """A response node. ``never``: carried out but not answered; ``number``: for the slow fault."""

    node: dict[str, object] = field(default_factory=dict)
    never: bool = False
    number: str = ""


def ok(number: str = "", **node: object) -> Answer:
    return Answer({"code": "10000", "msg": "Success", **node}, number=number)


UNKNOWN = ("20000", "isp.unknow-error", "系统繁忙")


def _business(sub_code: str, sub_msg: str) -> RefusedError:
    return RefusedError("40004", sub_code, sub_msg)


class Methods:
    """The seven methods, without HTTP or signatures."""

    def __init__(self, party: AlipayParty, notifier: Notifier, bills: Bills) -> None:
        self.party = party
        self.world = party.world
        self.notifier = notifier
        self.bills = bills

    # -- create

    async def precreate(self, params: dict[str, str], biz: dict[str, str]) -> Answer:
        """当面付 QR. The same number gives the same code, another amount ACQ.CONTEXT_INCONSISTENT."""
        offer = self._offer("precreate", params, biz)
        number = offer.out_trade_no
        faults = self.world.faults
        if faults.take(number, "alipay", "notify_before_create_returns") is not None:
            trade = self.party.authenticate(offer, payer_of(self.party, number))
            if trade.state == WAIT:
                self.party.pay(trade)
                await self.notifier.pay_notify_now(trade)
        if faults.take(number, "alipay", "create_timeout") is not None:
            return Answer(never=True)
        if faults.take(number, "alipay", "create_unknown") is not None:
            raise RefusedError(*UNKNOWN)
        return ok(number, out_trade_no=number, qr_code=f"{self.party.base_url}/cashier?t={offer.token}")

    def page_pay(self, kind: str, params: dict[str, str], biz: dict[str, str]) -> str:
        """Page or wap pay: the token of the cashier page to go to."""
        return self._offer(kind, params, biz).token

    def _offer(self, kind: str, params: dict[str, str], biz: dict[str, str]) -> Offer:
        number = biz.get("out_trade_no", "")
        amount = fen(biz.get("total_amount", ""))
        if not _NUMBER.fullmatch(number):
            raise _business("ACQ.INVALID_PARAMETER", "参数无效：out_trade_no")
        if not biz.get("subject") or len(biz["subject"]) > 256:
            raise _business("ACQ.INVALID_PARAMETER", "参数无效：subject")
        if amount is None or not 0 < amount <= MAX_FEN:
            raise _business("ACQ.INVALID_PARAMETER", "参数无效：total_amount")
        self.world.faults.meet(number)
        trade = self.party.find(number, "")
        if trade is not None and trade.paid_fen:
            raise _business("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")
        if trade is not None and trade.state != WAIT:
            raise _business("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
        for offer in self.party.offer_of.get(number, []):
            if offer.kind == kind:
                if offer.amount_fen != amount or offer.subject != biz["subject"]:
                    raise _business("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
                return offer
        try:
            offer = self.party.offer(
                kind,
                biz,
                amount,
                (params.get("notify_url", ""), params.get("return_url", "")),
                until=self._until(kind, biz),
                life=_span(biz.get("timeout_express", "")),
            )
        except FullError:
            raise RefusedError(*UNKNOWN) from None
        self.notifier.created(offer)
        return offer

    def _until(self, kind: str, biz: dict[str, str]) -> datetime | None:
        if biz.get("time_expire"):
            moment = read_beijing(biz["time_expire"])
            if moment is None:
                raise _business("ACQ.INVALID_PARAMETER", "参数无效：time_expire")
            return moment
        life = _span(biz.get("qr_code_timeout_express", "")) or QR_LIFE
        return self.world.now() + life if kind == "precreate" else None

    # -- ask and close

    async def query(self, _: dict[str, str], biz: dict[str, str]) -> Answer:
        """alipay.trade.query; ACQ.TRADE_NOT_EXIST before the buyer scanned or signed in."""
        number = biz.get("out_trade_no", "")
        if number and self.world.faults.take(number, "alipay", "query_unknown") is not None:
            raise RefusedError(*UNKNOWN)
        if number and self.world.faults.take(number, "alipay", "query_timeout") is not None:
            return Answer(never=True)
        trade = self._trade(biz)
        amount = yuan(trade.amount_fen)
        node: dict[str, object] = {
            "buyer_logon_id": "sim***@example.com",
            "buyer_pay_amount": amount if trade.paid_fen else "0.00",
            "buyer_user_id": trade.payer,
            "invoice_amount": amount if trade.paid_fen else "0.00",
            "out_trade_no": trade.out_trade_no,
            "point_amount": "0.00",
            "receipt_amount": amount if trade.paid_fen else "0.00",
            "subject": trade.subject,
            "total_amount": amount,
            "trade_no": trade.trade_no,
            "trade_status": trade.state,
        }
        if trade.paid_fen:
            node["fund_bill_list"] = [{"amount": amount, "fund_channel": "ALIPAYACCOUNT"}]
            node["send_pay_date"] = beijing(trade.paid_at)
        return ok(trade.out_trade_no, **node)

    async def close(self, _: dict[str, str], biz: dict[str, str]) -> Answer:
        """alipay.trade.close; a paid trade cannot be closed, a missing one may still be paid later."""
        number = biz.get("out_trade_no", "")
        if number and self.world.faults.take(number, "alipay", "close_race_pay") is not None:
            self._race(number)
        trade = self._trade(biz)
        if trade.paid_fen:
            raise _business("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        if trade.state == WAIT:
            trade.state, trade.closed_at = "TRADE_CLOSED", self.world.now()
        return ok(trade.out_trade_no, out_trade_no=trade.out_trade_no, trade_no=trade.trade_no)

    def _race(self, number: str) -> None:
        for offer in self.party.offer_of.get(number, [])[:1]:
            trade = self.party.authenticate(offer, payer_of(self.party, number))
            if trade.state == WAIT:
                self.party.pay(trade)
                self.notifier.paid(trade)

    # -- refund

    async def refund(self, _: dict[str, str], biz: dict[str, str]) -> Answer:
        """alipay.trade.refund, idempotent by out_request_no: fund_change Y the first time, then N."""
        trade = self._trade(biz)
        number = biz.get("out_request_no") or trade.out_trade_no
        amount = fen(biz.get("refund_amount", ""))
        faults = self.world.faults
        if not _NUMBER.fullmatch(number) or amount is None or amount <= 0:
            raise _business("ACQ.INVALID_PARAMETER", "参数无效")
        done = trade.refunds.get(number)
        if done is not None:
            if done.fen != amount:
                raise _business("ACQ.DISCORDANT_REPEAT_REQUEST", "同一笔退款，金额不一致")
            return self._refunded(trade, done, "N")
        refused = faults.take(number, "alipay", "refund_refused")
        if refused is not None:
            raise _business(str(refused.get("sub_code", "ACQ.SYSTEM_ERROR")), "卖家余额不足或退款被拒绝")
        if faults.take(number, "alipay", "refund_timeout_lost") is not None:
            return Answer(never=True)
        self._refundable(trade, amount)
        refund = self.party.refund(trade, number, amount)
        self.notifier.refunded(trade, refund)
        if faults.take(number, "alipay", "refund_unknown_then_success") is not None:
            raise RefusedError(*UNKNOWN)
        if faults.take(number, "alipay", "refund_timeout_executed") is not None:
            return Answer(never=True)
        return self._refunded(trade, refund, "Y")

    def _refundable(self, trade: Trade, amount: int) -> None:
        if not trade.paid_fen or trade.state not in (SUCCESS, "TRADE_CLOSED"):
            raise _business("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        if amount > trade.paid_fen - trade.refunded_fen:
            raise _business("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限")
        if amount > self.party.merchant_balance_fen + self.party.float_fen:
            raise _business("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足")

    def _refunded(self, trade: Trade, refund: Refund, change: str) -> Answer:
        return ok(
            refund.out_request_no,
            buyer_logon_id="sim***@example.com",
            buyer_user_id=trade.payer,
            fund_change=change,
            gmt_refund_pay=beijing(refund.at),
            out_trade_no=trade.out_trade_no,
            refund_fee=yuan(trade.refunded_fen),
            send_back_fee=yuan(refund.fen if change == "Y" else 0),
            trade_no=trade.trade_no,
            refund_detail_item_list=[{"amount": yuan(refund.fen), "fund_channel": "ALIPAYACCOUNT"}],
        )

    async def refund_query(self, _: dict[str, str], biz: dict[str, str]) -> Answer:
        """alipay.trade.fastpay.refund.query; one never made answers 10000 without refund_status."""
        trade = self._trade(biz)
        refund = trade.refunds.get(biz.get("out_request_no", ""))
        if refund is None:
            return ok(trade.out_trade_no)
        return ok(
            refund.out_request_no,
            out_request_no=refund.out_request_no,
            out_trade_no=trade.out_trade_no,
            refund_amount=yuan(refund.fen),
            refund_status="REFUND_SUCCESS",
            total_amount=yuan(trade.amount_fen),
            trade_no=trade.trade_no,
            gmt_refund_pay=beijing(refund.at),
        )

    # -- bill

    async def bill_url(self, _: dict[str, str], biz: dict[str, str]) -> Answer:
        """A short-lived address of a day's bill; a day without trades is a business error."""
        if biz.get("bill_type") not in ("trade", "signcustomer"):
            raise _business("isp.invalid-bill-type", "账单类型不支持")
        path = self.bills.offer(biz.get("bill_date", ""), biz["bill_type"])
        if path is None:
            raise _business("isp.bill_not_exist", "账单不存在")
        return ok(bill_download_url=self.party.base_url + path)

    def _trade(self, biz: dict[str, str]) -> Trade:
        if not biz.get("out_trade_no") and not biz.get("trade_no"):
            raise _business("ACQ.INVALID_PARAMETER", "参数无效：订单号为空")
        trade = self.party.find(biz.get("out_trade_no", ""), biz.get("trade_no", ""))
        if trade is None:
            raise _business("ACQ.TRADE_NOT_EXIST", "交易不存在")
        return trade


def _span(text: str) -> timedelta | None:
    found = _SPAN.fullmatch(text)
    return int(found[1]) * _UNITS[found[2]] if found else None


def payer_of(party: AlipayParty, number: str) -> str:
    """The buyer's Alipay id, fixed by the seed and the number."""
    return "2088" + str(int(party.world.digest("payer", number)[:10], 16))[:12].rjust(12, "1")
