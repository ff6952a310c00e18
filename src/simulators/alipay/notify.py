"""Notifications: form POST, RSA2 over the sorted pairs, retried on the real schedule until ``success``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from simulators.alipay.model import SUCCESS, AlipayParty, Offer, Refund, Trade
from simulators.faults import Params, number_of
from simulators.keys import NOTIFY_UNSIGNED, PrivateKey, rsa2_sign, sorted_pairs
from simulators.money import yuan
from simulators.world import beijing

RETRY_AFTER_S = (240, 600, 600, 3600, 7200, 21600, 54000)
AFTER_BAD_S = 2.0


class Notifier:
    """Builds, signs, sends and repeats notifications, and applies the notify faults."""

    def __init__(self, party: AlipayParty) -> None:
        self.party = party
        self.world = party.world
        self._held: dict[str, dict[str, str]] = {}

    # -- what is said

    def fields(self, trade: Trade, **changes: str) -> dict[str, str]:
        """The fields of a trade_status_sync notify for the trade as it is, with changes; unsigned."""
        party = self.party
        amount = yuan(trade.amount_fen)
        fields = {
            "gmt_create": beijing(trade.created_at),
            "charset": "utf-8",
            "gmt_payment": beijing(trade.paid_at),
            "notify_time": beijing(self.world.now()),
            "subject": trade.subject,
            "buyer_id": trade.payer,
            "buyer_logon_id": "sim***@example.com",
            "invoice_amount": amount,
            "version": "1.0",
            "notify_id": self._notify_id(),
            "fund_bill_list": f'[{{"amount":"{amount}","fundChannel":"ALIPAYACCOUNT"}}]',
            "notify_type": "trade_status_sync",
            "out_trade_no": trade.out_trade_no,
            "total_amount": amount,
            "trade_status": trade.state,
            "trade_no": trade.trade_no,
            "auth_app_id": party.app_id,
            "receipt_amount": amount,
            "point_amount": "0.00",
            "app_id": party.app_id,
            "buyer_pay_amount": amount,
            "sign_type": "RSA2",
            "seller_id": party.seller_id,
        }
        fields.update(changes)
        return {key: value for key, value in fields.items() if value != ""}

    def sign(self, fields: dict[str, str], key: PrivateKey | None = None) -> dict[str, str]:
        """The form to post."""
        return {
            **fields,
            "sign": rsa2_sign(key or self.party.notify_key, sorted_pairs(fields, NOTIFY_UNSIGNED)),
        }

    def _notify_id(self) -> str:
        return self.world.digest("notify", self.world.next_number())[:34]

    # -- sending

    async def send_once(self, trade: Trade, fields: dict[str, str], key: PrivateKey | None = None) -> bool:
        """One POST; True when the answer is literally ``success``."""
        if self.world.down["alipay"]:
            return False
        trade.notifies_sent += 1
        answer = await self.world.post(trade.notify_url, form=self.sign(fields, key))
        acked = answer is not None and answer.strip() == "success"
        trade.notifies_acked += acked
        return acked

    async def deliver(self, trade: Trade, fields: dict[str, str], attempt: int = 0) -> bool:
        """Send, and on anything but ``success`` try again on the schedule with the same notify_id."""
        fields = {**fields, "notify_time": beijing(self.world.now())}
        if await self.send_once(trade, fields):
            return True
        if attempt < len(RETRY_AFTER_S):

            async def again() -> None:
                await self.deliver(trade, fields, attempt + 1)

            self.world.after(RETRY_AFTER_S[attempt], again)
        return False

    # -- occasions

    def created(self, offer: Offer) -> None:
        """After create: the faults that speak before anybody paid."""
        for name, key in (
            ("notify_forged", self.party.forger),
            ("notify_for_unpaid", self.party.notify_key),
        ):
            params = self.world.faults.take(offer.out_trade_no, "alipay", name)
            if params is not None and offer.notify_url:
                self.world.after(number_of(params, "s", 0), self._lie(offer, key))

    def _lie(self, offer: Offer, key: PrivateKey) -> Callable[[], Awaitable[None]]:
        now = self.world.now()
        ghost = Trade(
            f"{beijing(now)[:10].replace('-', '')}22009{self.world.next_number():015d}",
            offer.out_trade_no,
            offer.kind,
            offer.subject,
            offer.amount_fen,
            offer.notify_url,
            offer.return_url,
            now,
            None,
            "2088000000000000",
            SUCCESS,
            offer.amount_fen,
            now,
        )

        async def send() -> None:
            await self.send_once(ghost, self.fields(ghost), key)

        return send

    def paid(self, trade: Trade) -> None:
        """After a payment: the notify, and the faults around it."""
        if not trade.notify_url or self._fault(trade, "notify_lost") is not None:
            return
        out_of_order = self._fault(trade, "notify_out_of_order")
        if out_of_order is not None:
            self._held[trade.trade_no] = self.fields(trade)

            async def tired_of_waiting() -> None:
                await self._release(trade)

            self.world.after(number_of(out_of_order, "s", 600), tired_of_waiting)
            return
        late = self._fault(trade, "notify_late_after_close")
        fields = self.fields(trade)
        delay = number_of(late, "s", 1800) if late is not None else 0.0

        async def tell() -> None:
            if await self._tell_falsehoods(trade):
                self.world.after(AFTER_BAD_S, truth)
            else:
                await truth()

        async def truth() -> None:
            await self._tell_success(trade, fields)

        self.world.after(delay, tell)

    async def pay_notify_now(self, trade: Trade) -> None:
        """Notify at once and wait for the answer: for a payment that beats the create call's reply."""
        if trade.notify_url:
            await self._tell_success(trade, self.fields(trade))

    async def _tell_falsehoods(self, trade: Trade) -> bool:
        """Send the wrong notifies that are due before the true one; whether there were any."""
        told = False
        for fields, key in self._falsehoods(trade):
            told = True
            await self.send_once(trade, fields, key)
        return told

    def _falsehoods(self, trade: Trade) -> list[tuple[dict[str, str], PrivateKey]]:
        key, told = self.party.notify_key, list[tuple[dict[str, str], PrivateKey]]()
        wrong = self._fault(trade, "notify_wrong_amount")
        if wrong is not None:
            amount = yuan(max(1, trade.amount_fen + int(number_of(wrong, "fen", 1))))
            signer = key if wrong.get("signed", True) else self.party.forger
            told.append((self.fields(trade, total_amount=amount, receipt_amount=amount), signer))
        if self._fault(trade, "notify_wrong_app_id") is not None:
            told.append((self.fields(trade, app_id="2021000000000000", auth_app_id="2021000000000000"), key))
        if self._fault(trade, "notify_wrong_seller") is not None:
            told.append((self.fields(trade, seller_id="2088000000000001"), key))
        if self._fault(trade, "notify_stale") is not None:
            old = beijing(self.world.now() - timedelta(hours=25))
            told.append((self.fields(trade, notify_time=old, gmt_payment=old, gmt_create=old), key))
        if self._fault(trade, "notify_refund_shaped") is not None:
            now = beijing(self.world.now())
            told.append((self.fields(trade, refund_fee=yuan(trade.amount_fen), gmt_refund=now), key))
        return told

    async def _tell_success(self, trade: Trade, fields: dict[str, str]) -> None:
        together = self._fault(trade, "notify_concurrent")
        if together is not None:
            copies = max(2, min(64, int(number_of(together, "n", 6))))
            await asyncio.gather(
                *(self.send_once(trade, fields) for _ in range(copies - 1)), self.deliver(trade, fields)
            )
            return
        await self.deliver(trade, fields)
        for name, fresh in (("notify_duplicate", False), ("notify_duplicate_new_id", True)):
            repeat = self._fault(trade, name)
            for _ in range(min(64, int(number_of(repeat, "n", 2)) - 1) if repeat is not None else 0):
                again = {**fields, "notify_id": self._notify_id()} if fresh else fields
                await self.send_once(trade, again)

    async def _release(self, trade: Trade) -> None:
        held = self._held.pop(trade.trade_no, None)
        if held is not None:
            await self.deliver(trade, held)

    def refunded(self, trade: Trade, refund: Refund) -> None:
        """After a refund: TRADE_SUCCESS with refund_fee (the sum so far) if partial, TRADE_CLOSED if full."""
        if not trade.notify_url or self._fault(trade, "notify_lost") is not None:
            return
        fields = self.fields(
            trade,
            refund_fee=yuan(trade.refunded_fen),
            gmt_refund=_milliseconds(refund.at),
            out_biz_no=refund.out_request_no,
            gmt_close=beijing(trade.closed_at),
        )

        async def tell() -> None:
            await self.deliver(trade, fields)
            await self._release(trade)

        self.world.after(0, tell)

    def _fault(self, trade: Trade, name: str) -> Params | None:
        return self.world.faults.find(trade.out_trade_no, "alipay", name)


def _milliseconds(moment: datetime) -> str:
    return f"{beijing(moment)}.{moment.microsecond // 1000:03d}"
