"""An answer that was given before the money came denies nothing (F4, R10)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from house import House, open_house
from mingzhang.orders.ask import ask_channel
from mingzhang.payments.channels.base import TradeAnswer


class SlowChannel:
    """The real adapter, but that the buyer pays while its answer is on the way."""

    def __init__(self, house: House, order_id: str) -> None:
        self._house, self._order_id = house, order_id
        self._adapter = house.desk.ctx.channels["alipay"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    async def query(self, payment_no: str) -> TradeAnswer:
        answer = await self._adapter.query(payment_no)
        await self._house.buyer_pays(payment_no)
        await self._house.until(self._order_id, lambda page: page.pay_badge == "paid")
        return answer


async def test_an_answer_from_before_the_payment_contradicts_nothing(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        await house.stop_worker()
        order_id = await house.place()
        payment_no = await house.open(order_id)
        channels: Any = house.desk.ctx.channels
        adapter = channels["alipay"]
        channels["alipay"] = SlowChannel(house, order_id)
        await ask_channel(house.desk.ctx, payment_no)
        channels["alipay"] = adapter
        house.start_worker()
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert "payment_contradicted" not in {item.kind for item in page.timeline}
