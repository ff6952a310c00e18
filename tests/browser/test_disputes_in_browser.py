"""Pages of disputes on a phone and a desktop, in both languages: they fit, and axe finds nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from accessible import require_axe, violations
from playwright.async_api import Browser
from test_claims_and_staff import staff
from visitor import Visitor, visiting

from house import House, open_house
from mingzhang.app.desk_money import decide, propose
from mingzhang.disputes import flow
from mingzhang.disputes.case import Said
from mingzhang.disputes.flow import Opening
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right, Role

pytestmark = [pytest.mark.browser, pytest.mark.long]
BOTH = frozenset({Right.PROPOSE_MONEY, Right.DECIDE_MONEY})


def member(name: str) -> Member:
    return Member(name=name, roles=(), rights=BOTH, session_id="s", strong=True)


async def dispute(house: House) -> tuple[str, str, str]:
    """One with an offer, one that is held and waits for the shop, one that is closed."""
    ctx = house.desk.ctx
    orders = [await house.buy() for _ in range(3)]
    for order_id in orders:
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
    for name in ("ann", "bob"):
        await house.desk.pool.execute(
            "INSERT INTO staff (name, password_hash, active, roles, created_at) VALUES ($1, 'x', true, '{finance}', $2)",
            name,
            ctx.now(),
        )
    words = "到账短信收到了，但是话费余额没有变。\n请帮我查一下运营商那边。"
    offered = Opening(order_id=orders[0], kind="shown_arrived_not_received", wish="resupply", words=words)
    first = (await flow.open_dispute(ctx, offered)).dispute_id
    await flow.add_message(ctx, first, Said(speaker="shop", text="正在向供应商核实，请稍候。", by="lin"))
    terms = {"dispute": first, "remedy": "refund", "amount_fen": 4_000}
    approval = await propose(ctx, member("ann"), orders[0], "solve_dispute", "各担一半", terms)
    await decide(ctx, member("bob"), orders[0], approval, "approve", "")
    await flow.open_dispute(ctx, Opening(order_id=orders[1], kind="unauthorised_payment", wish="refund"))
    third = (await flow.open_dispute(ctx, Opening(order_id=orders[2], kind="wrong_amount"))).dispute_id
    await flow.decline(ctx, third, "lin", "扣款与订单金额一致，请看渠道账单。")
    return orders[0], orders[1], orders[2]


async def test_dispute_pages_fit_and_are_accessible(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    require_axe()
    async with open_house(database_url, tmp_path) as house:
        first, second, third = await dispute(house)
        token = house.desk.ctx.vault.token
        buyers = [
            (first, f"/orders/{first}/disputes/1"),
            (second, f"/orders/{second}/disputes"),
            (second, f"/orders/{second}/disputes/1"),
            (third, f"/orders/{third}/disputes/1"),
            (first, f"/orders/{first}"),
        ]
        shop = [
            "/staff/disputes",
            f"/staff/disputes/{first}D1",
            f"/staff/disputes/{second}D1",
            "/staff/today",
            "/staff/figures?board=care",
            "/staff/work?kind=dispute",
        ]
        for lang, width in (("zh", 390), ("zh", 1440), ("en", 390), ("en", 1440)):
            async with visiting(browser, house.url, lang, width) as visitor:
                pages = []
                for order_id in (first, second, third):
                    await visitor.page.goto(f"{house.url}/orders/{order_id}?lang={lang}#t={token(order_id)}")
                    await visitor.sees("#sentence", "100")
                for n, (_, path) in enumerate(buyers):
                    pages.append((f"dispute-buyer-{n}", path))
                for name, path in pages:
                    await look(visitor, name, path, lang, width)
            async with visiting(browser, house.url, lang, width) as visitor:
                await staff(house, visitor, f"wang-{lang}-{width}", Role.SUPPORT, Role.FINANCE)
                for n, path in enumerate(shop):
                    await look(visitor, f"dispute-staff-{n}", path, lang, width)


async def look(visitor: Visitor, name: str, path: str, lang: str, width: int) -> None:
    await visitor.visit(path)
    await visitor.shoot(name)
    assert not await violations(visitor.page), path
    if folder := os.environ.get("SHOTS"):
        file = f"{folder}/{name}-{lang}-{width}.png"
        await visitor.page.screenshot(path=file, full_page=True)
