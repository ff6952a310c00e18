"""A regulator's and a buyer's way in a real browser: the record checked by the browser itself, a sample, an erasure."""

from __future__ import annotations

import asyncio
import os
from datetime import date
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from test_claims_and_staff import staff
from visitor import Visitor, visiting

from house import House, open_house
from mingzhang.app.erasure_watch import erase_due
from mingzhang.app.oversight_watch import CHORES, do_chore
from mingzhang.app.transparency import signer_of
from mingzhang.kit.database import transaction
from mingzhang.oversight import chores
from mingzhang.oversight.licences import Licence, enter
from mingzhang.staff.model import Member, Office
from mingzhang.staff.rights import Right, Role
from mingzhang.transparency.digest import digest_next
from mingzhang.transparency.sequencer import Sequencer

pytestmark = [pytest.mark.browser, pytest.mark.long]
PAGES = ("", "coverage", "receipts", "answers", "record", "sample?seed=plum&n=3", "licences", "pack", "views")
AGREES = {"zh": "相符", "en": "agrees"}


async def prepared(house: House) -> str:
    """An order delivered, one refused, one silent; a licence that ends; everything recorded and drilled."""
    ctx = house.desk.ctx
    order_id = await house.buy()
    await house.until(order_id, lambda page: page.supply_badge == "arrived")
    refused = await house.buy(("fulu", "account_banned"))
    await house.until(refused, lambda page: page.pay_badge == "refunded")
    silent = await house.buy(("fulu", "silent"))
    await house.until(silent, lambda page: page.pay_badge == "paid")
    await house.stop_worker()
    await ctx.pool.execute("UPDATE orders SET promise_s = 0 WHERE order_id = $1", silent)
    office = Office(pool=ctx.pool, vault=ctx.vault, rng=ctx.rng, clock=ctx.clock)
    who = Member(name="wen", roles=(), rights=frozenset({Right.MANAGE_CHANNELS}), session_id="", strong=True)
    for party, ends in (("fulu", date(2026, 12, 3)), ("stock", date(2031, 1, 1))):
        licence = Licence(
            kind="supplier",
            party=party,
            title="增值电信业务经营许可证",
            number="B2-20260001",
            issuer="湖北省通信管理局",
            scope="在线数据处理与交易处理业务",
            valid_until=ends,
            contact="027-8888 0000",
        )
        await enter(office, who, licence)
    async with transaction(ctx.pool) as conn:
        await chores.ensure(conn, list(CHORES), ctx.now())
    async with transaction(ctx.pool, "repeatable_read") as conn:
        await digest_next(conn, "evidence", ctx.now(), ctx.now())
    sequencer = Sequencer(ctx.pool, signer_of(house.desk.settings), ctx.now)
    while await sequencer.round():
        continue
    for name in CHORES:
        await do_chore(ctx, house.desk.settings, name)
    return order_id


async def kept(visitor: Visitor, name: str) -> None:
    """The layout holds; with SHOTS a picture is kept, with UPDATE_SCREENS=1 those of docs/screens."""
    await asyncio.sleep(0.2)
    await visitor.shoot(name)
    if folder := os.environ.get("SHOTS"):
        file = f"{folder}/{name}-{visitor.lang}-{visitor.width}.png"
        await visitor.page.screenshot(path=file, full_page=True)


async def test_a_regulator_checks_the_shop_and_a_buyer_leaves_it(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await prepared(house)
        for lang, width in (("zh", 390), ("zh", 1440), ("en", 390), ("en", 1440)):
            async with visiting(browser, house.url, lang, width) as visitor:
                await staff(house, visitor, f"jian-{lang}-{width}", Role.REGULATOR)
                for name in PAGES:
                    await visitor.visit(f"/staff/oversight/{name}".rstrip("/"))
                    if name == "record":
                        for _ in range(2):  # the second time against what the first one saw
                            await visitor.page.click("[data-log-check]")
                            await expect(visitor.page.locator("[data-log-check]")).to_be_enabled()
                        for part in ("root", "before"):
                            line = visitor.page.locator(f"[data-log-part={part}] b")
                            await expect(line).to_have_text(AGREES[lang])
                    if name.startswith("sample"):
                        await visitor.page.click("details summary >> nth=0")
                        for summary in await visitor.page.locator("main details summary").all():
                            await summary.click()
                    await kept(visitor, f"oversight-{name.partition('?')[0] or 'home'}")
        async with visiting(browser, house.url, "zh", 390) as visitor:
            await visitor.page.goto(f"{house.url}/orders/{order_id}#t={house.desk.ctx.vault.token(order_id)}")
            await visitor.page.wait_for_selector("#live")
            await visitor.visit(f"/orders/{order_id}/privacy")
            await kept(visitor, "privacy")
            await visitor.page.click("form button[type=submit]")
            await expect(visitor.page.locator("[role=status]")).to_contain_text("已登记")
            await erase_due(house.desk.ctx)
            await visitor.visit(f"/orders/{order_id}/privacy")
            await expect(visitor.page.locator("[role=status]")).to_contain_text("已删除联系方式")
            await kept(visitor, "privacy-kept")
        async with visiting(browser, house.url, "en", 1440) as visitor:
            await staff(house, visitor, "wen-en", Role.OPERATOR)
            await visitor.visit("/staff/licences")
            await kept(visitor, "licences-form")
