"""Own limits (R22): what is beyond them is not placed, the buyer reads why, and every hit is kept."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from test_supply_routes import attempts, sound

from house import House, open_house
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.limit_rules import RULES, Action, read_rules
from mingzhang.orders.limits import Asked, Limits, Origin, network_of
from mingzhang.web.problems import PROBLEMS

LIMITS = "account=2,contact=4,payer=1,order_units=2,ip=0"


def test_the_table_can_be_changed_and_every_code_has_words() -> None:
    changed = {rule.name: rule.most for rule in read_rules(LIMITS)}
    assert (changed["account"], changed["contact"], "ip" in changed) == (2, 4, False)
    assert (read_rules("off"), read_rules("on")) == ((), RULES)
    for wrong in ("nonsense=1", "account=-1", "account"):
        with pytest.raises(Problem, match="settings_invalid"):
            read_rules(wrong)
    assert {rule.code for rule in RULES if rule.action is not Action.REFUND} <= set(PROBLEMS)


def test_of_an_address_its_network_is_counted() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert (network_of("203.0.113.9"), network_of("::ffff:203.0.113.9")) == ("203.0.113.9", "203.0.113.9")
    assert network_of("unix:") == ""


async def place(house: House, key: str, **more: Any) -> tuple[int, Any]:
    body = {"product_id": "phone-100", "account": "13800138000", "contact": "buyer@example.com", **more}
    headers = {"Idempotency-Key": f"limits-{key}", "X-Client": "limits"}
    async with house.http.post(f"{house.url}/api/v1/orders", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


def payer_of(payment_no: str) -> str:
    """Who pays at the simulated Alipay, as its seed has it (`simulators/alipay/methods.py`)."""
    digest = hashlib.sha256(f"7|payer|{payment_no}".encode()).hexdigest()
    return "2088" + str(int(digest[:10], 16))[:12].rjust(12, "1")


async def until_counted(house: House, orders: int) -> None:
    for _ in range(200):
        if await house.desk.pool.fetchval("SELECT coalesce(max(n), 0) FROM limit_count") >= orders:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("not counted")


async def test_what_is_beyond_a_limit_is_not_placed(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=1.0, limits=LIMITS) as house:
        status, first = await place(house, "one")
        assert status == 201
        status, told = await place(house, "two")
        assert (status, told["code"]) == (409, "repeat_purchase")
        assert (await place(house, "two", again=True))[0] == 201
        status, told = await place(house, "three", again=True)
        assert (status, told["code"], told["params"]["most"]) == (429, "limit_account", 2)
        # A repetition is no new order, whatever the limits say.
        status, again = await place(house, "one")
        assert (status, again["order_id"], again["repeated"]) == (201, first["order_id"], True)
        status, told = await place(
            house, "four", product_id="card-50", account="", contact="other@example.com", quantity=3
        )
        assert (status, told["code"]) == (422, "limit_order_units")
        assert (await place(house, "five", account="13900139000"))[0] == 201
        assert (await place(house, "six", account="13700137000"))[0] == 201
        status, told = await place(house, "seven", account="13600136000")
        assert (status, told["code"]) == (429, "limit_contact")
        hits = await house.desk.pool.fetch(
            "SELECT rule, order_id, seen, most FROM limit_hit ORDER BY at, hit_id"
        )
        assert [row["rule"] for row in hits] == ["repeat", "account", "order_units", "contact"]
        assert await house.desk.pool.fetchval("SELECT count(*) FROM orders") == 4
        # Another process has counted nothing itself and knows it all the same.
        await until_counted(house, 4)
        ctx = house.desk.ctx
        other = Limits(ctx.pool, ctx.vault, ctx.clock, Random(1), read_rules(LIMITS))
        asked = Asked(
            product_id="qq-10",
            units=1,
            fen=1000,
            account_hash=ctx.vault.fingerprint("13800138000"),
            contact_hash=b"",
            has_account=True,
            has_contact=False,
            again=False,
            origin=Origin(),
        )
        with pytest.raises(Problem, match="limit_account"):
            await other.check(asked, "limits", "limits-eight")
        await other.close()
        await _bursts(house, msgspec.structs.replace(asked, account_hash=b"", has_account=False))


async def _bursts(house: House, asked: Asked) -> None:
    """By the API or by the pages: so many orders a minute and address, and told when to come again."""
    ctx, clock = house.desk.ctx, ManualClock(house.desk.clock.now())
    limits = Limits(ctx.pool, ctx.vault, clock, Random(1), read_rules("ip_minute=2,repeat=0"))
    asked = msgspec.structs.replace(asked, origin=Origin(address="203.0.113.9"))
    for key in ("one", "two"):
        limits.count(await limits.check(asked, "burst", key), asked.fen)
    with pytest.raises(Problem, match="limit_burst") as refused:
        await limits.check(asked, "burst", "three")
    assert (refused.value.kind, refused.value.params["wait_s"]) == (Kind.TOO_MANY, 60)
    elsewhere = msgspec.structs.replace(asked, origin=Origin(address="203.0.113.10"))
    assert await limits.check(elsewhere, "burst", "three")
    clock.advance(timedelta(minutes=2))
    assert await limits.check(asked, "burst", "three")
    await limits.close()


async def test_a_payer_beyond_the_limit_gets_all_of_it_back(database_url: str, tmp_path: Path) -> None:
    """After the payment, before the supplier: told six times, counted once."""
    async with open_house(database_url, tmp_path, limits=LIMITS) as house:
        first = await house.place()
        await house.world.fault(first, "alipay", "notify_concurrent", n=6)
        await house.buyer_pays(await house.open(first))
        await house.until(first, lambda page: page.supply_badge == "arrived")
        second = await house.place(account="13900139000")
        payment_no = await house.open(second)
        limits = house.desk.ctx.limits
        assert limits is not None
        limits.count_payer("alipay", payer_of(payment_no), 10_000)  # as if they had paid an order today
        await house.buyer_pays(payment_no)
        page = await house.until(second, lambda page: page.pay_badge == "refunded")
        assert page.refund is not None
        assert (page.refund.cause, page.refund.amount_fen) == ("payer_limit", page.price_fen)
        assert [attempt.state for attempt in await attempts(house, second)] == ["cancelled"]
        hit = await house.desk.pool.fetchrow("SELECT rule, order_id FROM limit_hit")
        assert (hit["rule"], hit["order_id"]) == ("payer", second)
        await sound(house)
