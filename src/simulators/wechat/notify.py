"""Notifications: an encrypted resource under a signed envelope, repeated on the real schedule until 200 or 204."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from simulators.faults import Params, number_of
from simulators.wechat import tell
from simulators.wechat.model import SUCCESS, Order, Refund, WechatParty
from simulators.wechat.wire import SigningKey, encrypt, seal

RETRY_AFTER_S = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
AFTER_BAD_S = 2.0
OFF_S = 3600
OFF_REAL_S = 120  # the merchant allows for real seconds of transit, however fast the clock runs


@dataclass(frozen=True)
class Notice:
    """One notify before it is sealed. ``id`` stays the same over its repetitions."""

    id: str
    event: str
    resource: dict[str, Any]
    signer: SigningKey
    secret: str
    clock_off_s: int = 0
    probe: bool = False


class Notifier:
    """Builds, seals, sends and repeats notifications, and applies the notify faults."""

    def __init__(self, party: WechatParty) -> None:
        self.party = party
        self.world = party.world
        self._held: dict[str, Notice] = {}

    # -- what is said

    def payment(self, order: Order, **changes: Any) -> Notice:
        """TRANSACTION.SUCCESS for the order as it is, with changes."""
        return self._notice(order, "TRANSACTION.SUCCESS", tell.trade(self.party, order, **changes))

    def refund(self, order: Order, made: Refund) -> Notice:
        """REFUND.SUCCESS, REFUND.ABNORMAL or REFUND.CLOSED."""
        return self._notice(order, f"REFUND.{made.status}", tell.refund_news(self.party, order, made))

    def _notice(self, order: Order, event: str, resource: dict[str, Any]) -> Notice:
        rotated = self._fault(order, "key_rotation") is not None
        signer = self.party.signer(after_rotation=rotated)
        return Notice(self._id(), event, resource, signer, self.party.api_v3_key)

    def _id(self) -> str:
        digest = self.world.digest("wechat", "notify", self.world.next_number())
        return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))

    def sealed(self, notice: Notice) -> tuple[bytes, dict[str, str]]:
        """The body and its headers, as they leave now."""
        refund = notice.event.startswith("REFUND")
        plain = json.dumps(notice.resource, ensure_ascii=False, separators=(",", ":")).encode()
        kind = "refund" if refund else "transaction"
        body = json.dumps(
            {
                "id": notice.id,
                "create_time": tell.rfc3339(self.world.now()),
                "resource_type": "encrypt-resource",
                "event_type": notice.event,
                "summary": "退款" if refund else "支付成功",
                "resource": {
                    "original_type": kind,
                    **encrypt(plain, notice.secret, self.party.nonce()[:12], kind),
                },
            },
            ensure_ascii=False,
        ).encode()
        timestamp = int(self.world.now().timestamp()) + notice.clock_off_s
        return body, seal(notice.signer, body, timestamp, self.party.nonce(), probe=notice.probe)

    # -- sending

    async def send_once(self, order: Order, url: str, notice: Notice) -> bool:
        """One POST; True when the answer is 200 or 204."""
        if self.world.down["wechat"]:
            return False
        body, headers = self.sealed(notice)
        order.notifies_sent += 1
        acked = await self.world.post(url, json_bytes=body, headers=headers) is not None
        order.notifies_acked += acked
        return acked

    async def deliver(self, order: Order, url: str, notice: Notice, attempt: int = 0) -> bool:
        """Send, and until it is acknowledged try again on the schedule with the same id."""
        if await self.send_once(order, url, notice):
            return True
        if attempt < len(RETRY_AFTER_S):

            async def again() -> None:
                await self.deliver(order, url, notice, attempt + 1)

            self.world.after(RETRY_AFTER_S[attempt], again)
        return False

    # -- occasions

    def created(self, order: Order) -> None:
        """After create: the faults that speak before anybody paid."""
        forged = SigningKey(self.party.signer().serial, self.party.forger)
        for name, signer in (("notify_forged", forged), ("notify_for_unpaid", self.party.signer())):
            params = self.world.faults.take(order.out_trade_no, "wechat", name)
            if params is not None:
                self.world.after(number_of(params, "s", 0), self._lie(order, signer))

    def _lie(self, order: Order, signer: SigningKey) -> Callable[[], Awaitable[None]]:
        async def send() -> None:
            now = self.world.now().replace(microsecond=0)
            ghost = tell.ghost(order, f"42009{self.world.next_number():023d}", now)
            notice = replace(self.payment(ghost), signer=signer)
            await self.send_once(order, order.notify_url, notice)

        return send

    def paid(self, order: Order) -> None:
        """After a payment: the notify, and the faults around it."""
        if self._fault(order, "notify_lost") is not None:
            return
        out_of_order = self._fault(order, "notify_out_of_order")
        if out_of_order is not None:
            self._held[order.out_trade_no] = self.payment(order)

            async def tired_of_waiting() -> None:
                await self._release(order)

            self.world.after(number_of(out_of_order, "s", 600), tired_of_waiting)
            return
        late = self._fault(order, "notify_late_after_close")
        notice = self.payment(order)

        async def tell_all() -> None:
            if await self._tell_falsehoods(order):
                self.world.after(AFTER_BAD_S, truth)
            else:
                await truth()

        async def truth() -> None:
            await self._tell_success(order, notice)

        self.world.after(number_of(late, "s", 1800) if late is not None else 0.0, tell_all)

    async def pay_notify_now(self, order: Order) -> None:
        """Notify at once and wait for the answer: for a payment that beats the create call's reply."""
        await self._tell_success(order, self.payment(order))

    async def _tell_falsehoods(self, order: Order) -> bool:
        """Send the wrong notifies that are due before the true one; whether there were any."""
        told = self._falsehoods(order)
        for notice in told:
            await self.send_once(order, order.notify_url, notice)
        return bool(told)

    def _falsehoods(self, order: Order) -> list[Notice]:
        true = self.payment(order)
        foreign = SigningKey(true.signer.serial, self.party.forger)
        told: list[Notice] = []
        wrong = self._fault(order, "notify_wrong_amount")
        if wrong is not None:
            total = max(1, order.amount_fen + int(number_of(wrong, "fen", 1)))
            amount = {"total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY"}
            signer = true.signer if wrong.get("signed", True) else foreign
            told.append(replace(self.payment(order, amount=amount), signer=signer))
        stranger = self.world.digest("another", "merchant")
        off_s = int(max(OFF_S, OFF_REAL_S * self.world.clock.speed))
        changed = {
            "notify_wrong_app_id": self.payment(order, appid=f"wx{stranger[:16]}"),
            "notify_wrong_seller": self.payment(order, mchid="1500000001"),
            "notify_stale": replace(true, clock_off_s=-off_s),
            "notify_future": replace(true, clock_off_s=off_s),
            "notify_signtest": replace(true, probe=True),
            "notify_unknown_serial": replace(
                true, signer=SigningKey(stranger[:40].upper(), self.party.forger)
            ),
            "notify_foreign_resource": replace(true, secret=stranger[:32]),
        }
        told += [notice for name, notice in changed.items() if self._fault(order, name) is not None]
        if self._fault(order, "notify_refund_shaped") is not None:
            now = self.world.now().replace(microsecond=0)
            number = f"{order.out_trade_no}X"
            never = Refund(number, f"50309{self.world.next_number():023d}", order.amount_fen, now, "")
            never.status, never.ended_at = SUCCESS, now
            told.append(self.refund(order, never))
        return told

    async def _tell_success(self, order: Order, notice: Notice) -> None:
        url = order.notify_url
        together = self._fault(order, "notify_concurrent")
        if together is not None:
            copies = max(2, min(64, int(number_of(together, "n", 6))))
            others = (self.send_once(order, url, notice) for _ in range(copies - 1))
            await asyncio.gather(*others, self.deliver(order, url, notice))
            return
        await self.deliver(order, url, notice)
        for name, fresh in (("notify_duplicate", False), ("notify_duplicate_new_id", True)):
            repeat = self._fault(order, name)
            for _ in range(min(64, int(number_of(repeat, "n", 2)) - 1) if repeat is not None else 0):
                await self.send_once(order, url, replace(notice, id=self._id()) if fresh else notice)

    async def _release(self, order: Order) -> None:
        held = self._held.pop(order.out_trade_no, None)
        if held is not None:
            await self.deliver(order, order.notify_url, held)

    def refund_ended(self, order: Order, made: Refund) -> None:
        """After a refund came to an end; without an address in the refund call WeChat tells nobody."""
        if self._fault(order, "notify_lost") is not None:
            return
        notice = self.refund(order, made)

        async def send() -> None:
            if made.notify_url:
                await self.deliver(order, made.notify_url, notice)
            await self._release(order)

        self.world.after(0, send)

    def _fault(self, order: Order, name: str) -> Params | None:
        return self.world.faults.find(order.out_trade_no, "wechat", name)
