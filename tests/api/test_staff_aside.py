"""One item put aside on the staff's pages: trail, owner, clock, evidence; sent back by two people's clicks (F15, row 23)."""

from __future__ import annotations

import re
from pathlib import Path

from test_staff_pages import sign_in_strong

from house import open_house
from mingzhang.kit.ids import new_suspense_id
from mingzhang.staff.rights import Role


async def test_two_people_send_an_item_back_by_its_page(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(
            "S", "alipay", "refund_refused"
        )  # the first refund of the item, not of the order
        await house.buyer_pays(await house.open(order_id), pay_twice=True)
        page = await house.until(
            order_id, lambda page: bool(page.aside) and page.aside[0].cause == "refund_refused"
        )
        (work,) = [item for item in await house.desk.work_list() if item.kind == "suspense"]
        url = f"/staff/suspense/{work.subject}"
        lin = await sign_in_strong(house, "lin", Role.SUPPORT)
        wang = await sign_in_strong(house, "wang", Role.FINANCE)
        async with lin.session, wang.session:
            _, html = await lin.look("/staff/work")
            assert url in html
            status, html = await lin.look(url)
            assert status == 200
            held = await house.desk.pool.fetchrow("SELECT * FROM suspense WHERE item_id = $1", work.subject)
            for shown in (held["transaction_id"], held["payment_no"], 'id="refund_suspense"', "100.00"):
                assert shown in html
            assert html.count("<code>") >= 5  # the trail's lines, with what they rest on
            assert (await lin.send(f"{url}/money", action="refund_suspense", reason=""))[0] == 422
            assert (await lin.send(f"{url}/money", action="refund_suspense", reason="与渠道核对无误"))[
                0
            ] == 303
            _, html = await wang.look(url)
            assert 'id="refund_suspense"' not in html
            found = re.search(r"/approvals/(\w{20})", html)
            assert found is not None
            word = f"{url}/approvals/{found.group(1)}"
            assert (await lin.send(word, word="approve"))[0] == 403
            assert (await wang.send(word, word="perhaps"))[0] == 404
            assert (await wang.send(word, word="approve"))[0] == 303
            assert (await wang.send(word, word="approve"))[0] == 409
            for strange in ("S0", order_id, new_suspense_id(0, house.desk.clock.now(), house.desk.ctx.rng)):
                assert (await lin.look(f"/staff/suspense/{strange}"))[0] == 404
        assert page.aside[0].amount_fen == 10000
        assert (await house.audit()).ok


async def test_who_lacks_a_right_reads_which(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        boss = await sign_in_strong(house, "boss", Role.ADMIN)
        async with boss.session:
            status, html = await boss.look("/staff/work")
        assert status == 403
        assert "看订单、待办和钱在哪" in html
        assert "view_orders" in html
