"""Work by hand over real HTTP: nobody alone makes an order delivered; a refusal gives the money back."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

from test_staff import Person
from test_staff_pages import done, sign_in_strong

from house import House, open_house
from mingzhang.catalogue.store import Product, add_product
from mingzhang.fulfilment import store as fulfilment
from mingzhang.kit.ids import bucket_of
from mingzhang.staff.rights import Role

BY_HAND = Product(
    product_id="by-hand",
    kind="mobile",
    title_zh="会员代办",
    title_en="Membership, done by hand",
    face_value_fen=10000,
    price_fen=12000,
    cost_fen=0,
    max_quantity=1,
    supplier="manual",
    supplier_product="年卡会员",
    account_template="phone_cn",
    promise_s=86_400,
    position=90,
)


async def listed(me: Person, order_id: str) -> str:
    give_up = time.monotonic() + 30
    while True:
        _, html = await me.look("/staff/manual")
        if f"{order_id}T1" in html:
            return html
        assert time.monotonic() < give_up
        await asyncio.sleep(0.1)


async def ended(house: House, state: str) -> None:
    give_up = time.monotonic() + 30
    while await house.desk.pool.fetchval("SELECT state FROM manual_task") != state:
        assert time.monotonic() < give_up
        await asyncio.sleep(0.1)


async def sell(house: House) -> None:
    async with house.desk.pool.acquire() as conn:
        await add_product(conn, BY_HAND)


async def test_two_people_make_it_delivered_and_one_can_refuse(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        await sell(house)
        first, second = await asyncio.gather(
            house.buy(product="by-hand"), house.buy(product="by-hand", account="13900139000")
        )
        ann = await sign_in_strong(house, "ann", Role.SUPPORT)
        bob = await sign_in_strong(house, "bob", Role.FINANCE)
        eyes = await sign_in_strong(house, "eyes", Role.AUDITOR)
        async with ann.session, bob.session, eyes.session:
            html = await listed(ann, first)
            await listed(ann, second)
            assert "年卡会员" in html
            assert "13800138000" not in html
            assert f"{first}T1" in (await ann.look("/staff/work?kind=manual"))[1]
            task = f"/staff/manual/{first}T1"
            status, html = await ann.send(f"{task}/account", reason="办理充值")
            assert (status, "13800138000" in html) == (200, True)
            assert (await ann.send(f"{task}/report", reference=" ", note="代充完成"))[0] == 422
            assert (await ann.send(f"{task}/report", reference="YD20260301", note=""))[0] == 422
            assert (await ann.send(f"{task}/report", reference="YD20260301", note="运营商后台代充完成"))[
                0
            ] == 303
            assert (await ann.send(f"{task}/report", reference="YD2", note="再报一次试试"))[0] == 409
            assert (await ann.send(f"{task}/refuse", reason="account_banned", note="封号了"))[0] in (409, 422)
            _, html = await bob.look("/staff/manual")
            assert "YD20260301" in html
            found = re.search(r'name="approval" value="([^"]+)"', html)
            assert found is not None
            approval = found.group(1)
            assert (await ann.send(f"{task}/approve", approval=approval))[0] == 403  # her own
            await eyes.look("/staff/manual")
            assert (await eyes.send(f"{task}/approve", approval=approval))[0] == 403
            assert (await house.page(first)).supply_badge != "arrived"
            assert (await bob.send(f"{task}/approve", approval=approval))[0] == 303
            assert (await bob.send(f"{task}/approve", approval=approval))[0] == 409
            page = await house.until(first, lambda page: page.supply_badge == "arrived")
            assert any("YD20260301" in number for _, number in page.numbers) or "YD20260301" in str(page)

            other = f"/staff/manual/{second}T1"
            assert (await bob.send(f"{other}/refuse", reason="no_such_reason", note="办不了的"))[0] == 422
            assert (await bob.send(f"{other}/refuse", reason="account_banned", note="账号被封，联系不上"))[
                0
            ] == 303
            assert (await bob.send(f"{other}/report", reference="R", note="又说办好了"))[0] == 409
            page = await house.until(second, lambda page: page.pay_badge == "refunded")
            assert page.reason == "account_banned"
            assert (await bob.send("/staff/manual/nothing/refuse"))[0] == 404
        kinds = await done(house)
        assert ("view_personal_data", "seen") in kinds
        assert ("confirm_by_hand", "done") in kinds
        assert ("refuse_by_hand", "done") in kinds
        proof = await house.desk.pool.fetchval(
            "SELECT count(*) FROM evidence WHERE party = 'manual' AND convert_from(body, 'UTF8') LIKE '%YD20260301%'"
        )
        assert proof >= 1
        await house.until_applied()
        assert (await house.audit()).ok
        assert await house.lost_fen() == 0


async def test_nobody_is_led_to_work_that_the_buyer_has_taken_back(database_url: str, tmp_path: Path) -> None:
    """Row 20: the buyer chose the refund. The account is shown to nobody any more; work ends with it; what was done
    before is reported, and is a late success (row 19).
    """
    async with open_house(database_url, tmp_path) as house:
        await sell(house)
        order_id = await house.buy(product="by-hand")
        ann = await sign_in_strong(house, "ann", Role.SUPPORT)
        async with ann.session:
            await listed(ann, order_id)
            await house.until(order_id, lambda page: page.supply_badge == "processing")
            now = house.desk.clock.now()
            await house.desk.pool.execute(
                "UPDATE orders SET due_at = $2, deadline_at = $2 WHERE order_id = $1", order_id, now
            )
            await house.until(order_id, lambda page: "choose_refund" in page.actions)
            await house.desk.choose(order_id, "refund")
            task = f"/staff/manual/{order_id}T1"
            status, html = await ann.send(f"{task}/account", reason="办理充值")
            assert (status, "13800138000" in html) == (409, False)
            page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
            assert "已退款" in await listed(ann, order_id)
            assert (await ann.send(f"{task}/account", reason="办理充值"))[0] == 409
            async with (
                house.desk.pool.acquire() as conn
            ):  # a look at the row, as a supplier's hint would bring it
                await conn.execute(
                    fulfilment.SQL.set_asked_now, bucket_of(order_id), f"{order_id}T1", house.desk.clock.now()
                )
            await ended(house, "stopped")
            assert f"{order_id}T1" not in (await ann.look("/staff/work?kind=manual"))[1]
            assert "退款以前" in await listed(ann, order_id)
            done = {"reference": "YD1", "note": "退款前已经办好"}
            status, html = await ann.send(f"{task}/report", **done)
            assert (status, "退款以后不要再办" in html) == (409, True)
            assert (await ann.send(f"{task}/report", **done, before="1"))[0] == 303
            bob = await sign_in_strong(house, "bob", Role.FINANCE)
            async with bob.session:
                found = re.search(r'name="approval" value="([^"]+)"', (await bob.look("/staff/manual"))[1])
                assert found is not None
                assert (await bob.send(f"{task}/approve", approval=found.group(1)))[0] == 303
            page = await house.until(
                order_id, lambda page: any(line.kind == "late_success" for line in page.timeline)
            )
            await ended(house, "succeeded")
        assert page.pay_badge == "refunded"
        await house.until_applied()
        assert (await house.audit()).ok
        assert await house.lost_fen() == 0
