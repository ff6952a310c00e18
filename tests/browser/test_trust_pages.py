"""The trust page and what hangs on it, at both widths and in both languages: readable for everybody, no other host."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from accessible import require_axe, violations
from playwright.async_api import Browser
from visitor import visiting

from house import House, open_house
from mingzhang.app.coverage_watch import publish_liabilities
from mingzhang.app.transparency import signer_of
from mingzhang.catalogue.papers import publish, read_newest
from mingzhang.catalogue.terms import draft
from mingzhang.custody.store import open_account
from mingzhang.kit.database import transaction
from mingzhang.settlement.coverage import close_next_day
from mingzhang.transparency.sequencer import Sequencer

pytestmark = [pytest.mark.browser, pytest.mark.long]


async def prepared(house: House) -> str:
    """A shop with a delivery, a refund and a closed day; returns the day."""
    ctx = house.desk.ctx
    await house.world.tell("POST", "/bank/statement", {})
    async with transaction(house.desk.pool) as conn:
        account = house.world.ready["bank"]["account"]
        await open_account(
            conn, ctx.now(), account=account, bank="bank", kind="custody", who="test", adapter="bank"
        )
    arrived = await house.buy()
    refused = await house.buy(("fulu", "account_banned"))
    await house.until(arrived, lambda page: page.supply_badge == "arrived")
    await house.until(refused, lambda page: page.pay_badge == "refunded")
    await house.buy(("fulu", "silent"))
    async with transaction(house.desk.pool) as conn:
        last = await read_newest(conn, "rules")
        assert last is not None
        text_zh = last.text_zh.replace("退款通常", "退款一般") + "本店不收手续费。"
        later = ctx.now() + timedelta(days=8)
        await publish(
            conn,
            draft(last, "rules", text_zh, f"{last.text_en} No fees.", later, "wu", "写明手续费", ctx.now()),
        )
    async with house.desk.pool.acquire() as conn, conn.transaction(isolation="repeatable_read"):
        day = await close_next_day(conn, ctx.now() + timedelta(days=2))
    await publish_liabilities(ctx)
    await Sequencer(house.desk.pool, signer_of(house.desk.settings), ctx.now).round()
    return str(day)


async def test_the_trust_page_is_readable_for_everybody(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    require_axe()
    wrong: list[str] = []
    async with open_house(database_url, tmp_path, bank_fen=5_000_000) as house:
        day = await prepared(house)
        for lang, width in (("zh", 390), ("zh", 1440), ("en", 390), ("en", 1440)):
            async with visiting(browser, house.url, lang, width) as visitor:
                for name, path in (
                    ("trust", "/trust"),
                    ("trust-day", f"/trust/days/{day}"),
                    ("trust-paper", "/trust/papers/rules/2"),
                ):
                    await visitor.visit(path)
                    wrong += [f"{name} {lang}: {each}" for each in await violations(visitor.page)]
                    await visitor.shoot(name)
                    if folder := os.environ.get("SHOTS"):
                        file = f"{folder}/{name}-{lang}-{width}.png"
                        await visitor.page.screenshot(path=file, full_page=True)
    assert not wrong
