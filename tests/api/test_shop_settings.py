"""Staff set the shop's face: who may, what is refused, what buyers' pages then show, what the record holds."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

import aiohttp
from PIL import Image
from test_staff_pages import Person, done, sign_in_strong

from house import House, open_house
from mingzhang.app.transparency import signer_of
from mingzhang.staff.rights import Role
from mingzhang.transparency.sequencer import Sequencer
from mingzhang.transparency.verify_offline import check

HOME = "/staff/settings"


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (400, 120), (11, 100, 119, 90)).save(out, "PNG")
    return out.getvalue()


async def change_the_rules(house: House, writer: Person) -> None:
    """Written, looked at, published a week ahead; readable by everybody, and nothing else holds before its day."""
    url = "/staff/papers"

    async def send(**fields: str) -> tuple[int, str]:
        _, html = await writer.look(url)
        csrf = re.findall(r'name="csrf" value="([^"]+)"', html)[0]
        form = aiohttp.FormData(
            {"csrf": csrf, "kind": "rules", "seen": "1", **fields}, default_to_multipart=True
        )
        async with writer.session.post(house.url + url, data=form, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def read(path: str) -> str:
        async with house.http.get(house.url + path) as answer:
            assert answer.status == 200, path
            return await answer.text()

    _, html = await writer.look(f"{url}?kind=rules")
    day = re.findall(r'type="date" required value="([^"]+)"', html)[0]
    texts = {"text_zh": "新规则第一条。", "text_en": "A new first rule.", "reason": "写得更清楚"}
    assert (await send(**texts, step="publish", effective_on="2000-01-01"))[0] == 422
    assert (await send(**texts, step="preview", effective_on=day, kind="nothing"))[0] == 422
    status, html = await send(**texts, step="preview", effective_on=day)
    assert status == 200
    assert "<ins>新规则第一条。</ins>" in html
    assert (await send(**texts, step="publish", effective_on=day, seen="0"))[0] == 409
    assert (await send(**texts, step="publish", effective_on=day))[0] == 303
    assert f"第 2 版将于 {day} 施行" in await read("/")
    assert "公示中" in await read("/trust/papers/rules/2")
    assert (await read("/trust/papers/rules/2/text")).splitlines() == list(texts.values())[:2]
    assert (await house.desk.rules("zh"))[0] == 1
    assert (await send(step="publish", kind="privacy", seen="0", text_zh="只留必要的。", text_en="Little."))[
        0
    ] == 303
    await Sequencer(house.desk.pool, signer_of(house.desk.settings), house.desk.ctx.now).round()
    statement, *_ = check((await read("/trust/papers/rules/2/receipt")).encode())
    assert statement["subject"] == "PAPER-RULES-2"
    assert statement["evidence"] == hashlib.sha256("\n".join(list(texts.values())[:2]).encode()).hexdigest()


async def register_a_licence(house: House, keeper: Person) -> None:
    """Staff enter a licence with its picture; everybody reads it, all its versions, and our own's picture alone."""
    _, html = await keeper.look("/staff/licences")
    csrf = re.findall(r'name="csrf" value="([^"]+)"', html)[0]
    for kind, party in (("own", "清风有限公司"), ("supplier", "fulu")):
        form = aiohttp.FormData(
            {"csrf": csrf, "kind": kind, "party": party, "title": "营业执照", "number": "91310000MA1K00000X"}
        )
        form.add_field("contact", "13800138000")
        form.add_field("picture", png(), filename="x.png", content_type="image/png")
        url = f"{house.url}/staff/licences"
        async with keeper.session.post(url, data=form, allow_redirects=False) as answer:
            assert answer.status == 303, await answer.text()
    async with house.http.get(f"{house.url}/api/v1/trust") as answer:
        own, other = (await answer.json())["licences"]
    assert (own["kind"], own["state"], other["party"], other["picture"]) == ("own", "valid", "fulu", "")
    async with house.http.get(house.url + own["picture"]) as answer:
        assert (await answer.read())[:2] == b"\xff\xd8"
    for path, status in (
        (own["url"], 200),
        (other["url"], 200),
        (f"{other['url']}/picture/1", 404),
        (f"{own['url']}/picture/2", 404),
        ("/trust/licences/none", 404),
    ):
        async with house.http.get(house.url + path) as answer:
            assert answer.status == status, path
            assert "13800138000" not in await answer.text()


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
            await change_the_rules(house, helper)
            await register_a_licence(house, helper)
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
