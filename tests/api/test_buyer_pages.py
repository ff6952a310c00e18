"""The buyer's further pages without scripts: my orders by a code, requests and their answers, complaint, proof."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from test_staff_pages import done, sign_in_strong

from house import House, open_house
from mingzhang.kit.vault import Vault
from mingzhang.shop import codes
from mingzhang.staff.rights import Role
from notice_sinks import MailSink, mail_sink

CONTACT = "buyer@example.com"
ALIKE = re.compile(r"<main.*</main>", re.DOTALL)


class Browser:
    """A window without scripts."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def look(self, path: str, **options: Any) -> tuple[int, str]:
        async with self.session.get(self.house.url + path, **options) as answer:
            return answer.status, await answer.text()

    async def send(self, path: str, **form: str) -> tuple[int, str]:
        async with self.session.post(self.house.url + path, data=form, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", "") or await answer.text()


async def first_letter(sink: MailSink) -> str:
    """Wait for it; its text."""
    give_up = time.monotonic() + 30
    while not sink.mails:
        assert time.monotonic() < give_up, "no letter came"
        await asyncio.sleep(0.05)
    return str(sink.mails[0].get_content())


async def test_my_orders_by_a_code_that_tells_nobody_anything(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "notices.toml"
    async with mail_sink() as sink:
        path.write_text(
            f'[email]\nhost = "127.0.0.1"\nport = {sink.port}\nsender = "s@shop.test"\ntls = "none"\n'
            '[[route]]\naudience = "buyer"\nchannel = "email"\n',
            encoding="utf-8",
        )
        async with open_house(database_url, tmp_path, notices_path=str(path)) as house:
            browser = Browser(house)
            async with browser.session:
                order_id = await house.place()
                while not await house.desk.pool.fetchval("SELECT count(*) FROM notice_route"):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)  # opened by the worker's first round
                status, html = await browser.send("/my/code", contact="13800138000")
                assert (status, "发不了短信" in html) == (422, True)
                assert (await browser.send("/my/code", contact="nonsense"))[0] == 422
                _, known = await browser.send("/my/code", contact=CONTACT)
                _, unknown = await browser.send("/my/code", contact="bu@example.com")
                said = [
                    ALIKE.findall(html)[0].replace("bu@example.com", CONTACT) for html in (known, unknown)
                ]
                assert said[0].replace("bu***", "") == said[1].replace("bu***", "")
                await browser.send("/my/code", contact=CONTACT)  # within a minute: no second letter
                letter = await first_letter(sink)
                code = re.findall(r"\b\d{6}\b", letter)[0]
                assert await house.desk.pool.fetchval("SELECT count(*) FROM sign_in_code") == 1
                stored = await house.desk.pool.fetchval("SELECT facts::text FROM notice")
                assert code not in stored
                wrong = f"{(int(code) + 1) % 10**6:06d}"
                assert (await browser.send("/my/enter", contact=CONTACT, code=wrong))[0] == 422
                assert (await browser.send("/my/enter", contact="bu@example.com", code=code))[0] == 422
                assert await browser.send("/my/enter", contact=CONTACT, code=f" {code[:3]} {code[3:]}") == (
                    303,
                    "/my",
                )
                assert (await browser.send("/my/enter", contact=CONTACT, code=code))[0] == 422  # once
                _, html = await browser.look("/my")
                assert f"/my/orders/{order_id}" in html
                _, html = await browser.look(f"/my/orders/{order_id}")
                assert 'id="live"' in html
                assert (await browser.look("/my/orders/M0000000000000000AB"))[0] == 404
                csrf = re.findall(r'name="csrf" value="([^"]+)"', (await browser.look("/my"))[1])[0]
                assert (await browser.send("/my/out", csrf="x"))[0] == 403
                assert (await browser.send("/my/out", csrf=csrf))[0] == 303
                assert f"/my/orders/{order_id}" not in (await browser.look("/my"))[1]
                for odd in ("x", "A" * 700, "AAAA", "====", "%00"):
                    status, _ = await browser.look("/my", headers={"Cookie": f"mz_buyer={odd}"})
                    assert status == 200, odd


async def test_a_code_is_tried_five_times_and_given_five_times_an_hour(pool: Any) -> None:
    vault, now = Vault(b"k" * 32), datetime(2026, 3, 1, tzinfo=UTC)
    async with pool.acquire() as conn:
        for n in range(7):
            at = now + timedelta(minutes=2 * n)
            made = await codes.make_code(conn, vault, f"C{n}", CONTACT, "123456", at, 1.0)
            assert (made is not None) == (n < codes.HOUR_MAX), n
        late = now + timedelta(minutes=9)
        for _ in range(codes.TRIES_MAX):
            assert not await codes.use_code(conn, vault, CONTACT, "654321", late)
        assert not await codes.use_code(conn, vault, CONTACT, "123456", late)
        other = "other@example.com"
        await codes.make_code(conn, vault, "D1", other, "123456", now, 1.0)
        assert not await codes.use_code(conn, vault, other, "123456", now + timedelta(minutes=11))
        assert await codes.use_code(conn, vault, other, "123456", now + timedelta(minutes=9))
        assert not await codes.use_code(conn, vault, other, "123456", now + timedelta(minutes=9))


async def take_a_letter(browser: Browser, home: str) -> None:
    """Written, written anew with what was typed, changed, taken home as text and on paper; nobody else's."""
    letter = f"{home}/letters/complaint"
    assert (await browser.look(f"{home}/letters/x"))[0] == 404
    _, html = await browser.look(f"{letter}?lang=zh")
    csrf = re.findall(r'name="csrf" value="([^"]+)"', html)[0]
    assert (await browser.send(letter, csrf="x"))[0] == 403
    typed = {"csrf": csrf, "name": "林一", "wish": "refund", "in": "both"}
    _, html = await browser.send(letter, **typed, do="write")
    assert "林一" in html
    assert "I ask for" in html
    status, text = await browser.send(letter, **typed, do="text", text="改过的<b>\r\n第二行")
    assert (status, text) == (200, "改过的<b>\n第二行\n")
    async with browser.session.post(
        browser.house.url + letter, data={**typed, "do": "pdf", "text": "改过的"}
    ) as answer:
        assert (await answer.read()).startswith(b"%PDF")
        assert answer.headers["Content-Disposition"].startswith("attachment")
    stored = "SELECT count(*) FROM evidence WHERE convert_from(body, 'LATIN1') LIKE '%' || $1 || '%'"
    assert not await browser.house.desk.pool.fetchval(stored, "林一".encode().decode("latin1"))


async def test_a_request_is_answered_in_words_and_the_papers_are_there(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        browser = Browser(house)
        async with browser.session:
            home = f"/orders/{order_id}"
            assert (await browser.look(f"{home}/request"))[1].count(
                "<form"
            ) >= 1  # locked: the contact is asked for
            await browser.send(f"{home}/session", contact=CONTACT)
            _, html = await browser.look(home)
            assert html.count('id="hop-') == 3
            assert 'data-drawing="' in html
            for cost in ("9700", "97.00", "cost", "margin"):
                assert cost not in html.split('data-drawing="')[1].split('"')[0]
            _, html = await browser.look(f"{home}/request")
            csrf = re.findall(r'name="csrf" value="([^"]+)"', html)[0]
            send = {"csrf": csrf, "wish": "resupply", "cause": "not_received", "words": "10086 说没有这笔"}
            for wrong, code in (({"wish": "x"}, 422), ({"words": "长" * 501}, 422), ({"csrf": "x"}, 403)):
                assert (await browser.send(f"{home}/request", **send | wrong))[0] == code, wrong
            assert await browser.send(f"{home}/request", **send) == (303, f"{home}#requests")
            assert (await browser.send(f"{home}/request", **send))[0] == 409
            _, html = await browser.look(home)
            assert "您的申请" in html
            assert "10086 说没有这笔" not in html
            for paper, words in (
                ("help", ("第四十九条", order_id, "12315")),
                ("proof", ("不是第三方出具", order_id, "SHA-256")),
            ):
                status, html = await browser.look(f"{home}/{paper}")
                assert status == 200
                assert all(word in html for word in words), paper
            await take_a_letter(browser, home)
        stored = await house.desk.pool.fetchval("SELECT words_enc FROM remedy_request")
        assert b"10086" not in stored
        support = await sign_in_strong(house, "bo", Role.SUPPORT)
        async with support.session:
            _, html = await support.look("/staff/work?kind=request")
            assert f"{order_id}Q1" in html
            board = "/staff/requests"
            assert "10086" not in (await support.look(board))[1]
            assert (await support.send(f"{board}/{order_id}Q1/words", reason="x"))[0] == 422
            assert (
                "10086 说没有这笔"
                in (await support.send(f"{board}/{order_id}Q1/words", reason="处理申请"))[1]
            )
            assert (await support.send(f"{board}/{order_id}Q7/words", reason="处理申请"))[0] == 404
            for wrong, code in (
                ({"answer": "x", "text": "好"}, 422),
                ({"answer": "resupply", "text": " "}, 422),
            ):
                assert (await support.send(f"{board}/{order_id}Q1/answer", **wrong))[0] == code
            for missing in (f"{order_id}Q9", "nonsense", "Q1", f"{order_id}Qx"):
                status, _ = await support.send(f"{board}/{missing}/answer", answer="declined", text="不行")
                assert status in (404, 409), missing
            given = {"answer": "resupply", "text": "已查到，今天补发"}
            assert (await support.send(f"{board}/{order_id}Q1/answer", **given))[0] == 303
            assert (await support.send(f"{board}/{order_id}Q1/answer", **given))[0] == 409
        page = await house.page(order_id)
        found = {
            kind for kind, number in page.numbers if await house.desk.find(f" {number} ", CONTACT) == order_id
        }
        assert found == {"payment", "transaction", "attempt", "supplier", "serial"}
        assert (page.requests[0].answer, page.requests[0].answer_text) == ("resupply", "已查到，今天补发")
        assert "request" in page.actions
        kinds = [item.kind for item in page.timeline]
        assert {"request_made", "request_answered"} <= set(kinds)
        assert {("answer_request", "done"), ("view_personal_data", "seen")} <= set(await done(house))
        assert (await house.audit()).ok
