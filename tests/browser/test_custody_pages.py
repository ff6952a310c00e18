"""Custody and coverage at the width of a phone and of a desk, in both languages, with a payout, a proposal and a line."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Browser
from test_claims_and_staff import staff
from visitor import visiting

from house import open_house
from mingzhang.custody.store import open_account
from mingzhang.kit.database import transaction
from mingzhang.settlement.flow import list_batch
from mingzhang.settlement.model import SettlementList
from mingzhang.staff.rights import Role

pytestmark = [pytest.mark.browser, pytest.mark.long]


async def test_custody_and_coverage_fit(browser: Browser, database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, bank_fen=5_000_000) as house:
        ctx, world = house.desk.ctx, house.world
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        listed = msgspec.convert(
            await world.tell("POST", "/settlements", {"channel": "alipay"}), SettlementList, strict=False
        )
        await world.tell("POST", "/bank/receive", {"fen": 12_345, "reference": "", "name": "陌生的来款单位"})
        await world.tell("POST", "/bank/statement", {})
        async with transaction(house.desk.pool) as conn:
            account = world.ready["bank"]["account"]
            await open_account(
                conn, ctx.now(), account=account, bank="bank", kind="custody", who="test", adapter="bank"
            )
            await list_batch(conn, ctx.rng, ctx.now(), listed, "bank")
        for lang, width in (("zh", 390), ("zh", 1440), ("en", 390), ("en", 1440)):
            async with visiting(browser, house.url, lang, width) as visitor:
                await staff(house, visitor, f"wang-{lang}-{width}", Role.FINANCE)
                for path in ("/staff/custody", "/staff/coverage"):
                    await visitor.visit(path)
                    if lang == "zh" and width == 390 and path == "/staff/custody":
                        await visitor.page.click("#instructions details summary")
                        form = {"party": "fulu", "payee_name": "福禄网络", "payee_account": "FULU-PREFUND"}
                        for name, text in (form | {"amount": "1000", "reason": "预存款快用完了"}).items():
                            await visitor.page.fill(f"[name={name}]", text)
                        await visitor.page.click("form.mz-form button[type=submit]")
                        await visitor.page.wait_for_url("**done=1**")
                    await asyncio.sleep(0.2)
                    await visitor.shoot(path.rpartition("/")[2])
                    if folder := os.environ.get("SHOTS"):
                        file = f"{folder}/{path.rpartition('/')[2]}-{lang}-{width}.png"
                        await visitor.page.screenshot(path=file, full_page=True)
