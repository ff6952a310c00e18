"""What happens after acceptance: the work, its result, the callbacks."""

from __future__ import annotations

import json

from simulators.faults import number_of
from simulators.fulu.model import PROCESSING, SUCCESS, FuluParty, Order
from simulators.keys import fulu_sign_fields
from simulators.money import yuan
from simulators.world import beijing

RETRY_AFTER_S = (60, 300, 1800, 3600)


class Worker:
    """Carries orders to their end."""

    def __init__(self, party: FuluParty) -> None:
        self.party = party
        self.world = party.world

    def start(self, order: Order) -> None:
        """Schedule the result, unless the order stays silent."""
        if self.party.fault(order.customer_order_no, "forged_callback") is not None:
            self._forge(order)
        if order.silent:
            return

        async def finish() -> None:
            if order.state == PROCESSING and not order.silent:
                self.decide(order, self.party.planned_failure(order))

        self.world.after(self.party.seconds_to_work(order), finish)

    def decide(self, order: Order, failure: str) -> None:
        """End the order now: success when ``failure`` is empty, else failed for that reason."""
        order.silent = False
        if failure:
            self.party.fail(order, failure)
            after_all = self.party.fault(order.customer_order_no, "success_after_failure")
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
            undone = self.party.fault(order.customer_order_no, "success_then_reversed", order.account)
            if undone is not None:

                async def reverse() -> None:
                    if order.state == SUCCESS:
                        self.party.reverse(order)
                        await self._tell(order)

                self.world.after(number_of(undone, "s", 60), reverse)

        async def tell() -> None:
            await self._tell(order)

        self.world.after(0, tell)

    async def _tell(self, order: Order) -> None:
        number = order.customer_order_no
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

    async def _send(self, order: Order, fields: dict[str, str], *, signed: bool = True) -> bool:
        if self.world.down["fulu"]:
            return False
        order.callbacks_sent += 1
        sign = fulu_sign_fields(fields, self.party.app_secret) if signed else "0" * 32
        body = json.dumps({**fields, "sign": sign}, ensure_ascii=False, separators=(",", ":")).encode()
        answer = await self.world.post(order.callback_url, json_bytes=body)
        acked = answer is not None and answer.strip() == "success"
        order.callbacks_acked += acked
        return acked

    def fields(self, order: Order) -> dict[str, str]:
        """The callback's fields without the signature: all text, the unit price with four decimals."""
        return {
            "order_id": order.order_id,
            "charge_finish_time": beijing(order.finished_at or self.world.now()),
            "customer_order_no": order.customer_order_no,
            "order_status": order.state,
            "recharge_description": order.description,
            "product_id": str(order.product.product_id),
            "price": f"{yuan(order.cost_fen // order.quantity)}00",
            "buy_num": str(order.quantity),
            "operator_serial_number": order.serial,
        }

    def _forge(self, order: Order) -> None:
        """An outsider's rearrangement of a genuine callback: says success now, and its signature verifies."""
        params = self.party.fault(order.customer_order_no, "forged_callback") or {}
        lie = {
            **self.fields(order),
            "order_status": "success",
            "recharge_description": "充值成功",
            "operator_serial_number": "A21",
        }

        async def send() -> None:
            if order.callback_url:
                await self._send(order, lie, signed=bool(params.get("signed", True)))

        self.world.after(0, send)
