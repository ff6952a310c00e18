"""Staff: signing in, its locks and cookies, forms that only our own pages may send, and the safe actions."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import aiohttp
import msgspec
import pytest
from untouched import untouched

from house import House, open_house
from mingzhang.app.desk_staff import STAFF_ACTIONS
from mingzhang.staff import accounts
from mingzhang.staff.model import Office
from mingzhang.web.words import WORK_ACTIONS

NAME, PASSWORD = "小林", "correct horse 电池"
WRONG = "wrong horse battery"


class Person:
    """One browser window, as far as sign-in is concerned: cookies, and the token of the form shown last."""

    def __init__(self, house: House, session: aiohttp.ClientSession) -> None:
        self._house = house
        self.session = session
        self.csrf = ""

    async def look(self, path: str = "/staff/sign-in") -> tuple[int, str]:
        """Open a page."""
        async with self.session.get(self._house.url + path, allow_redirects=False) as answer:
            return self._seen(answer.status, await answer.text())

    async def send(self, path: str, headers: dict[str, str] | None = None, **form: str) -> tuple[int, str]:
        """Send the form shown last."""
        url, data = self._house.url + path, {"csrf": self.csrf, **form}
        async with self.session.post(url, data=data, headers=headers, allow_redirects=False) as answer:
            self.location = answer.headers.get("Location", "")
            self.cookies = answer.cookies
            return self._seen(answer.status, await answer.text())

    async def sign_in(self, password: str = PASSWORD, name: str = NAME) -> int:
        """From the form to the answer; its status."""
        await self.look()
        return (await self.send("/staff/sign-in", name=name, password=password))[0]

    def _seen(self, status: int, html: str) -> tuple[int, str]:
        found = re.search(r'name="csrf" value="([^"]+)"', html)
        self.csrf = found.group(1) if found else self.csrf
        return status, html


def person(house: House) -> Person:
    return Person(house, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)))


async def add(house: House) -> None:
    ctx = house.desk.ctx
    office = Office(pool=ctx.pool, vault=ctx.vault, rng=ctx.rng, clock=ctx.clock)
    await accounts.add(office, NAME, PASSWORD)


async def test_signing_in_keeps_hashes_only_and_gives_a_guarded_cookie(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        await add(house)
        me = person(house)
        async with me.session:
            assert await me.sign_in() == 303
            assert me.location == "/staff"
            cookie = me.cookies["mz_staff"]
            assert (cookie["httponly"], cookie["samesite"].lower(), cookie["path"]) == (
                True,
                "strict",
                "/staff",
            )
            assert 0 < int(cookie["max-age"]) <= 12 * 3600
            assert not cookie["secure"]  # the house is http; see below
            stored = await house.desk.pool.fetchval("SELECT password_hash FROM staff WHERE name = $1", NAME)
            assert stored.startswith("$argon2id$")
            assert (
                await house.desk.pool.fetchval("SELECT token_hash FROM staff_session")
                == hashlib.sha256(cookie.value.encode()).digest()
            )
            assert (await me.look("/staff/work"))[0] == 200
            # Signing out ends the session here, not only in this browser.
            assert (await me.send("/staff/sign-out"))[0] == 303
            assert await house.desk.pool.fetchval("SELECT count(*) FROM staff_session") == 0
            me.session.cookie_jar.update_cookies({"mz_staff": cookie.value})
            assert (await me.look("/staff/work"))[0] == 303


async def test_cookies_insist_on_https_where_buyers_come_over_https(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        house.desk.settings = msgspec.structs.replace(house.desk.settings, base_url="https://shop.example")
        await add(house)
        me = person(house)
        async with me.session:
            await me.look()
            jar = [cookie for cookie in me.session.cookie_jar if cookie.key == "__Host-mz_before"]
            assert [(cookie["secure"], cookie["path"]) for cookie in jar] == [(True, "/")]


async def test_a_wrong_password_and_an_unknown_name_answer_alike(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        await add(house)
        me = person(house)
        async with me.session:
            answers = []
            for name in (NAME, "小王"):
                await me.look()
                status, html = await me.send("/staff/sign-in", name=name, password=WRONG)
                answers.append((status, html.replace(name, "NAME").replace(me.csrf, "TOKEN")))
            assert answers[0] == answers[1]
            assert answers[0][0] == 401
            assert await house.desk.pool.fetchval("SELECT count(*) FROM staff_session") == 0


async def test_five_wrong_passwords_lock_the_name_even_for_the_right_one(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        await add(house)
        me = person(house)
        async with me.session:
            assert [await me.sign_in(WRONG) for _ in range(5)] == [401] * 5
            assert await me.sign_in() == 429
            assert "mz_staff" not in me.cookies


async def test_one_address_may_guess_so_often_and_no_more(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        me = person(house)
        async with me.session:
            await me.look()
            statuses = [(await me.send("/staff/sign-in", name=f"n{n}", password=WRONG))[0] for n in range(22)]
        assert statuses == [401] * 20 + [429] * 2


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_a_form_from_elsewhere_is_refused(
    database_url: str, tmp_path: Path, headers: dict[str, str]
) -> None:
    async with open_house(database_url, tmp_path) as house:
        await add(house)
        me = person(house)
        async with me.session:
            await me.look()
            status, html = await me.send("/staff/sign-in", headers, name=NAME, password=PASSWORD)
            assert (status, "csrf_invalid" in html) == (403, True)
            assert await me.sign_in() == 303
            await me.look("/staff/work")
            for path in ("/staff/sign-out", "/staff/work/order/M0000000000000000000/ask_channel"):
                assert (await me.send(path, headers))[0] == 403
            assert await house.desk.pool.fetchval("SELECT count(*) FROM staff_session") == 1


async def test_a_form_without_its_token_is_refused(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        await add(house)
        me, other = person(house), person(house)
        async with me.session, other.session:
            await other.look()
            for csrf in ("", "guessed", other.csrf):
                await me.look()
                me.csrf = csrf
                assert (await me.send("/staff/sign-in", name=NAME, password=PASSWORD))[0] == 403
            assert await me.sign_in() == 303
            assert await other.sign_in() == 303
            await me.look("/staff/work")
            await other.look("/staff/work")
            me.csrf = other.csrf
            assert (await me.send("/staff/sign-out"))[0] == 403


def test_the_work_list_offers_exactly_what_the_desk_does() -> None:
    assert {action for actions in STAFF_ACTIONS.values() for action in actions} == set(WORK_ACTIONS)


async def test_every_offered_action_is_done_and_written_down_and_no_other(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        await add(house)
        order_id = await house.buy(("fulu", "account_banned"))
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert page.refund is not None
        subjects = {"order": order_id, "refund": page.refund.refund_no}
        me = person(house)
        async with me.session:
            stranger = f"/staff/work/order/{order_id}/ask_channel"
            assert (await me.send(stranger))[0] == 303
            assert me.location == "/staff/sign-in"
            assert await me.sign_in() == 303
            await me.look("/staff/work")
            async with untouched(house):
                for kind, subject in subjects.items():
                    for action in STAFF_ACTIONS[kind]:
                        assert (await me.send(f"/staff/work/{kind}/{subject}/{action}"))[0] == 303, action
                        assert me.location == "/staff/work?done=1"
                done = await house.desk.pool.fetch(
                    "SELECT name, action, subject FROM staff_action WHERE kind = 'done' ORDER BY 2"
                )
                assert [tuple(row) for row in done] == [
                    (NAME, "ask_channel", order_id),
                    (NAME, "ask_refund", page.refund.refund_no),
                    (NAME, "ask_supplier", order_id),
                ]
                for path in (
                    f"order/{order_id}/mark_paid",
                    f"order/{order_id}/ask_refund",
                    f"suspense/{order_id}/refund_suspense",
                    f"card/{order_id}/ask_channel",
                ):
                    assert (await me.send(f"/staff/work/{path}"))[0] == 404, path
                ghost = order_id[:-6] + ("AAAAAA" if order_id[-6:] != "AAAAAA" else "BBBBBB")
                assert (await me.send(f"/staff/work/order/{ghost}/ask_channel"))[0] == 409
                done = await house.desk.pool.fetch("SELECT 1 FROM staff_action WHERE kind = 'done'")
                assert len(done) == 3
