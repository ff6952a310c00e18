"""A claim on our own shelf of which nobody knows whether it was made: our own table says so, and the order goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from test_own_stock import exactly_its_cards, stock_up
from test_supply_routes import attempts

from house import open_house
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.fulfilment.suppliers.base import SupplyAnswer, SupplyRequest, SupplyState


class LostOnce:
    """The real stock, but that its database is lost around the first commit, which did not happen."""

    def __init__(self, adapter: Any) -> None:
        self._adapter, self.lost = adapter, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    async def submit(self, request: SupplyRequest) -> SupplyAnswer:
        if self.lost:
            answer: SupplyAnswer = await self._adapter.submit(request)
            return answer
        self.lost += 1
        asked = Message(
            party="stock", kind="stock.claim", direction=Direction.OUT, standing=Standing.OWN, body=b"{}"
        )
        return SupplyAnswer(state=SupplyState.UNKNOWN, code="database_unavailable", messages=(asked,))


async def test_f07_a_claim_that_was_lost_with_its_database_is_made_again(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        await stock_up(house, ["own"], 3)
        suppliers: Any = house.desk.ctx.suppliers
        suppliers["stock"] = LostOnce(suppliers["stock"])
        order_id = await house.buy(product="own", account="")
        await exactly_its_cards(house, {order_id: 1})
        assert suppliers["stock"].lost == 1
        assert [each.n for each in await attempts(house, order_id)] == [1]
