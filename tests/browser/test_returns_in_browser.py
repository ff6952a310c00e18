"""Refund or re-supply, the account for a bank transfer and its proposal, on a phone and a desktop, in both languages."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from playwright.async_api import Browser
from test_claims_and_staff import staff
from visitor import Visitor, visiting

from house import House, open_house
from mingzhang.app import desk_money, desk_supply
from mingzhang.custody.store import open_account
from mingzhang.kit.database import transaction
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Right, Role
from mingzhang.transfers.payee import name_payee

pytestmark = [pytest.mark.browser, pytest.mark.long]
LOOKS = (("zh", 390), ("zh", 1440), ("en", 390), ("en", 1440))


FLOAT_FEN = 5_000_000
PHONE = "phone-30"  # 卡速售, then others


def member(name: str) -> Member:
    rights = frozenset({Right.PROPOSE_MONEY, Right.DECIDE_MONEY})
    return Member(name=name, roles=(), rights=rights, session_id="s", strong=True)


async def prepare(house: House) -> None:
    """The shop's account at the simulated bank, two people, and money there."""
    pool, now = house.desk.pool, house.desk.clock.now()
    account = house.world.ready["bank"]["account"]
    async with transaction(pool) as conn:
        await open_account(
            conn, now, account=account, bank="bank", kind="custody", who="test", adapter="bank"
        )
        for name in ("lin", "wang"):
            await conn.execute(
                "INSERT INTO staff (name, password_hash, active, roles, created_at) VALUES ($1, 'x', true, '{finance}', $2)",
                name,
                now,
            )
    own = "SELECT sum(amount_fen)::bigint FROM leg WHERE place = 'custody' AND owner = 'F'"
    for _ in range(600):
        if await pool.fetchval(own):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("no statement came")


async def shoot(visitor: Visitor, name: str, path: str, lang: str, width: int) -> None:
    await visitor.visit(path)
    await visitor.shoot(name)
    if folder := os.environ.get("SHOTS"):
        await visitor.page.screenshot(path=f"{folder}/{name}-{lang}-{width}.png", full_page=True)


async def aside_and_in_doubt(house: House) -> str:
    """Paid twice and refused by the channel (returns its item), and an order that its channel never heard was paid."""
    order_id = await house.place()
    await house.world.fault("S", "alipay", "refund_refused")
    await house.buyer_pays(await house.open(order_id), pay_twice=True)
    refused = "SELECT item_id FROM suspense WHERE state = 'open' AND next_actor = 'person'"
    for _ in range(600):
        item_id = await house.desk.pool.fetchval(refused)
        if item_id is not None:
            break
        await asyncio.sleep(0.05)
    doubted = await house.place()
    await house.world.fault(doubted, "alipay", "notify_for_unpaid")
    await house.open(doubted)
    await house.until(doubted, lambda page: page.sentence.code == "money_in_doubt")
    assert item_id is not None
    return str(item_id)


async def test_pages_of_money_that_goes_another_way_fit(
    browser: Browser, database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path, speed=600.0, bank_fen=FLOAT_FEN) as house:
        ctx = house.desk.ctx
        await prepare(house)
        await desk_supply.set_routing(ctx, "cli:test", PHONE, "ordered", "0", offer_choice=True)
        asked, named, gone = [
            await house.buy(("fulu", "account_banned"), ("alipay", "refund_refused")) for _ in range(3)
        ]
        for order_id in (asked, named, gone):
            await house.until(order_id, lambda page: page.sentence.code == "payee_needed")
        for order_id in (named, gone):
            await name_payee(ctx, order_id, "张三丰", "6222021234567894321")
        approval = await desk_money.propose(
            ctx, member("lin"), gone, "refund_by_transfer", "渠道已拒绝原路退款"
        )
        await desk_money.decide(ctx, member("wang"), gone, approval, "approve", "")
        await house.until(gone, lambda page: page.sentence.code == "transfer_arrived")
        chooses = await house.buy(("kasushou", "stock_out"), product=PHONE)
        await house.until(chooses, lambda page: page.sentence.code == "choose_remedy")
        item_id = await aside_and_in_doubt(house)
        pages = {
            "payee-needed": (asked, ""),
            "payee-form": (asked, "/payee"),
            "payee-named": (named, ""),
            "transfer-arrived": (gone, ""),
            "choose-remedy": (chooses, ""),
        }
        for lang, width in LOOKS:
            async with visiting(browser, house.url, lang, width) as visitor:
                for name, (order_id, path) in pages.items():
                    token = house.desk.ctx.vault.token(order_id)
                    await visitor.page.goto(f"{house.url}/orders/{order_id}?lang={lang}#t={token}")
                    await visitor.page.wait_for_selector("#live")
                    await shoot(visitor, name, f"/orders/{order_id}{path}", lang, width)
            async with visiting(browser, house.url, lang, width) as visitor:
                await staff(house, visitor, f"fin-{lang}-{width}", Role.FINANCE, Role.SUPPORT, Role.OPERATOR)
                await shoot(visitor, "staff-transfer", f"/staff/orders/{named}", lang, width)
                for name, path in (
                    ("staff-item-transfer", f"/staff/suspense/{item_id}"),
                    ("staff-missing", "/staff/missing"),
                    ("staff-custody", "/staff/custody"),
                    ("staff-suppliers", "/staff/suppliers"),
                ):
                    await shoot(visitor, name, path, lang, width)
