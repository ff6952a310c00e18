"""Staff set the shop's face: who may, what is refused, what buyers' pages then show, what the record holds."""

from __future__ import annotations

import io
import re
from pathlib import Path

import aiohttp
from PIL import Image
from test_staff_pages import done, sign_in_strong

from house import open_house
from mingzhang.staff.rights import Role

HOME = "/staff/settings"


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (400, 120), (11, 100, 119, 90)).save(out, "PNG")
    return out.getvalue()


async def test_the_shops_face_is_set_by_those_who_may_and_shown_at_once(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path, support="工单") as house:

        async def front(path: str = "/") -> str:
            async with house.http.get(house.url + path) as answer:
                assert answer.status == 200
                return await answer.text()

        helper = await sign_in_strong(house, "bo", Role.OPERATOR)
        async with helper.session:
            assert (await helper.look(HOME))[0] == 403
        admin = await sign_in_strong(house, "wu", Role.ADMIN)
        async with admin.session:
            assert (await admin.look(HOME))[0] == 200
            for wrong, code in (
                ({"seen": "0", "accent": "#ffee00"}, 422),
                ({"seen": "0", "support_url": "javascript:1"}, 422),
                ({"seen": "7", "name_zh": "别的店"}, 409),
                ({"seen": "0"}, 422),
                ({"seen": "x" * 20, "name_zh": "别的店"}, 409),
            ):
                status, html = await admin.send(HOME, **wrong)
                assert status == code, wrong
            _, html = await admin.send(HOME, seen="0", accent="#ffee00")
            assert "最接近的可用颜色" in html
            assert "明账演示店" in await front()
            csrf = re.findall(r'name="csrf" value="([^"]+)"', html)[-1]
            form = aiohttp.FormData(
                {
                    "csrf": csrf,
                    "seen": "0",
                    "name_zh": "清风小店",
                    "name_en": "Breeze Shop",
                    "accent": "#7a1f5c",
                    "notice_zh": "国庆照常营业",
                    "support_url": "https://kf.example/1",
                    "licence": "清风有限公司 91310000MA1K00000X",
                    "icp": "沪ICP备00000000号",
                }
            )
            form.add_field("logo", png(), filename="x.png", content_type="image/png")
            async with admin.session.post(house.url + HOME, data=form, allow_redirects=False) as answer:
                assert answer.status == 303, await answer.text()
            _, html = await admin.look(HOME)
            assert "第 1 版" in html
        html = await front()
        for shown in (
            "清风小店",
            "国庆照常营业",
            "https://kf.example/1",
            "91310000MA1K00000X",
            "沪ICP备",
            "工单",
        ):
            assert shown in html, shown
        assert "Breeze Shop" in await front("/?lang=en")
        css = re.findall(r'href="(/shop\.css\?v=1)"', html)[0]
        assert "--accent:#7a1f5c" in await front(css)
        logo = re.findall(r'src="(/shop-logo/[0-9a-f]{64}\.png)"', html)[0]
        async with house.http.get(house.url + logo) as answer:
            assert (answer.status, answer.content_type) == (200, "image/png")
        for odd in ("/shop-logo/x.png", "/shop-logo/" + "0" * 64 + ".png"):
            async with house.http.get(house.url + odd) as answer:
                assert answer.status == 404
        assert ("set_shop", "done") in await done(house)
