"""Own cards on the staff's page, by upload and by button; codes are the buyer's alone, and every look is on record."""

from __future__ import annotations

from pathlib import Path

import aiohttp
from test_staff import Person
from test_staff_pages import done, sign_in_strong

from house import House, open_house
from mingzhang.staff.rights import Role

FILE = "卡号,卡密\nN1,code-000001\nN2,code-000002\nN2,code-000002\nN3,\n".encode("gb18030")


async def upload(me: Person, what: str, data: bytes = FILE, **more: str) -> tuple[int, str]:
    form = aiohttp.FormData()
    fields = {"csrf": me.csrf, "do": what, "product": "mine", "cost": "1.00", "paid_to": "wholesaler", **more}
    for name, text in fields.items():
        form.add_field(name, text)
    form.add_field("file", data, filename="cards.csv", content_type="text/csv")
    async with me.session.post(f"{me._house.url}/staff/stock/import", data=form) as answer:
        return answer.status, await answer.text()


async def batches(house: House) -> dict[str, int]:
    rows = await house.desk.pool.fetch(
        "SELECT batch_id, available FROM card_shelf WHERE product <> 'stock-50'"
    )
    return {row["batch_id"]: row["available"] for row in rows}


async def test_cards_come_in_by_upload_with_a_preview(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        before = await batches(house)
        me = await sign_in_strong(house, "keeper", Role.OPERATOR)
        eyes = await sign_in_strong(house, "eyes", Role.SUPPORT)
        async with me.session, eyes.session:
            await me.look("/staff/stock")
            status, html = await upload(me, "preview")
            assert (status, await batches(house)) == (200, before)
            assert "共 3 张，新卡 2 张" in html
            assert "第 4 行" in html
            assert "第 5 行" in html
            assert "code-0" not in html
            assert 'value="wholesaler"' in html  # what was typed is still there for the import
            status, html = await upload(me, "import")
            assert "已入库 2 张" in html
            (batch,) = (await batches(house)).keys() - before.keys()
            status, html = await upload(me, "import", b"\0\0\0", product="other")
            assert status == 422
            assert "文件读不了" in html
            assert (await upload(me, "import", cost="-1", product="other"))[0] == 422
            await eyes.look("/staff/stock")
            assert (await upload(eyes, "import", product="third"))[0] == 403
            assert (await upload(me, "import", csrf="wrong", product="third"))[0] == 403
            moved = await me.send("/staff/stock/move", batch=batch, to="other", cards="1")
            assert moved[0] == 303
            assert (await me.send("/staff/stock/recycle", batch=batch, reason=""))[0] == 422
            assert (await me.send("/staff/stock/recycle", batch=batch, reason="damaged"))[0] == 303
            assert (await batches(house))[batch] == 0
            _, html = await me.look("/staff/stock")
            assert "damaged" in html
            assert (await me.send("/staff/stock/restore", batch=batch))[0] == 303
            assert (await me.send("/staff/stock/restore", batch=batch))[0] == 409
            assert (await me.send("/staff/stock/restore", batch="no-such"))[0] == 404
        told = [action for action, kind in await done(house) if kind == "done"]
        assert told == ["stock_import", "stock_move", "stock_recycle", "stock_restore"]
        report = await house.audit()
        assert report.ok, report.findings


async def test_codes_are_shown_to_the_buyer_and_each_look_is_on_record(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(product="card-50", account="")
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        code = page.cards[0][1]
        assert (await house.desk.order_page(order_id)).cards == ()
        views = "SELECT viewer, via FROM card_view WHERE order_id = $1 AND via <> 'test' ORDER BY view_id"
        assert await house.desk.pool.fetch(views, order_id) == []
        headers = {"Authorization": f"Bearer {house.desk.ctx.vault.token(order_id)}"}
        address = f"{house.url}/orders/{order_id}"
        async with house.http.get(f"{house.url}/api/v1/orders/{order_id}", headers=headers) as answer:
            assert code in await answer.text()
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            token = {"token": house.desk.ctx.vault.token(order_id)}
            async with browser.get(address) as answer:
                assert code not in await answer.text()
            async with browser.post(f"{address}/session", json=token) as answer:
                assert answer.status == 200
            for path in (address, f"{address}/fragment"):
                async with browser.get(path) as answer:
                    assert code in await answer.text()
        me = await sign_in_strong(house, "keeper", Role.OPERATOR)
        eyes = await sign_in_strong(house, "eyes", Role.SUPPORT)
        async with me.session, eyes.session:
            for who in (me, eyes):
                _, html = await who.look(f"/staff/orders/{order_id}")
                assert code not in html
            assert (await eyes.send(f"/staff/orders/{order_id}/codes", reason="buyer calls"))[0] == 403
            assert (await me.send(f"/staff/orders/{order_id}/codes", reason=""))[0] == 422
            status, html = await me.send(f"/staff/orders/{order_id}/codes", reason="buyer calls")
            assert (status, code in html) == (200, True)
        seen = [tuple(row) for row in await house.desk.pool.fetch(views, order_id)]
        assert seen == [("buyer", "api"), ("buyer", "page"), ("buyer", "live"), ("staff:keeper", "staff")]
        assert await done(house) == [("view_card_codes", "refused"), ("view_card_codes", "seen")]
