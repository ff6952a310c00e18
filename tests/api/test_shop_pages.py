"""The shop as a buyer without scripts uses it: categories, search, variants, fields, double entry, hints before paying."""

from __future__ import annotations

import io
import re
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from house import House, open_house
from mingzhang.app.supplier_template import read_template
from mingzhang.catalogue.pictures import add_picture
from mingzhang.kit.errors import Problem

PASSWORD = "kite-42-lake"
GAME = {
    "account": "wanderer",
    "account_again": "wanderer",
    "f_region": "华东区",
    "f_server": "飞龙在天",
    "query_password": PASSWORD,
}


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (900, 600), (11, 100, 119, 200)).save(out, "PNG")
    return out.getvalue()


async def look(house: House, path: str) -> tuple[int, str]:
    async with house.http.get(house.url + path) as answer:
        return answer.status, await answer.text()


async def send(house: House, path: str, **form: str) -> tuple[int, str]:
    async with house.http.post(house.url + path, data=form, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", "") or await answer.text()


async def test_a_buyer_finds_their_way_and_is_told_all_before_paying(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        _, html = await look(house, "/")
        assert html.count("<article") >= 10
        for product in ("phone-100", "phone-10", "phone-slow-100", "qq-1", "video-vip"):
            assert f'href="/products/{product}"' in html, product
        _, html = await look(house, "/?c=phone")
        assert "phone-slow-100" in html
        assert "qq-1" not in html
        for path, there in (
            ("/?q=" + "网易", "netease-30"),
            ("/?q=SLOW+credit", "phone-slow-50"),
            ("/?c=vip&q=music", "music-vip"),
        ):
            _, html = await look(house, path)
            assert there in html, path
        for odd in ("/?c=nothing", "/?p=999999999", "/?p=x&q=%00%25", "/?q=" + "x" * 3000, "/?c=%F0%9F"):
            assert (await look(house, odd))[0] == 200, odd

        _, html = await look(house, "/products/phone-slow-100")
        assert "24–72 小时" in html
        assert 'aria-current="true"' in html
        path = "/products/xyq-30"
        for wrong, said in (
            ({"account_again": "wonderer"}, "两次输入的账号不一样"),
            ({"f_region": "月球"}, "请选择一项"),
            ({"f_server": ""}, "账号格式不对"),
            ({"f_extra": "1"}, "账号格式不对"),
            ({"query_password": "123456"}, "查询密码要 6–64 位"),
            ({"query_password": ""}, "或者改用查询密码"),
        ):
            for step in ("check", "place"):
                status, html = await send(house, path, step=step, **GAME | wrong)
                assert (status, said in html) == (422, True), wrong
        assert await house.desk.pool.fetchval("SELECT count(*) FROM orders") == 0
        status, html = await send(house, path, step="check", **GAME)
        assert status == 200
        assert PASSWORD not in re.sub(r"<input[^>]*>", "", html)
        assert "金额较大" not in html
        key = re.findall(r'name="idempotency_key" value="(\w+)"', html)[0]
        status, where = await send(house, path, step="place", idempotency_key=key, **GAME)
        assert status == 303
        order_id = where.removeprefix("/orders/").partition("#")[0]
        assert (await house.page(order_id)).account_mask == "w****erer · 华东区 · 飞龙在天"
        status, where = await send(house, "/find", number=order_id, contact=PASSWORD)
        assert (status, where) == (303, f"/orders/{order_id}")

        phone = {"account": "13800138000", "contact": "a@b.cn"}
        _, html = await send(house, "/products/phone-slow-100", step="check", **phone)
        assert "号段属于中国移动" in html
        large = {"account": "wanderer", "account_again": "wanderer", "contact": "a@b.cn", "quantity": "20"}
        _, html = await send(house, "/products/netease-30", step="check", **large)
        assert "金额较大" in html
        assert "ecard.163.com" in html
        assert "¥584.00" in html

        cells = await read_template(house.desk.ctx, "phone-30")
        [field] = msgspec.json.decode(cells["fields"])
        assert (field["name"], field["kind"], field["label_zh"]) == ("account", "phone_cn", "手机号码")
        with pytest.raises(Problem, match="no_template"):
            await read_template(house.desk.ctx, "phone-100")

        picture = await add_picture(house.desk.pool, png(), house.desk.clock.now())
        async with house.http.get(f"{house.url}/pictures/{picture}.jpg") as answer:
            assert (answer.status, answer.content_type) == (200, "image/jpeg")
            assert "immutable" in answer.headers["Cache-Control"]
        for name in ("0" * 64 + ".jpg", "..%2f..%2fetc", "x.jpg"):
            assert (await look(house, f"/pictures/{name}"))[0] == 404
