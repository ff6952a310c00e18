"""Partial refunds and their ages over real HTTP: looked at, proposed by one, approved by another at once (F13)."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path

from test_staff_pages import sign_in_strong

from house import open_house
from mingzhang.staff.rights import Role
from notice_sinks import mail_sink

MAIL = """[email]
host = "127.0.0.1"
port = %d
sender = "s@shop.test"
tls = "none"
[[route]]
audience = "buyer"
channel = "email"
"""


async def test_f13_approved_at_once_over_http(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "notices.toml"
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(mail_sink())
        path.write_text(MAIL % sink.port, encoding="utf-8")
        house = await stack.enter_async_context(open_house(database_url, tmp_path, notices_path=str(path)))
        order_id = await house.buy(("alipay", "refund_unknown_then_success"))
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        ann = await sign_in_strong(house, "ann", Role.FINANCE)
        bob = await sign_in_strong(house, "bob", Role.FINANCE)
        eyes = await sign_in_strong(house, "eyes", Role.AUDITOR)
        page = f"/staff/orders/{order_id}"
        async with ann.session, bob.session, eyes.session:
            assert 'name="part"' in (await ann.look(page))[1]
            for bad in ("0", "-1", "1e3", "100.01", "12.345"):
                status, html = await ann.look(f"{page}?part={bad}")
                assert (status, 'value="refund_part"' in html) == (200, False), bad
            _, html = await ann.look(f"{page}?part=40")
            assert 'name="amount" value="40.00"' in html
            await eyes.look(page)
            form = {"action": "refund_part", "amount": "40.00", "reason": "少充了一部分"}
            assert (await eyes.send(f"{page}/money", **form))[0] == 403
            assert (await ann.send(f"{page}/money", **{**form, "amount": "forty"}))[0] == 422
            assert (await ann.send(f"{page}/money", **{**form, "amount": "100.01"}))[0] == 409
            for _ in range(4):
                assert (await ann.send(f"{page}/money", **form))[0] == 303
            _, html = await bob.look(page)
            ids = set(re.findall(r"/approvals/([0-9A-Z]+)", html))
            assert len(ids) == 4
            said = await asyncio.gather(
                *(bob.send(f"{page}/approvals/{each}", word="approve") for each in ids)
            )
            assert sorted(status for status, _ in said) == [303, 303, 409, 409]
            status, html = await bob.look("/staff/refund-ageing")
            assert (status, "退款账龄" in html) == (200, True)
            assert (await bob.look("/staff/refund-ageing?age=0"))[0] == 200
            assert (await bob.look("/staff/refund-ageing?age='"))[0] == 200
        shown = await house.until(order_id, lambda page: page.pay_badge == "partly_refunded")
        assert shown.sentence.amount_fen == 8_000
        assert await house.lost_fen() == 0
        assert (await house.audit()).ok
        for _ in range(400):
            told = [mail.get_content() for mail in sink.mails if "渠道已退款" in str(mail["subject"])]
            if len(told) == 2:
                break
            await asyncio.sleep(0.1)
        assert len(told) == 2
        assert all("¥40.00" in each for each in told), told
