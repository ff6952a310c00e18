"""Disputes over real HTTP: opened by a guest, answered, solved by two people, or by the clock (R27, R34-R36)."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from test_staff_pages import picture, sign_in_strong

from house import House, open_house
from mingzhang.disputes import store
from mingzhang.disputes.chargeback import tell_chargeback
from mingzhang.disputes.store import Dispute
from mingzhang.disputes.visit import work_dispute
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.clock import ManualClock
from mingzhang.staff.rights import Role


class Guest:
    """A buyer without an account, who knows the order's contact; a browser's cookies and form tokens."""

    def __init__(self, house: House, order_id: str) -> None:
        self._house, self.order_id = house, order_id
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._csrf = ""

    async def enter(self) -> None:
        url = f"{self._house.url}/orders/{self.order_id}/session"
        async with self.session.post(url, data={"contact": "buyer@example.com"}) as answer:
            assert answer.status == 200

    async def look(self, rest: str = "") -> tuple[int, str]:
        url = f"{self._house.url}/orders/{self.order_id}/disputes{rest}"
        async with self.session.get(url, allow_redirects=False) as answer:
            html = await answer.text()
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', html)
        self._csrf = token.group(1) if token else self._csrf
        return answer.status, html

    async def send(self, rest: str = "", picture: bytes = b"", **fields: str) -> tuple[int, str]:
        form = aiohttp.FormData({"csrf": self._csrf, **fields})
        if picture:
            form.add_field("pictures", picture, filename="p.png", content_type="image/png")
        url = f"{self._house.url}/orders/{self.order_id}/disputes{rest}"
        async with self.session.post(url, data=form, allow_redirects=False) as answer:
            return answer.status, await answer.text()


async def guest_of(house: House, order_id: str) -> Guest:
    guest = Guest(house, order_id)
    await guest.enter()
    return guest


async def read(house: House, order_id: str) -> Dispute:
    async with house.desk.pool.acquire() as conn:
        return (await store.list_disputes(conn, order_id))[-1]


async def at(house: House, order_id: str, moment: datetime) -> Dispute:
    """The worker's visit at that very moment."""
    ctx = dataclasses.replace(house.desk.ctx, clock=ManualClock(moment))
    await work_dispute(ctx, (await read(house, order_id)).dispute_id)
    return await read(house, order_id)


async def until_closed(house: House, order_id: str) -> Dispute:
    await house.until(order_id, lambda page: page.disputes[-1].state == "closed")
    return await read(house, order_id)


async def test_a_dispute_from_the_order_page_to_a_part_that_both_agree_to(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        guest = await guest_of(house, order_id)
        lin = await sign_in_strong(house, "lin", Role.SUPPORT)
        ann = await sign_in_strong(house, "ann", Role.FINANCE)
        bob = await sign_in_strong(house, "bob", Role.FINANCE)
        async with guest.session, lin.session, ann.session, bob.session:
            status, html = await guest.look()
            assert (status, 'value="shown_arrived_not_received"' in html) == (200, True)
            form = {"kind": "shown_arrived_not_received", "wish": "resupply", "text": "余额没有变\n<script>"}
            assert (await guest.send(**{**form, "kind": "card_invalid"}))[0] == 409
            assert (await guest.send(**{**form, "text": "字" * 1100}))[0] == 422
            assert (await guest.send(picture=b"<svg/>", **form))[0] == 422
            assert (await guest.send(picture=picture(), **form))[0] == 303
            assert (await guest.send(**form))[0] == 409
            status, html = await guest.look("/1")
            assert (
                status,
                "轮到您" in html,
                "&lt;script&gt;" in html,
                "<script>" in html.split("main")[1],
            ) == (
                200,
                False,
                True,
                False,
            )
            (shown,) = set(re.findall(r"/pictures/([0-9A-Z]{20})", html))
            async with guest.session.get(
                f"{house.url}/orders/{order_id}/disputes/1/pictures/{shown}"
            ) as answer:
                assert (answer.status, answer.content_type) == (200, "image/jpeg")
            page = f"/staff/disputes/{order_id}D1"
            assert order_id in (await lin.look("/staff/disputes"))[1]
            told = {"order": order_id, "source": "regulator", "kind": "wrong_amount", "text": "12315 来函"}
            assert (await ann.send("/staff/disputes", **told))[0] == 403
            await lin.look("/staff/disputes")
            assert (await lin.send("/staff/disputes", **{**told, "order": "M1"}))[0] == 422
            assert (await lin.send("/staff/disputes", **{**told, "source": "buyer"}))[0] == 422
            assert (await lin.send("/staff/disputes", **told))[0] == 303
            assert await house.desk.pool.fetchval("SELECT outside_by IS NOT NULL FROM dispute WHERE n = 2")
            assert (await guest.send("/2/withdraw"))[0] == 303
            assert "余额没有变" in (await lin.look(page))[1]
            assert "余额没有变" not in (await ann.look(page))[1]
            assert (await ann.send(f"{page}/say", text="好的"))[0] == 403
            assert (await lin.send(f"{page}/say", text="请发运营商账单截图", do="ask"))[0] == 303
            _, html = await guest.look("/1")
            assert ("轮到您" in html, "请发运营商账单截图" in html) == (True, True)
            assert (await guest.send("/1/say", text="见图", picture=picture()))[0] == 303
            solve = {"remedy": "refund", "amount": "40", "reason": "各担一半"}
            assert (await lin.send(f"{page}/solve", **solve, do=""))[0] == 303
            assert (await ann.send(f"{page}/solve", **{**solve, "amount": "100.01"}))[0] == 409
            _, html = await bob.look(page)
            (approval,) = set(re.findall(r"/approvals/([0-9A-Z]+)", html))
            assert (await bob.send(f"{page}/approvals/{approval}", word="approve"))[0] == 303
            _, html = await guest.look("/1")
            assert ("本店的方案" in html, "40.00" in html) == (True, True)
            assert (await guest.send("/1/refuse", text="再多一点"))[0] == 303
            assert (await guest.send("/1/accept"))[0] == 409
            assert (await ann.send(f"{page}/solve", **{**solve, "amount": "60"}))[0] == 303
            _, html = await bob.look(page)
            again = (set(re.findall(r"/approvals/([0-9A-Z]+)", html)) - {approval}).pop()
            assert (await bob.send(f"{page}/approvals/{again}", word="approve"))[0] == 303
            await guest.look("/1")
            assert (await guest.send("/1/accept"))[0] == 303
            row = await until_closed(house, order_id)
            assert (row.outcome, row.amount_fen, row.missed) == ("part_refunded", 6_000, [])
            _, html = await guest.look("/1")
            assert ("已按约定部分退款" in html, "重新打开" in html) == (True, True)
            assert (await guest.send("/1/reopen", text="还是不对"))[0] == 303
            assert (await guest.send("/1/arrived"))[0] == 303
            assert (await read(house, order_id)).outcome == "delivered"
        seen = await house.desk.pool.fetch("SELECT name FROM staff_action WHERE action = 'dispute_words'")
        assert {row["name"] for row in seen} == {"lin"}
        assert await house.lost_fen() == 0
        assert (await house.audit()).lines == []


@pytest.mark.parametrize("silent", ["shop", "buyer"])
async def test_silence_has_consequences_that_the_software_carries_out(
    database_url: str, tmp_path: Path, silent: str
) -> None:
    """Late at 24 h and 72 h to the second, refunded by the policy, publicly counted; a silent buyer ends it."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("fulu", "silent"))
        await house.until(order_id, lambda page: page.supply_badge in {"processing", "confirming"})
        api = f"{house.url}/api/v1/orders/{order_id}/disputes"
        headers = {"Authorization": f"Bearer {house.desk.ctx.vault.token(order_id)}"}
        body = {"kind": "not_arrived", "wish": "refund"}
        async with house.http.post(api, json=body, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
            told = await answer.json()
        assert (told["line"]["turn"], [each["stage"] for each in told["terms"]]) == (
            "theirs",
            ["first", "solution", "final"],
        )
        opened = (await read(house, order_id)).opened_at
        if silent == "buyer":
            lin = await sign_in_strong(house, "lin", Role.SUPPORT)
            async with lin.session:
                await lin.look(f"/staff/disputes/{order_id}D1")
                sent = await lin.send(f"/staff/disputes/{order_id}D1/say", text="请发截图", do="ask")
                assert sent[0] == 303
            asked = await read(house, order_id)
            assert (await at(house, order_id, asked.deadline_at - timedelta(seconds=1))).state == "asked"
            row = await at(house, order_id, asked.deadline_at)
            assert (row.outcome, row.missed) == ("lapsed", [])
            return
        for hours, missed in ((24, ["first", "solution"]), (72, ["first", "solution", "final"])):
            moment = opened + timedelta(hours=hours)
            assert len((await at(house, order_id, moment - timedelta(seconds=1))).missed) == len(missed) - 1
            assert (await at(house, order_id, moment)).missed == missed
        row = await read(house, order_id)
        assert (row.state, row.remedy, row.amount_fen) == ("remedy", "refund", 10_000)
        async with house.desk.pool.acquire() as conn:
            counts = await store.public_counts(conn, opened)
        assert counts.breaches == {"final": 1, "first": 1, "solution": 1}
        page = await house.until(order_id, lambda page: page.pay_badge in {"refunding", "refunded"})
        assert [line.kind for line in page.timeline].count("dispute_breached") == 3
        async with house.http.get(f"{api}/1", headers=headers) as answer:
            kinds = [word["kind"] for word in (await answer.json())["words"]]
        assert kinds == ["opened", "missed", "missed", "missed", "automatic"]


async def test_a_chargeback_overtakes_the_refund_that_was_agreed(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        guest = await guest_of(house, order_id)
        ann = await sign_in_strong(house, "ann", Role.FINANCE)
        bob = await sign_in_strong(house, "bob", Role.FINANCE)
        async with guest.session, ann.session, bob.session:
            await guest.look()
            assert (await guest.send(kind="unauthorised_payment", wish="refund"))[0] == 303
            held = "SELECT coalesce(sum(amount_fen), 0)::int FROM leg WHERE place = 'hold'"
            assert await house.desk.pool.fetchval(held) > 0
            await house.stop_worker()
            page = f"/staff/disputes/{order_id}D1"
            await ann.look(page)
            assert (await ann.send(f"{page}/solve", remedy="refund", reason="不是本人"))[0] == 303
            (approval,) = set(re.findall(r"/approvals/([0-9A-Z]+)", (await bob.look(page))[1]))
            assert (await bob.send(f"{page}/approvals/{approval}", word="approve"))[0] == 303
        word = Message(
            party="alipay",
            kind="alipay.chargeback",
            direction=Direction.IN,
            standing=Standing.ANSWER,
            body=b"charged back",
        )
        await tell_chargeback(house.desk.ctx, "alipay", order_id, "CB1", 10_000, [word])
        assert (await read(house, order_id)).state == "remedy"
        assert (await house.desk.pool.fetchval("SELECT state FROM refund")) == "ready"
        await house.desk.pool.execute("UPDATE refund SET due_at = deadline_at")  # the fact comes first
        house.start_worker()
        row = await until_closed(house, order_id)
        assert (row.outcome, await house.desk.pool.fetchval(held)) == ("charged_back", 0)
        assert await house.desk.pool.fetchval("SELECT state FROM refund") == "dropped"
        cat = await sign_in_strong(house, "cat", Role.SUPPORT)
        async with cat.session:
            board = (await cat.look("/staff/risk"))[1]
            (taken,) = set(re.findall(r'href="(/staff/lists/disputes[^"]+)"', board))
            assert f"{order_id}D1" in (await cat.look(taken.replace("&amp;", "&")))[1]
        async with house.http.get(f"{house.url}/api/v1/trust") as answer:
            told = (await answer.json())["disputes"]
        assert (told["opened"], told["still_open"], told["outcomes"]) == (1, 0, {"charged_back": 1})
        assert (await house.audit()).lines == []
