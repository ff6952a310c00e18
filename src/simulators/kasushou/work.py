"""What happens after acceptance: the work, its result, the callbacks."""

from __future__ import annotations

import json
from collections.abc import Mapping

from simulators.faults import number_of
from simulators.kasushou.model import FAILED, PARTY, PROCESSING, STATUS_DONE, SUCCESS, KasushouParty, Order
from simulators.kasushou.outcomes import DONE
from simulators.kasushou.wire import callback_sign
from simulators.money import yuan

RETRY_AFTER_S = (300, 600, 900, 1200, 1500)


class Worker:
    """Carries orders to their end."""

    def __init__(self, party: KasushouParty) -> None:
        self.party = party
        self.world = party.world

    def start(self, order: Order) -> None:
        """Schedule the result, unless the order stays silent or was never paid."""
        if self.party.fault(order.external_orderno, "forged_callback") is not None:
            self._forge(order)
        if order.silent or order.state == FAILED:
            return

        async def finish() -> None:
            if order.state == PROCESSING and not order.silent:
                self.decide(order, self.party.planned_failure(order))

        self.world.after(self.party.seconds_to_work(order), finish)

    def decide(self, order: Order, failure: str) -> None:
        """End the order now: success when ``failure`` is empty, else cancelled for that reason."""
        order.silent = False
        if failure:
            self.party.fail(order, failure)
            after_all = self.party.fault(order.external_orderno, "success_after_failure")
            if after_all is not None:

                async def succeed() -> None:
                    if not order.failure_told:  # it is a turn only for one who has heard of the failure
                        self.world.after(number_of(after_all, "s", 60), succeed)
                        return
                    self.party.take_back_credit(order)
                    self.party.succeed(order)
                    await self._tell(order)

                self.world.after(number_of(after_all, "s", 60), succeed)
        else:
            self.party.succeed(order)
            undone = self.party.fault(order.external_orderno, "success_then_reversed", order.account)
            if undone is not None:

                async def reverse() -> None:
                    if order.state == SUCCESS:
                        self.party.reverse(order)
                        await self._tell(order)

                self.world.after(number_of(undone, "s", 60), reverse)

        async def tell() -> None:
            await self._tell(order)

        self.world.after(0, tell)

    # -- from outside (the control API)

    def decide_open(self, prefix: str, outcome: str, reason: str) -> list[str]:
        """End or silence every open order of this prefix; their numbers."""
        found = [o for o in self.party.orders.values() if o.external_orderno.startswith(prefix)]
        found = [order for order in found if order.state == PROCESSING]
        for order in found:
            if outcome == "silent":
                order.silent = True
            else:
                self.decide(order, reason if outcome == "failed" else "")
        return [order.external_orderno for order in found]

    def set_balance(self, fen: int) -> None:
        """The merchant moves money to or from the site: the opening balance moves along."""
        self.party.opening_balance_fen += fen - self.party.balance_fen
        self.party.balance_fen = fen

    # -- callbacks

    async def _tell(self, order: Order) -> None:
        number = order.external_orderno
        if not order.callback_url or self.party.fault(number, "callback_lost") is not None:
            return
        repeat = self.party.fault(number, "callback_duplicate")
        for _ in range(min(64, int(number_of(repeat, "n", 3))) if repeat is not None else 1):
            await self._deliver(order, self.fields(order), 0)

    async def _deliver(self, order: Order, fields: dict[str, str], attempt: int) -> None:
        if await self._send(order, fields) or attempt >= len(RETRY_AFTER_S):
            return

        async def again() -> None:
            await self._deliver(order, fields, attempt + 1)

        self.world.after(RETRY_AFTER_S[attempt], again)

    async def _send(self, order: Order, fields: Mapping[str, str], *, signed: bool = True) -> bool:
        if self.world.down[PARTY]:
            return False
        order.callbacks_sent += 1
        sign = callback_sign(fields, self.party.api_key) if signed else "0" * 40
        answer = await self.world.post(order.callback_url, form={**fields, "sign": sign})
        acked = answer is not None and answer.strip() == "ok"
        order.callbacks_acked += acked
        return acked

    def fields(self, order: Order) -> dict[str, str]:
        """The callback's form without the signature; cards ride along unsigned, as JSON text."""
        fields = {
            "external_orderno": order.external_orderno,
            "ordersn": order.ordersn,
            "status": str(order.status),
            "has_back_money": yuan(order.credited_fen),
            "total_price": yuan(order.cost_fen),
            "recharge_hints": order.hints,
            "time": str(int(self.world.now().timestamp() * 1000)),
        }
        if order.cards:
            cards = order.cards
            if self.party.fault(order.external_orderno, "callback_cards_swapped") is not None:
                cards = [(f"FALSE{index}", "9" * 16) for index in range(len(cards))]
            fields["card_list"] = card_list(cards)
        return fields

    def _forge(self, order: Order) -> None:
        """Somebody who has the shared key (or not, unless ``signed``) says success and brings cards."""
        params = self.party.fault(order.external_orderno, "forged_callback") or {}
        lie = {**self.fields(order), "status": str(STATUS_DONE), "recharge_hints": DONE}
        lie["card_list"] = card_list([("FALSE", "9" * 16)])

        async def send() -> None:
            if order.callback_url:
                await self._send(order, lie, signed=bool(params.get("signed", True)))

        self.world.after(0, send)


def card_list(cards: list[tuple[str, str]]) -> str:
    """Cards as the callback carries them."""
    rows = [{"card_no": number, "card_password": word, "end_time": ""} for number, word in cards]
    return json.dumps(rows, ensure_ascii=False)
