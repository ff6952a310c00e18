"""The staff's catalogue pages: by right and second factor, on record, all or nothing, safe to open in a spreadsheet."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pyotp
from PIL import Image
from test_staff import PASSWORD, Person, person

from house import House, open_house
from mingzhang.kit.clock import ManualClock, SystemClock
from mingzhang.staff import accounts, totp
from mingzhang.staff.model import Office
from mingzhang.staff.rights import Role

HOME = "/staff/catalogue"


async def sign_in(house: House, name: str, *roles: Role) -> Person:
    """A person with a second factor, signed in with it."""
    ctx = house.desk.ctx
    office = Office(pool=ctx.pool, vault=ctx.vault, rng=ctx.rng, clock=ctx.clock)
    await accounts.add(office, name, PASSWORD, list(roles))
    secret = pyotp.random_base32()
    earlier = ManualClock(SystemClock().now() - timedelta(seconds=totp.STEP_S))
    await accounts.set_totp(
        replace(office, phone=earlier), name, secret, pyotp.TOTP(secret).at(earlier.now())
    )
    me = person(house)
    await me.look()
    code = pyotp.TOTP(secret).at(SystemClock().now())
    assert (await me.send("/staff/sign-in", name=name, password=PASSWORD, code=code))[0] == 303
    return me


async def upload(
    house: House, me: Person, path: str, name: str, file: bytes, **fields: str
) -> tuple[int, str]:
    form = aiohttp.FormData()
    for key, text in {"csrf": me.csrf, **fields}.items():
        form.add_field(key, text)
    if file:
        form.add_field(name, io.BytesIO(file), filename="file", content_type="application/octet-stream")
    async with me.session.post(house.url + path, data=form, allow_redirects=False) as answer:
        return answer.status, await answer.text()


def png() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((300, 200)).save(out, "PNG")
    return out.getvalue()


async def test_staff_change_the_catalogue_by_form_and_by_file(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        pool = house.desk.pool
        me = await sign_in(house, "shopkeeper", Role.OPERATOR)
        eyes = await sign_in(house, "eyes", Role.AUDITOR)
        async with me.session, eyes.session:
            assert (await eyes.look(HOME))[0] == 403
            assert (await eyes.look(f"{HOME}/export/csv"))[0] == 403
            await eyes.look("/staff/work")
            assert (await eyes.send(f"{HOME}/products/phone-100", price="1"))[0] == 403

            status, html = await me.look(f"{HOME}?q=phone&p=1")
            assert status == 200
            assert "phone-slow-100" in html
            assert "进价" not in html  # an operator sees no costs
            page = f"{HOME}/products/phone-100"
            status, html = await me.look(page)
            assert status == 200
            assert "98.50" not in html
            assert (await me.send(page, csrf="x", price="101"))[0] == 403
            await me.look(page)
            assert (await me.send(page, price="101.00", cost=""))[0] == 303
            _, html = await me.look(f"{page}?done=1")
            assert "101.00" in html
            assert "shopkeeper" in html
            status, html = await me.send(page, price="50", title_zh="话费 秒到账")
            assert status == 422
            assert "承诺了秒到账" in html
            assert "价格低于下限" in html
            assert (
                await pool.fetchval("SELECT price_fen FROM product WHERE product_id = 'phone-100'") == 10100
            )
            assert (await me.send(page, on_sale="no", back="list"))[0] == 303
            async with house.http.get(f"{house.url}/products/phone-100") as answer:
                assert answer.status == 404
            assert (await upload(house, me, f"{page}/picture", "picture_file", png()))[0] == 303
            assert (await upload(house, me, f"{page}/picture", "picture_file", b"no picture"))[0] == 422
            assert (await me.look(f"{HOME}/products/nothing"))[0] == 404
            assert (await me.look(f"{HOME}/products/UPPER."))[0] == 404

            async with me.session.get(f"{house.url}{HOME}/export/csv") as answer:
                sheet = (await answer.read()).decode("utf-8-sig")
            assert "cost" not in sheet.splitlines()[0].split(",")
            await me.look(f"{HOME}/import")
            data = b"product_id,price\nphone-100,102\nphone-50,51\n"
            status, html = await upload(house, me, f"{HOME}/import", "file", data)
            assert status == 200
            assert "101.00" in html
            fields = dict(re.findall(r'name="(digest|data)" value="([^"]*)"', html))
            assert (await upload(house, me, f"{HOME}/import", "file", b"", **fields))[0] == 303
            assert await pool.fetchval("SELECT price_fen FROM product WHERE product_id = 'phone-50'") == 5100
            status, html = await upload(house, me, f"{HOME}/import", "file", b"", **fields)
            assert (status, "商品又变了" in html) == (409, True)
            for bad, said in (
                (b"product_id,price\nphone-50,1\n", "价格低于下限"),
                (b"product_id,price\nphone-100,=1\n", "公式"),
                (b"\x00\x01", "读不出来"),
                (b"x" * 1_100_000, "too_large"),
            ):
                status, html = await upload(house, me, f"{HOME}/import", "file", bad)
                assert status in {413, 422}, said
                assert said in html

        done = await pool.fetch(
            "SELECT name, action, subject FROM staff_action WHERE action LIKE 'catalogue%' OR kind = 'refused'"
        )
        assert {tuple(row) for row in done} == {
            ("eyes", "manage_catalogue", ""),
            ("eyes", "manage_catalogue", "phone-100"),
            ("shopkeeper", "catalogue_page", "phone-100"),
            ("shopkeeper", "catalogue_export", "catalogue"),
            ("shopkeeper", "catalogue_import", "catalogue"),
        }
        changed = await pool.fetch(
            "SELECT old, new, way FROM catalogue_change WHERE field = 'price' AND subject = 'phone-100' AND old <> ''"
            " ORDER BY change_id"
        )
        assert [tuple(row) for row in changed] == [
            ("100.00", "101.00", "page"),
            ("101.00", "102.00", "import"),
        ]
