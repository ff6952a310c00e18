"""The console as staff use it: first screen, search by anything, lists and their files, dashboards, many rows at once."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import time
from html import unescape
from pathlib import Path

import openpyxl
from test_staff import Person
from test_staff_pages import sign_in_strong

from house import House, open_house
from mingzhang.app.console.fill import MARGIN_REAL_S, SQL, check_rollup, fill, fill_anew
from mingzhang.orders.limits import SQL as LIMITS
from mingzhang.staff.rights import Role

PATHS = (
    "/staff/today",
    "/staff/search",
    "/staff/figures",
    "/staff/figures?board=money&range=7d",
    "/staff/figures?board=care",
    "/staff/risk?range=24h",
    "/staff/lists/disputes?outcome=charged_back",
    "/staff/lists/alike?contact=zz&account=0g",
    "/staff/orders",
    "/staff/orders?open=1&sort=amount",
    "/staff/payments?since=2026-01-01&until=2099-12-31",
    "/staff/attempts?open=1",
    "/staff/refunds",
    "/staff/lists/suspense",
    "/staff/lists/claims",
    "/staff/notices",
    "/staff/limits",
    "/staff/breaches",
    "/staff/ageing",
    "/staff/ageing?kind=order&age=15m",
    "/staff/orders?before=%3Cscript%3E&since=x&state=nonsense&product=%00",
)


async def _filled(house: House) -> None:
    """Wait until the worker's tables hold what has happened so far; the margin is waited for elsewhere."""
    assert MARGIN_REAL_S >= 30
    give_up = time.monotonic() + 30
    while not await house.desk.pool.fetchval(
        "SELECT count(*) FROM outcome_span WHERE outcome = 'supplier_refused'"
    ):
        assert time.monotonic() < give_up
        await house.desk.pool.execute(
            "UPDATE console_mark SET due_at = $1, lease_until = NULL", house.desk.clock.now()
        )
        await fill(house.desk.ctx, margin_real_s=0)
        await asyncio.sleep(0.1)


async def test_staff_find_list_export_and_act_on_many(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        desk = house.desk
        arrived = await house.buy()
        refused = await house.buy(("fulu", "account_banned"), account="13900139000")
        silent = await house.buy(("fulu", "silent"))
        await house.until(arrived, lambda page: page.supply_badge == "arrived")
        await house.until(refused, lambda page: page.pay_badge == "refunded")
        await _filled(house)
        lin = await sign_in_strong(house, "lin", Role.SUPPORT, Role.FINANCE)
        admin = await sign_in_strong(house, "root", Role.ADMIN)
        async with lin.session, admin.session:
            for lang in ("en", "zh"):
                for path in PATHS:
                    status, html = await lin.look(f"{path}{'&' if '?' in path else '?'}lang={lang}")
                    assert status == 200, path
                    assert "style=" not in html, path
                    assert "<script>" not in html, path
                    assert "13900139000" not in html, path
            for board in ("flow", "money", "care", "risk"):
                page = (await lin.look(f"/staff/figures?board={board}"))[1]
                figures = re.findall(r'<td class="mz-num"[^>]*>(.*?)</td>', page, re.DOTALL)
                assert [
                    one for one in figures if "mz-amount" in one and "<a " not in one and ">0<" not in one
                ] == []
            assert (await lin.look("/staff/records"))[0] == 403
            assert (await admin.look("/staff"))[0] == 303
            assert (await admin.look("/staff/records"))[0] == 200

            # Any number, contact, account or name; one answer opens at once.
            row = await desk.pool.fetchrow("SELECT * FROM payment WHERE order_id = $1", arrived)
            assert row is not None
            for number in (arrived, arrived.lower(), row["transaction_id"]):
                assert (await lin.look(f"/staff/search?q={number}"))[0] == 303
            for query, order_id in (
                ("139 0013 9000", refused),
                ("buyer@example.com", arrived),
                (row["payment_no"], row["payment_no"]),
                (f"{arrived}T1", f"{arrived}T1"),
                (f"{refused}R1", f"{refused}R1"),
            ):
                status, html = await lin.look(f"/staff/search?q={query.replace(' ', '%20')}")
                assert status in (200, 303), query
                assert status == 303 or order_id in html, query
            for odd in ("nothing-of-this-kind", "%", "S0000000000000000AB"):
                assert (await lin.look(f"/staff/search?q={odd}"))[0] == 404, odd
            await desk.pool.execute(
                "DELETE FROM order_key"
            )  # what is not filled yet is found among the newest
            await desk.pool.execute("UPDATE console_mark SET done_to = '' WHERE mark LIKE 'keys:%'")
            assert (await lin.look("/staff/search?q=13900139000"))[0] == 303

            await _risk_leads_to_its_rows(house, lin, arrived, silent)

            # Lists: filters, the way on, what a role may not see.
            _, html = await lin.look("/staff/orders?state=delivered")
            assert arrived in html
            assert refused not in html
            _, html = await lin.look("/staff/attempts?state=refused&reason=account_banned")
            assert f"{refused}T1" in html
            assert "进价" in html  # finance sees costs

            # Files: guarded cells, masks, on record; in clear only with right and reason.
            await desk.pool.execute("UPDATE orders SET title_zh = '=1+1' WHERE order_id = $1", arrived)
            status, text = await lin.send("/staff/export/orders/csv", state="delivered")
            assert status == 200
            rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
            assert [each["订单号"] for each in rows] == [arrived]
            assert rows[0]["商品"] == "'=1+1"
            assert rows[0]["充值账号"] == "138****8000"
            assert (await lin.send("/staff/export/orders/csv", clear="1"))[0] == 422
            _, text = await lin.send("/staff/export/orders/csv", clear="1", reason="核对买家电话")
            assert "13900139000" in text
            url = f"{house.url}/staff/export/attempts/xlsx"
            async with lin.session.post(url, data={"csrf": lin.csrf}) as answer:
                book = openpyxl.load_workbook(io.BytesIO(await answer.read()))
            assert book.active is not None
            assert book.active.max_row == 1 + await desk.pool.fetchval("SELECT count(*) FROM supply_attempt")
            assert (await lin.send("/staff/export/records/csv"))[0] == 403
            kinds = await desk.pool.fetch(
                "SELECT kind FROM staff_action WHERE subject = 'orders' ORDER BY at, action_id"
            )
            assert [each["kind"] for each in kinds] == ["done", "seen", "done"]

            # Many rows at once: what would be done, then done, each on record.
            _, html = await lin.send(
                "/staff/bulk/attempts", action="ask_supplier", k1=f"{silent}T1", k2=f"{arrived}T1", k3="x"
            )
            assert "会对 1 行各做一次" in html
            assert (await lin.send("/staff/bulk/attempts", action="ask_channel", k1=f"{silent}T1"))[0] == 404
            assert (await lin.send("/staff/bulk/attempts/start", action="ask_supplier", k1=f"{silent}T1"))[
                0
            ] == 303
            where, give_up = lin.location, time.monotonic() + 20
            while "做完了" not in html:
                assert time.monotonic() < give_up
                _, html = await lin.look(where)
                await asyncio.sleep(0.05)
            assert f"{silent}T1" not in (await admin.look(where))[1]
            asked = await desk.pool.fetchval(
                "SELECT count(*) FROM staff_action WHERE action = 'ask_supplier' AND subject = $1",
                f"{silent}T1",
            )
            assert asked == 1

        # The roll-up is what the journal says, also when it is made anew.
        for anew in (False, True):
            if anew:
                async with desk.pool.acquire() as conn, conn.transaction():
                    await fill_anew(conn, desk.clock.now())
                await _filled(house)
            last = await desk.pool.fetchval("SELECT max(slot_at) FROM money_slot")
            assert await desk.pool.fetch(SQL.compare_money, last) == []
            assert await check_rollup(desk.ctx)
        outcomes = await desk.pool.fetch(
            "SELECT outcome, sum(n)::int AS n FROM outcome_span WHERE span = 'd' GROUP BY outcome"
        )
        assert {each["outcome"]: each["n"] for each in outcomes}["delivered"] == 1
        await desk.pool.execute(
            "UPDATE money_slot SET amount_fen = amount_fen + 1 WHERE place = 'supplier.settled'"
        )
        assert not await check_rollup(desk.ctx)
        assert await check_rollup(desk.ctx)


async def _risk_leads_to_its_rows(house: House, lin: Person, paid: str, other: str) -> None:
    """Three orders of one contact, a claim with somebody else's number, a subject that limits stopped three times."""
    pool, now = house.desk.pool, house.desk.clock.now()
    number = await pool.fetchval("SELECT transaction_id FROM payment WHERE order_id = $1", paid)
    await house.desk.make_claim(other, number)
    for n in range(3):
        await pool.execute(LIMITS.insert_hit, f"risk{n}", "device", b"subject", "", n, 1, now)
    board = unescape((await lin.look("/staff/risk"))[1])
    links = {href for href in re.findall(r'href="([^"]+)"', board) if "/lists/" in href or "limits" in href}
    (contact,) = [
        href for href in links if href.startswith("/staff/lists/alike?contact=") and "since" in href
    ]
    (stopped,) = [href for href in links if "subject=" in href]
    (marked,) = [href for href in links if href.startswith("/staff/lists/claims?flag=")]
    shown = (await lin.look(contact))[1]
    assert (paid in shown, other in shown) == (True, True)
    assert (await lin.look(stopped))[1].count("<code>7375626a6563</code>") == 3
    assert (await lin.look(contact.replace("contact=", "account=")))[1].count(paid) == 0
    assert other in (await lin.look(marked))[1]


def test_every_address_that_a_figure_leads_to_is_a_page() -> None:
    """Read out of the code: a link to a list names a list, its filters and their codes."""
    from mingzhang.app.console.listings import LISTINGS

    known = {
        one.path: {each.name for each in one.filters} | {"open", "since", "until", "sort"} for one in LISTINGS
    }
    folder = Path(str(__import__("mingzhang.app.console", fromlist=["x"]).__path__[0]))
    text = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    for path, query in re.findall(r'"(/staff/[a-z/]+)\?([^"#]*)"', text):
        if path in known:
            names = {part.partition("=")[0] for part in query.split("&")}
            assert names <= known[path], (path, query)
    for path, names in re.findall(r'_to\("(/staff/[a-z/]+)"((?:, [a-z]+=[^,)]+)*)', text):
        assert set(re.findall(r", ([a-z]+)=", names)) <= known[path], (path, names)
