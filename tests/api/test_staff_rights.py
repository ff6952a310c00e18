"""The staff pages ask for the second factor and for rights, and put a refusal on record."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyotp
from test_staff import NAME, PASSWORD, person

from house import House, open_house
from mingzhang.kit.clock import ManualClock, SystemClock
from mingzhang.staff import accounts, totp
from mingzhang.staff.model import Office
from mingzhang.staff.rights import Role

STEP = timedelta(seconds=totp.STEP_S)


def office_of(house: House) -> Office:
    ctx = house.desk.ctx
    return Office(pool=ctx.pool, vault=ctx.vault, rng=ctx.rng, clock=ctx.clock)


async def test_the_form_asks_for_the_code_of_a_second_factor(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        office = office_of(house)
        await accounts.add(office, NAME, PASSWORD)
        secret = pyotp.random_base32()
        app = pyotp.TOTP(secret)
        # Proved a step ago, so that the present code is not used up. The phone's time is real.
        earlier = ManualClock(SystemClock().now() - STEP)
        await accounts.set_totp(replace(office, phone=earlier), NAME, secret, app.at(earlier.now()))
        me = person(house)
        async with me.session:
            _, html = await me.look()
            assert 'autocomplete="one-time-code"' in html
            for code in ("", "000000"):
                await me.look()
                assert (await me.send("/staff/sign-in", name=NAME, password=PASSWORD, code=code))[0] == 401
            await me.look()
            code = app.at(SystemClock().now())
            assert (await me.send("/staff/sign-in", name=NAME, password=PASSWORD, code=code))[0] == 303
            assert (await me.look("/staff/work"))[0] == 200
            assert await house.desk.pool.fetchval("SELECT strong FROM staff_session")


async def test_roles_decide_what_the_pages_show_and_do(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        office = office_of(house)
        await accounts.add(office, "boss", PASSWORD, [Role.ADMIN])
        await accounts.add(office, "eyes", PASSWORD, [Role.AUDITOR])
        order_id = await house.place()
        admin, auditor = person(house), person(house)
        async with admin.session, auditor.session:
            assert await admin.sign_in(name="boss") == 303
            status, html = await admin.look("/staff/work")
            assert (status, "right_missing" in html) == (403, True)
            assert await auditor.sign_in(name="eyes") == 303
            assert (await auditor.look("/staff/work"))[0] == 200
            assert (await auditor.send(f"/staff/work/order/{order_id}/ask_channel"))[0] == 403
        refused = await house.desk.pool.fetch(
            "SELECT name, action, subject FROM staff_action WHERE kind = 'refused' ORDER BY name"
        )
        assert [tuple(row) for row in refused] == [
            ("boss", "view_orders", ""),
            ("eyes", "ask_outside", order_id),
        ]
        asked = await house.desk.pool.fetch("SELECT 1 FROM event WHERE kind = 'staff_asked'")
        assert asked == []


async def test_a_revoked_person_is_out_at_the_next_page(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        office = office_of(house)
        await accounts.add(office, NAME, PASSWORD)
        me = person(house)
        async with me.session:
            assert await me.sign_in() == 303
            assert (await me.look("/staff/work"))[0] == 200
            assert await accounts.revoke(office, NAME) == 1
            assert (await me.look("/staff/work"))[0] == 303
            assert await me.sign_in() == 401
