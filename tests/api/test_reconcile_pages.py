"""短款 to its end over the console: T+2, the channel's own word, then two people; pages, raw lines, files to keep (R11)."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import openpyxl
import pypdf
from rich.console import Console
from test_staff import Person
from test_staff_pages import sign_in_strong

from house import House, open_house
from mingzhang.app.cli_reconcile import reconcile_one, table_of
from mingzhang.app.closing import make_report
from mingzhang.app.desk_reconcile import AGES
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.clock import ManualClock
from mingzhang.orders.context import Context
from mingzhang.reconciliation import flow, resolve
from mingzhang.reconciliation.sources import SOURCES
from mingzhang.reconciliation.store import SQL, Break, read_row
from mingzhang.staff.rights import Role
from mingzhang.web.model import ShopInfo

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)
HOME = "/staff/reconcile"
ALL = ("", "", "", None, True, 10, 0, None, None)


def after_day(ctx: Context, hours: float) -> Context:
    end = datetime.combine(DAY + timedelta(days=1), datetime.min.time(), BEIJING)
    return dataclasses.replace(ctx, clock=ManualClock(end + timedelta(hours=hours, microseconds=1)))


async def only_break(house: House) -> Break:
    (row,) = await house.desk.pool.fetch(SQL.list_breaks, *ALL)
    return read_row(row)


async def test_what_the_bill_lacks_is_asked_about_after_two_more_files_and_ended_by_two_people(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path, begins=NOON.timestamp()) as house:
        order_id = await house.buy(("alipay", "bill_row_missing"))
        twice = await house.buy()
        for each in (order_id, twice):
            await house.until(each, lambda page: page.supply_badge == "arrived")
        await flow.fetch_day(after_day(house.desk.ctx, 11), "alipay.trade", DAY)
        row = await only_break(house)
        await command_says(house)
        assert (row.class_, row.state, row.subject) == ("missing_theirs", "waiting", order_id)
        assert row.due_at == datetime(2026, 11, 23, 10, tzinfo=BEIJING)

        late = after_day(house.desk.ctx, 24 * 2 + 11)
        for _ in range(1 + resolve.CONFIRMED_TIMES):
            await resolve.visit(late, row.break_id)
        # The channel confirms by query what its bill lacks: no rule may decide.
        row = await only_break(house)
        assert (row.state, row.said, row.next_actor) == ("person", "outside_confirms", "person")

        lin = await sign_in_strong(house, "lin", Role.FINANCE)
        wang = await sign_in_strong(house, "wang", Role.FINANCE)
        status, html = await lin.look(HOME)
        assert status == 200
        assert row.break_id in html
        await dashboard_links_to_it(lin, row)
        status, html = await lin.look(f"{HOME}/{row.break_id}")
        assert status == 200
        assert "这一边没有" in html
        assert order_id in html
        address = f"{HOME}/{row.break_id}"
        assert (await lin.send(f"{address}/settle", way="book_charge", reason="不是费用"))[0] == 422
        assert (await lin.send(f"{address}/settle", way="explain", reason="渠道确认次月补账单"))[0] == 303
        approval = await house.desk.pool.fetchval("SELECT approval_id FROM approval")
        decide = f"{address}/approvals/{approval}"
        assert (await lin.send(decide, word="approve"))[0] == 403
        assert (await only_break(house)).open
        await wang.look(address)
        assert (await wang.send(decide, word="approve"))[0] == 303
        row = await only_break(house)
        assert (row.state, row.resolution) == ("resolved", "explained")

        await files(house, lin, row)
        await report_of_the_day(house, lin)
        await lin.session.close()
        await wang.session.close()
        assert (await house.audit()).ok


async def dashboard_links_to_it(lin: Person, row: Break) -> None:
    """Differences by age: the figure of each class and age leads to its rows."""
    board = (await lin.look("/staff/figures?board=care"))[1]
    address = f"{HOME}?class={row.class_}&age="
    (age,) = [age for age in AGES if f'href="{address}{age}"'.replace("&", "&amp;") in board]
    assert row.break_id in (await lin.look(f"{address}{age}"))[1]
    others = [each for each in AGES if each != age]
    for each in others:
        assert row.break_id not in (await lin.look(f"{address}{each}"))[1]


async def command_says(house: House) -> None:
    """What `mingzhang reconcile` prints: the same day again, a bill that is not there, a file that is none."""
    ctx, sources = after_day(house.desk.ctx, 11), SOURCES
    told = [
        await reconcile_one(ctx, sources["alipay.trade"], DAY, "", None, flow.silent),
        await reconcile_one(ctx, sources["wechat.trade"], DAY, "", None, flow.silent),
        await reconcile_one(ctx, sources["fulu.orders"], DAY, "x.csv", b"x", flow.silent),
    ]
    assert [it["result"] for it in told] == ["same", "waiting", "refused"]
    out = Console(file=io.StringIO(), width=200)
    out.print(table_of(told))
    text = out.file.getvalue()  # type: ignore[attr-defined]
    for said in ("missing_theirs 1", "STATEMENT_CREATING", "unknown_form"):
        assert said in text


async def report_of_the_day(house: House, who: Person) -> None:
    """The closing report: what it says can be read back from the PDF, and its data's hash is on it."""
    await make_report(after_day(house.desk.ctx, 35), DAY, ShopInfo(name="明账演示堃喆店"))
    async with who.session.get(f"{house.url}{HOME}/reports/{DAY}/json") as answer:
        body = await answer.read()
    told = json.loads(body)
    (used,) = [it for it in told["files"] if it["used"]]
    assert told["ended"][0]["resolution"] == "explained"
    async with who.session.get(f"{house.url}{HOME}/reports/{DAY}/pdf") as answer:
        assert answer.status == 200
        pages = pypdf.PdfReader(io.BytesIO(await answer.read())).pages
    text = "".join("".join(page.extract_text() for page in pages).split())
    for said in ("明账演示堃喆店", "日终对账报告2026-11-20", "短款", "查明原因", "支付宝业务明细", "paid"):
        assert said in text
    assert used["sha256"] in text
    assert hashlib.sha256(body).hexdigest() in text


async def files(house: House, who: Person, row: Break) -> None:
    """The same list as CSV and as a workbook."""
    session = who.session
    async with session.get(f"{house.url}{HOME}/export/csv?state=resolved") as answer:
        assert answer.status == 200
        assert row.break_id in (await answer.read()).decode("utf-8-sig")
    async with session.get(f"{house.url}{HOME}/export/xlsx?state=resolved") as answer:
        book = openpyxl.load_workbook(io.BytesIO(await answer.read()), read_only=True)
        cells = [[str(cell) for cell in line] for line in book.active.iter_rows(values_only=True)]
        book.close()
    assert cells[1][0] == row.break_id
