"""商家承担补发 (R35, row 4 with a = 0): two people, one more delivery, the buyer's money untouched, the books agree."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from test_staff import PASSWORD
from test_staff_pages import sign_in_strong
from test_staff_rights import office_of

from house import House, open_house
from mingzhang.app import desk_money
from mingzhang.kit.errors import Problem
from mingzhang.staff import accounts
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right, Role


async def topups(house: House, order_id: str) -> list[tuple[str, int]]:
    """What the supplier executed for this order, by our number."""
    orders = (await house.world.books())["fulu"]["orders"]
    mine = [order for order in orders if order["customer_order_no"].startswith(order_id)]
    return sorted((order["customer_order_no"], order["topups_executed"]) for order in mine)


def member(name: str, *rights: Right) -> Member:
    return Member(name=name, roles=(), rights=frozenset(rights), session_id="s", strong=True)


BOTH = (Right.PROPOSE_MONEY, Right.DECIDE_MONEY)


async def test_two_people_deliver_once_more_and_the_shop_pays(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        lin = await sign_in_strong(house, "lin", Role.SUPPORT)
        wang = await sign_in_strong(house, "wang", Role.FINANCE)
        url = f"/staff/orders/{order_id}"
        async with lin.session, wang.session:
            _, html = await lin.look(url)
            assert 'id="deliver_at_shop_cost"' in html
            assert (await lin.send(f"{url}/money", action="deliver_at_shop_cost", reason=""))[0] == 422
            assert (await lin.send(f"{url}/money", action="deliver_at_shop_cost", reason="运营商查无此笔"))[
                0
            ] == 303
            _, html = await wang.look(url)
            found = re.search(r"/approvals/(\w{20})", html)
            assert found is not None
            word = f"{url}/approvals/{found.group(1)}"
            assert (await lin.send(word, word="approve"))[0] == 403
            assert await topups(house, order_id) == [(f"{order_id}T1", 1)]
            assert (await wang.send(word, word="approve"))[0] == 303
            await house.until(
                order_id,
                lambda page: (
                    page.supply_badge == "arrived"
                    and [item.kind for item in page.timeline].count("delivered") == 2
                ),
            )
            assert (await wang.send(word, word="approve"))[0] == 409
        assert await topups(house, order_id) == [(f"{order_id}T1", 1), (f"{order_id}T2", 1)]
        page = await house.page(order_id)
        assert sum(part.amount_fen for part in page.money) == page.price_fen
        given = await house.desk.pool.fetchval(
            "SELECT sum(amount_fen) FROM leg WHERE subject = $1 AND place = 'spent.loss'", order_id
        )
        assert given == 9850
        report = await house.audit()
        assert report.ok, report.findings
        assert await house.lost_fen() == 0
        record = await house.desk.pool.fetch(
            "SELECT name, action FROM staff_action WHERE kind = 'done' ORDER BY at"
        )
        assert [tuple(row) for row in record] == [
            ("lin", "propose_money"),
            ("wang", "decide_money"),
            ("wang", "deliver_at_shop_cost"),
        ]


async def test_its_refusal_goes_to_a_person_and_refunds_nobody(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await house.world.fault(f"{order_id}T2", "fulu", "account_banned")
        await accounts.add(office_of(house), "lin", PASSWORD, [Role.SUPPORT])
        ctx = house.desk.ctx
        approval = await desk_money.propose(
            ctx, member("lin", *BOTH), order_id, "deliver_at_shop_cost", "买家说没收到"
        )
        for name in ("lin", "lin"):
            with pytest.raises(Problem, match="approval_own"):
                await desk_money.decide(ctx, member(name, *BOTH), order_id, approval, "approve", "")
        clicks = [
            desk_money.decide(ctx, member("wang", *BOTH), order_id, approval, "approve", "") for _ in range(6)
        ]
        outcomes = await asyncio.gather(*clicks, return_exceptions=True)
        assert outcomes.count(None) == 1
        page = await house.until(
            order_id, lambda page: "needs_person" in [item.kind for item in page.timeline]
        )
        assert page.sentence.code == "needs_person"
        assert page.refund is None
        assert await topups(house, order_id) == [(f"{order_id}T1", 1), (f"{order_id}T2", 0)]
        given = await house.desk.pool.fetchval(
            "SELECT coalesce(sum(amount_fen), 0) FROM leg WHERE subject = $1 AND place = 'spent.loss'",
            order_id,
        )
        assert given == 0  # it came back
        report = await house.audit()
        assert report.ok, report.findings
        assert await house.lost_fen() == 0


async def test_nothing_is_sent_beside_a_request_whose_result_is_open(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        unpaid = await house.place()
        silent = await house.buy(("fulu", "silent"))
        refunded = await house.buy(("fulu", "account_banned"))
        await house.until(silent, lambda page: page.supply_badge == "processing")
        await house.until(refunded, lambda page: page.pay_badge == "refunded")
        for order_id in (unpaid, silent, refunded):
            with pytest.raises(Problem, match="resupply_refused"):
                await desk_money.propose(
                    house.desk.ctx, member("lin", *BOTH), order_id, "deliver_at_shop_cost", "once more"
                )
        assert await house.desk.pool.fetchval("SELECT count(*) FROM approval") == 0
