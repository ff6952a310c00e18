"""The main job over real HTTP: placed, paid, topped up, or refunded with the reason (R1-R9, R23, R39, R47)."""

from pathlib import Path

from house import open_house


async def test_an_order_is_paid_and_topped_up(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy()
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert page.pay_badge == "paid"
        assert [(part.place, part.amount_fen) for part in page.money] == [("supplier.settled", 10000)]
        assert await house.lost_fen() == 0
        report = await house.audit()
        assert report.ok, report.findings


async def test_a_refused_order_is_refunded_with_its_reason(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("fulu", "account_banned"))
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert page.reason == "account_banned"
        assert page.supply_badge == "refused"
        assert [(part.place, part.amount_fen) for part in page.money] == [("refund.arrived", 10000)]
        assert await house.lost_fen() == 0
        report = await house.audit()
        assert report.ok, report.findings
