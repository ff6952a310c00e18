"""R29 over the real wire: a shop that winds down sells nothing, gives back what it can, and says so on every page."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from test_staff_pages import sign_in_strong

from house import House, open_house
from mingzhang.app.desk_staff import send_notice_again
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.errors import Problem
from mingzhang.notices.model import Template
from mingzhang.staff.model import Member
from mingzhang.staff.rights import Role
from notice_sinks import mail_sink

HOME = "/staff/wind-down"
NOTICES = (
    '[email]\nhost = "127.0.0.1"\nport = {port}\nsender = "s@shop.test"\ntls = "none"\n'
    '[[route]]\naudience = "buyer"\nchannel = "email"\n'
)


async def status_of(house: House) -> dict[str, object]:
    async with house.http.get(f"{house.url}/api/v1/status") as answer:
        found: dict[str, object] = await answer.json()
        return found


async def place(house: House, key: str) -> tuple[int, str]:
    body = {"product_id": "phone-100", "quantity": 1, "account": "13800138000", "contact": "b@example.com"}
    headers = {"Idempotency-Key": key, "X-Client": "house"}
    async with house.http.post(f"{house.url}/api/v1/orders", json=body, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_r29_a_shop_winds_down_by_two_people_and_gives_the_money_back(
    database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "notices.toml"
    async with mail_sink() as sink:
        path.write_text(NOTICES.format(port=sink.port), encoding="utf-8")
        async with open_house(database_url, tmp_path, speed=60.0, notices_path=str(path)) as house:
            arrived = await house.buy()
            wrong = await house.buy(("fulu", "wrong_account"), account="13800138001")
            await house.until(arrived, lambda page: page.supply_badge == "arrived")
            await house.until(wrong, lambda page: page.supply_badge == "needs_you")
            assert (await status_of(house))["state"] == "ok"
            ann = await sign_in_strong(house, "ann", Role.ADMIN)
            bob = await sign_in_strong(house, "bob", Role.ADMIN)
            async with ann.session, bob.session:
                day = (house.desk.clock.now() + timedelta(days=40)).astimezone(BEIJING).date()
                await ann.look(HOME)
                for form in (
                    {"closes_on": str(day - timedelta(days=15))},
                    {"closes_on": "x"},
                    {"what": "call_off"},
                ):
                    assert (await ann.send(HOME, reason="转行了不做", **form))[0] in (404, 422)
                assert (await ann.send(HOME, closes_on=str(day), reason="转行了不做"))[0] == 303
                approval = await house.desk.pool.fetchval("SELECT approval_id FROM approval")
                assert (await ann.send(f"{HOME}/{approval}", word="approve"))[0] == 403
                assert (await place(house, "before-the-end"))[0] == 201
                await bob.look(HOME)
                assert (await bob.send(f"{HOME}/{approval}", word="approve"))[0] == 303
                assert (await bob.send(f"{HOME}/{approval}", word="approve"))[0] == 409
                status, said = await place(house, "after-the-end")
                assert (status, "closing" in said) == (409, True)
                assert (await place(house, "before-the-end"))[0] == 201  # a repetition is answered as before
                for page in ("/", "/products/phone-100", f"/orders/{arrived}"):
                    async with house.http.get(house.url + page) as answer:
                        assert str(day) in await answer.text(), page
                await house.until(wrong, lambda page: page.pay_badge == "refunded")
                pause = await house.desk.pool.fetchval("SELECT pause_id FROM pause WHERE scope = 'shop'")
                with_lift = await house.desk.pool.fetch("SELECT state FROM orders ORDER BY order_id")
                assert {row["state"] for row in with_lift} == {"delivered", "refunded", "awaiting_payment"}
                give_up = time.monotonic() + 40
                told = Template.WIND_DOWN.value
                while (
                    await house.desk.pool.fetchval("SELECT count(*) FROM notice WHERE template = $1", told)
                    < 1
                ):
                    assert time.monotonic() < give_up
                    await asyncio.sleep(0.05)
                assert (
                    await house.desk.pool.fetchval("SELECT count(*) FROM notice WHERE template = $1", told)
                    == 1
                )
                _, html = await bob.look("/staff/notices")
                assert "/staff/orders/contact:" not in html  # a letter to a contact is about no order
                letter = await house.desk.pool.fetchrow("SELECT * FROM notice WHERE template = $1", told)
                member = Member(name="bob", roles=(), rights=frozenset(), session_id="s", strong=True)
                with pytest.raises(Problem) as refused:
                    await send_notice_again(house.desk.ctx, member, letter["subject"], letter["notice_id"])
                assert refused.value.code == "notice_not_failed"
                found = await status_of(house)
                assert found["state"] == "closing"
                async with aiohttp.ClientSession() as visitor, visitor.get(f"{house.url}/status") as answer:
                    assert "正在停止经营" in await answer.text()
                _, html = await bob.look(HOME)
                assert "转行了不做" in html
                await bob.send(HOME, what="call_off", reason="又不转行了")
                again = await house.desk.pool.fetchval(
                    "SELECT approval_id FROM approval WHERE state = 'proposed'"
                )
                await ann.look(HOME)
                assert (await ann.send(f"{HOME}/{again}", word="approve"))[0] == 303
                assert (await place(house, "sold-again-01"))[0] == 201
                assert pause
            assert await house.lost_fen() == 0
            report = await house.audit()
            assert report.ok, report.findings
