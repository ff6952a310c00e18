"""A trade that its channel freezes (row 21): nothing is spent of it, and the order goes on when the channel lets go."""

from pathlib import Path

from test_f01_f20 import sound

from house import open_house


async def test_frozen_money_waits_and_goes_on(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "epay", "trade_frozen")
        payment_no = await house.open(order_id, "epay")
        await house.buyer_pays(payment_no)
        page = await house.until(order_id, lambda page: page.sentence.code == "needs_person")
        assert (page.pay_badge, page.sentence.place) == ("paid", "hold")
        assert [(part.place, part.amount_fen) for part in page.money] == [("hold", page.price_fen)]
        assert await house.desk.pool.fetchval("SELECT count(*) FROM supply_attempt") == 0
        assert (await house.audit()).ok
        assert await house.lost_fen() == 0
        await house.world.tell("PUT", "/epay/freeze", {"out_trade_no": payment_no, "frozen": False})
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        kinds = [item.kind for item in page.timeline]
        assert kinds.index("payment_frozen") < kinds.index("payment_unfrozen") < kinds.index("delivered")
        await sound(house)
