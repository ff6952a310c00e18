"""Staff read an order with its notices and claims, filter the work list, answer buyers; every look and act is on record."""

from __future__ import annotations

import asyncio
import base64
import io
import re
import time
from pathlib import Path

import pyotp
from PIL import Image
from test_staff import PASSWORD, Person, person
from test_staff_rights import office_of

from house import House, open_house
from mingzhang.kit.clock import SystemClock
from mingzhang.notices import store as notice_store
from mingzhang.orders.claims import make_claim
from mingzhang.payments.claim_store import list_claims
from mingzhang.staff import accounts
from mingzhang.staff.rights import Role
from mingzhang.transparency import verify_offline
from notice_sinks import mail_sink

NUMBER = "2026112322001400000000000001"


async def sign_in_strong(house: House, name: str, *roles: Role) -> Person:
    """A new account with a second factor, signed in with it."""
    office = office_of(house)
    await accounts.add(office, name, PASSWORD, list(roles))
    secret = pyotp.random_base32()
    app = pyotp.TOTP(secret)
    now = SystemClock().now()
    await accounts.set_totp(office, name, secret, app.at(now))
    await house.desk.pool.execute("UPDATE staff SET totp_step = totp_step - 1 WHERE name = $1", name)
    who = person(house)
    await who.look()
    code = app.at(SystemClock().now())
    assert (await who.send("/staff/sign-in", name=name, password=PASSWORD, code=code))[0] == 303
    return who


def picture() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((300, 600)).save(out, "PNG")
    return out.getvalue()


async def done(house: House) -> list[tuple[str, str]]:
    rows = await house.desk.pool.fetch(
        "SELECT action, kind FROM staff_action WHERE kind IN ('done', 'seen', 'refused') ORDER BY at, action_id"
    )
    return [(row["action"], row["kind"]) for row in rows]


async def packs_by_right(house: House, me: Person, order_id: str) -> None:
    """An edition needs its right; unmasked it needs a reason, too; whatever was given out is on record."""
    url, form = f"{house.url}/staff/orders/{order_id}/pack", {"csrf": me.csrf}
    for fields, status in (
        ({"edition": "auditor"}, 403),
        ({"edition": "all"}, 404),
        ({"edition": "staff"}, 200),
        ({"edition": "staff", "clear": "1"}, 422),
        ({"edition": "staff", "clear": "1", "reason": "法院调取"}, 200),
    ):
        async with me.session.post(url, data=form | fields) as answer:
            assert answer.status == status, await answer.text()
            if status == 200:
                manifest, _, _ = verify_offline.check_pack(await answer.read())
                assert manifest["edition"] == "staff"


async def test_staff_see_what_was_told_and_send_what_failed_again(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "notices.toml"
    async with mail_sink() as sink:
        path.write_text(
            f'[email]\nhost = "127.0.0.1"\nport = {sink.port}\nsender = "s@shop.test"\ntls = "none"\n'
            '[[route]]\naudience = "buyer"\nchannel = "email"\n',
            encoding="utf-8",
        )
        sink.rcpt = ["550 5.1.1 no such user"]
        async with open_house(database_url, tmp_path, notices_path=str(path)) as house:
            order_id = await house.buy()
            await house.until(order_id, lambda page: page.supply_badge == "arrived")
            give_up = time.monotonic() + 30
            while True:
                async with house.desk.pool.acquire() as conn:
                    told = await notice_store.list_notices(conn, order_id)
                if len(told) == 2 and all(notice.state == "failed" for notice in told):
                    break
                assert time.monotonic() < give_up, told
                await asyncio.sleep(0.1)
            me = await sign_in_strong(house, "lin", Role.SUPPORT)
            async with me.session:
                _, html = await me.look("/staff/work?kind=notice")
                assert order_id in html
                _, html = await me.look(f"/staff/orders/{order_id}")
                assert html.count("没发出去，已放弃") == 2
                assert "bu***@example.com" in html
                assert "buyer@example.com" not in html
                sink.rcpt = ["250 OK"]
                again = f"/staff/orders/{order_id}/notices/{told[0].notice_id}/send-again"
                assert (await me.send(again))[0] == 303
                while "对方已接收" not in html:
                    assert time.monotonic() < give_up + 30
                    await asyncio.sleep(0.1)
                    _, html = await me.look(f"/staff/orders/{order_id}")
                assert (await me.send(again))[0] == 409
                await packs_by_right(house, me, order_id)
            assert await done(house) == [
                ("send_notice_again", "done"),
                ("view_costs", "refused"),
                ("make_pack", "seen"),
                ("view_personal_data", "seen"),
            ]


async def test_a_claim_is_looked_at_and_answered_on_record(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=1.0) as house:
        other, order_id = await house.place(), await house.place()
        await house.open(order_id)
        await make_claim(house.desk.ctx, order_id, other, picture())
        me = await sign_in_strong(house, "lin", Role.SUPPORT)
        eyes = await sign_in_strong(house, "eyes", Role.AUDITOR)
        async with me.session, eyes.session:
            _, html = await me.look("/staff/claims")
            assert "这个单号属于另一张订单" in html
            claim_id = f"{order_id}C1"
            assert (await me.send(f"/staff/claims/{claim_id}/picture", reason=""))[0] == 422
            status, html = await me.send(f"/staff/claims/{claim_id}/picture", reason="买家来电核实")
            assert status == 200
            found = re.search(r"data:image/jpeg;base64,([^\"]+)", html)
            assert found is not None
            assert Image.open(io.BytesIO(base64.b64decode(found.group(1)))).size == (300, 600)
            await eyes.look(f"/staff/orders/{order_id}")
            assert (await eyes.send(f"/staff/claims/{claim_id}/picture", reason="just looking"))[0] == 403
            assert (await eyes.send(f"/staff/claims/{claim_id}/answer", answer="no_payment", reason="x" * 9))[
                0
            ] == 403
            for answer, reason, status in (
                ("paid", "好好好好", 422),
                ("no_payment", "", 422),
                ("no_payment", "渠道账单核对过", 303),
                ("no_payment", "渠道账单核对过", 409),
            ):
                sent = await me.send(f"/staff/claims/{claim_id}/answer", answer=answer, reason=reason)
                assert sent[0] == status, (answer, reason)
            assert (await me.send(f"/staff/work/claim/{claim_id}/ask_claim"))[0] == 409
            assert (await me.send(f"/staff/work/claim/{order_id}C9/ask_claim"))[0] in (404, 409)
        async with house.desk.pool.acquire() as conn:
            (claim,) = await list_claims(conn, order_id)
        assert (claim.state, claim.answer, claim.answered_by) == ("answered", "no_payment", "lin")
        assert (await house.page(order_id)).pay_badge == "awaiting"
        kinds = await done(house)
        assert ("view_personal_data", "seen") in kinds
        assert ("answer_claim", "done") in kinds
        assert kinds.count(("view_personal_data", "refused")) == 1
        assert (await house.audit()).ok


async def test_the_work_list_filters_and_finds_any_number(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("fulu", "account_banned"))
        page = await house.until(order_id, lambda page: page.pay_badge == "refunded")
        await make_claim(house.desk.ctx, order_id, NUMBER)
        await house.desk.pool.execute(
            "UPDATE claim SET state = 'person', due_at = NULL, next_actor = 'person', since = made_at"
        )
        me = await sign_in_strong(house, "lin", Role.SUPPORT)
        async with me.session:
            _, html = await me.look("/staff/work?kind=claim")
            assert f"{order_id}C1" in html
            _, html = await me.look("/staff/work?kind=suspense")
            assert f"{order_id}C1" not in html
            assert (await me.look("/staff/work?kind=<script>&late=1"))[0] == 200
            for _, number in page.numbers:
                async with me.session.get(
                    f"{house.url}/staff/work", params={"q": number}, allow_redirects=False
                ) as answer:
                    assert (answer.status, answer.headers["Location"]) == (303, f"/staff/orders/{order_id}")
            assert (await me.look("/staff/work?q=nothing"))[0] == 404
            assert (await me.look("/staff/orders/M0000000000000000000"))[0] == 404
            assert (await me.look("/staff/suspense"))[0] == 200
            status, html = await me.look(f"/staff/orders/{order_id}")
            assert status == 200
            assert "13800138000" not in html
            async with me.session.get(f"{house.url}/staff/orders/{order_id}?lang=en") as answer:
                assert "Ask the channel again" in await answer.text()


async def test_asking_the_channel_again_finds_the_payment_and_marks_nothing(
    database_url: str, tmp_path: Path
) -> None:
    """补发回调: the order goes on because the channel said paid, not because a person clicked."""
    async with open_house(database_url, tmp_path, speed=1.0) as house:
        unpaid, paid = await house.place(), await house.place()
        await house.world.fault(paid, "alipay", "notify_lost")
        for order_id in (unpaid, paid):
            payment_no = await house.open(order_id)
        await house.desk.pool.execute(
            "UPDATE payment SET due_at = due_at + interval '1 day', deadline_at = deadline_at + interval '1 day'"
        )
        await house.buyer_pays(payment_no)
        me = await sign_in_strong(house, "lin", Role.SUPPORT)
        async with me.session:
            await me.look("/staff/work")
            for order_id in (unpaid, paid):
                assert (await me.send(f"/staff/work/order/{order_id}/ask_channel", back="order"))[0] == 303
                assert me.location == f"/staff/orders/{order_id}?done=1"
        await house.until(paid, lambda page: page.pay_badge == "paid")
        assert (await house.page(unpaid)).pay_badge in {"awaiting", "confirming"}


async def test_strangers_and_the_unentitled_see_nothing(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        stranger = person(house)
        boss = await sign_in_strong(house, "boss", Role.ADMIN)
        paths = [f"/staff/orders/{order_id}", "/staff/claims", "/staff/suspense", "/staff/work"]
        async with stranger.session, boss.session:
            for path in paths:
                assert (await stranger.look(path))[0] == 303
                assert (await boss.look(path))[0] == 403
            for path in (f"claims/{order_id}C1/answer", f"orders/{order_id}/notices/a-b/send-again"):
                assert (await stranger.send(f"/staff/{path}"))[0] == 303
                assert (await boss.send(f"/staff/{path}"))[0] == 403
