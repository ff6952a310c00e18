"""Notifications: GET with MD5-signed fields, repeated on one operator's schedule until ``success``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from simulators.epay.model import EpayParty, Trade
from simulators.epay.signing import sign
from simulators.faults import Params, number_of
from simulators.money import yuan

RETRY_AFTER_S = (60, 120, 960, 2160, 7200)  # one operator's; others differ, some never retry
AFTER_BAD_S = 2.0


def short_yuan(fen: int) -> str:
    """``100.00`` → ``100``, ``100.50`` → ``100.5``: as PHP writes the number of a float column."""
    return yuan(fen).rstrip("0").rstrip(".")


class Notifier:
    """Builds, signs, sends and repeats notifications, and applies the notify faults."""

    def __init__(self, party: EpayParty) -> None:
        self.party = party
        self.world = party.world

    def fields(self, trade: Trade, **changes: str) -> dict[str, str]:
        """The fields of a notify for the trade, with changes; unsigned."""
        fields = {
            "pid": self.party.pid,
            "trade_no": trade.trade_no,
            "out_trade_no": trade.out_trade_no,
            "type": trade.type,
            "name": trade.name,
            "money": short_yuan(trade.amount_fen),
            "trade_status": "TRADE_SUCCESS",
            "param": trade.param,
            **changes,
        }
        return {name: value for name, value in fields.items() if value != ""}

    def address(self, url: str, fields: dict[str, str], key: str) -> str:
        """The address to GET: the merchant's own with the signed fields behind it."""
        signed = {**fields, "sign": sign(fields, key, encoded=self.party.encoded), "sign_type": "MD5"}
        return f"{url}{'&' if '?' in url else '?'}{urlencode(signed)}"

    def return_address(self, trade: Trade) -> str:
        return self.address(trade.return_url, self.fields(trade), self.party.key)

    # -- sending

    async def send_once(self, trade: Trade, fields: dict[str, str], key: str) -> bool:
        """One GET; True when the answer is ``success``."""
        if self.world.down["epay"]:
            return False
        trade.notifies_sent += 1
        answer = await self.world.get(self.address(trade.notify_url, fields, key))
        acked = answer is not None and answer.strip() == "success"
        trade.notifies_acked += acked
        return acked

    async def deliver(self, trade: Trade, key: str, attempt: int = 0) -> None:
        """Send, and on anything but ``success`` try again on the schedule."""
        if await self.send_once(trade, self.fields(trade), key):
            return
        if attempt < len(RETRY_AFTER_S) and self._fault(trade, "notify_never_retried") is None:

            async def again() -> None:
                await self.deliver(trade, key, attempt + 1)

            self.world.after(RETRY_AFTER_S[attempt], again)

    # -- occasions

    def created(self, trade: Trade) -> None:
        """After create: the faults that speak before anybody paid."""
        for name, key in (("notify_forged", self.party.forger_key), ("notify_for_unpaid", self.party.key)):
            params = self.world.faults.take(trade.out_trade_no, "epay", name)
            if params is not None:
                self.world.after(number_of(params, "s", 0), self._lie(trade, key))

    def _lie(self, trade: Trade, key: str) -> Callable[[], Awaitable[None]]:
        async def send() -> None:
            await self.send_once(trade, self.fields(trade), key)

        return send

    def paid(self, trade: Trade) -> None:
        """After a payment: the notify, and the faults around it."""
        if self._fault(trade, "notify_lost") is not None:
            return
        late = self._fault(trade, "notify_late_after_close")

        async def tell() -> None:
            told = self._falsehoods(trade)
            for fields, key in told:
                await self.send_once(trade, fields, key)
            if told:
                self.world.after(AFTER_BAD_S, truth)
            else:
                await truth()

        async def truth() -> None:
            await self.tell_success(trade)

        self.world.after(number_of(late, "s", 1800) if late is not None else 0.0, tell)

    def _falsehoods(self, trade: Trade) -> list[tuple[dict[str, str], str]]:
        """The wrong notifies that are due before the true one."""
        key, told = self.party.key, list[tuple[dict[str, str], str]]()
        wrong = self._fault(trade, "notify_wrong_amount")
        if wrong is not None:
            money = short_yuan(max(1, trade.amount_fen + int(number_of(wrong, "fen", 1))))
            signer = key if wrong.get("signed", True) else self.party.forger_key
            told.append((self.fields(trade, money=money), signer))
        if self._fault(trade, "notify_wrong_app_id") is not None:
            told.append((self.fields(trade, pid="999999"), key))
        return told

    async def tell_success(self, trade: Trade) -> None:
        """The true notify, as often and as signed as the faults say."""
        old = self._fault(trade, "notify_old_key") is not None
        key = self.party.previous_key if old else self.party.key
        together = self._fault(trade, "notify_concurrent")
        if together is not None:
            copies = max(2, min(64, int(number_of(together, "n", 6))))
            more = (self.send_once(trade, self.fields(trade), key) for _ in range(copies - 1))
            await asyncio.gather(*more, self.deliver(trade, key))
            return
        await self.deliver(trade, key)
        repeat = self._fault(trade, "notify_duplicate")
        for _ in range(min(64, int(number_of(repeat, "n", 2)) - 1) if repeat is not None else 0):
            await self.send_once(trade, self.fields(trade), key)

    def _fault(self, trade: Trade, name: str) -> Params | None:
        return self.world.faults.find(trade.out_trade_no, "epay", name)
