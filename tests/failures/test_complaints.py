"""Complaints at WeChat Pay and Alipay are the same case as here: found, bound, answered both ways, paid back once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from test_f01_f20 import sound

from house import House, open_house
from mingzhang.app.pack_complaints import complaints
from mingzhang.app.work_complaints import complaint_items
from mingzhang.complaints import store
from mingzhang.complaints.bind import bind_by_hand
from mingzhang.complaints.read import desk_of
from mingzhang.complaints.store import Act, Row
from mingzhang.complaints.talk import plan_reply
from mingzhang.disputes import flow as disputes
from mingzhang.disputes.case import Said
from mingzhang.disputes.store import Dispute, list_disputes, list_messages
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.orders.store import open_turn, read_order
from mingzhang.packs.asked import Asked
from mingzhang.packs.model import Edition

WAIT_S = 40.0
UNTOLD = (
    ("alipay", "complaint_notify_lost"),
    ("alipay", "complaint_reply_lost"),
    ("fulu", "account_banned"),
)


async def until(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `look` gives once it is something."""
    give_up = time.monotonic() + WAIT_S
    while not (found := await look()):
        assert time.monotonic() < give_up, what
        await asyncio.sleep(0.1)
    return found


class Watch:
    """One order's complaint, seen from the channel, from our row and from the case."""

    def __init__(self, house: House, order_id: str) -> None:
        self.house, self.order_id, self.ctx = house, order_id, house.desk.ctx

    async def complain(self, **told: object) -> str:
        """The buyer complains about the first payment."""
        body = {"out_trade_no": f"{self.order_id}P1", **told}
        return str((await self.house.world.tell("POST", "/complaints", body))["complaint"])

    async def there(self) -> dict[str, Any]:
        """As the channel has it."""
        rows = (await self.house.world.tell("GET", f"/complaints?order={self.order_id}"))["complaints"]
        return dict(rows[0])

    async def lines(self, kind: str) -> list[str]:
        return [line["text"] for line in (await self.there())["lines"] if line["kind"] == kind]

    async def case(self) -> Dispute:
        """The one case."""

        async def look() -> list[Dispute]:
            return await list_disputes(self.ctx.pool, self.order_id)

        found = await until(look, "no case was opened")
        assert len(found) == 1
        return found[0]  # type: ignore[no-any-return]

    async def words(self, dispute_id: str) -> list[tuple[str, str, int]]:
        """Speaker, words and pictures of every message."""
        messages = await list_messages(self.ctx.pool, dispute_id)
        opened = self.ctx.vault.open
        return [(m.speaker, opened(m.text_enc) if m.text_enc else "", len(m.files)) for m in messages]

    async def row(self, number: str) -> Row:
        channel = str((await self.there())["party"])
        return await store.read(self.ctx.pool, channel, number)

    async def acts(self, number: str) -> list[Act]:
        return await store.list_acts(self.ctx.pool, await self.row(number))

    async def answer(self, dispute_id: str, text: str, pictures: tuple[bytes, ...] = ()) -> None:
        said = Said(speaker="shop", by="lin", text=text, attachments=pictures)
        await disputes.add_message(self.ctx, dispute_id, said)

    async def give_back(self, dispute_id: str) -> None:
        """What two people decided: the platform's own refund."""
        async with transaction(self.ctx.pool) as conn:
            turn = await open_turn(conn, self.order_id, self.ctx.now(), self.ctx.rng)
            decided = {"approval": "A1", "proposed_by": "lin", "decided_by": "wang", "reason": "未到账"}
            await disputes.solve_in(self.ctx, turn, dispute_id, "refund", None, "", decided)
            await turn.finish()

    async def settled(self, number: str) -> Row:
        """The complaint at rest on both sides."""

        async def look() -> Row | None:
            row = await self.row(number)
            return row if row.due_at is None else None

        return await until(look, f"not at rest: {await self.there()}")  # type: ignore[no-any-return]


async def _wechat(house: House, order_id: str) -> None:
    """Notified three times, a reply without an answer, words and pictures both ways, refund progress, completion."""
    await house.until(order_id, lambda page: page.supply_badge == "arrived")
    watch = Watch(house, order_id)
    await house.world.fault(order_id, "wechat", "complaint_reply_timeout")
    number = await watch.complain(kind="refund", words="显示到账但没收到", images=1, phone="13912345678")
    case = await watch.case()
    assert (case.source, case.channel, case.complaint_no) == ("channel", "wechat", number)
    assert case.outside_by is not None
    first = await until(lambda: _spoken(watch, case.dispute_id, 2), "the picture came along")
    assert [speaker for speaker, _, _ in first] == ["channel", "buyer"]
    assert "显示到账但没收到" in first[0][1]
    assert first[1][2] == 1

    await watch.answer(case.dispute_id, "正在向供应商核实")
    assert await until(lambda: watch.lines("replied"), "our answer stands at WeChat") == ["正在向供应商核实"]
    await house.world.tell("POST", f"/complaints/{number}", {"do": "say", "words": "请快一点"})
    await until(
        lambda: _said(watch, case.dispute_id, "请快一点"), "the complainant's words stand in the case"
    )
    row = await until(lambda: _answered(watch, number), "our first answer's time was read there")
    assert row.phone_mask == "139****5678"
    assert house.desk.ctx.vault.open(row.phone_enc) == "13912345678"

    await watch.give_back(case.dispute_id)
    await house.until(order_id, lambda page: page.pay_badge == "refunded")
    await until(lambda: watch.lines("approved"), "WeChat was told of the refund")
    done = await watch.settled(number)
    assert (done.state, done.refunded) == ("done", True)
    assert (await watch.lines("replied")).count("正在向供应商核实") == 1
    assert [act.state for act in await watch.acts(number)].count("sent") >= 2
    assert len([act for act in await watch.acts(number) if act.key == "m3.0"]) == 1
    assert [each["complaint_no"] for each in await _packed(watch)] == [number]
    await house.world.tell("POST", f"/complaints/{number}", {"do": "again", "words": "还是没有"})
    assert (await until(lambda: _in(watch, "open"), "whoever goes on there opens it again here")).round == 2


async def _in(watch: Watch, state: str) -> Dispute | None:
    case = await watch.case()
    return case if case.state == state else None


async def _answered(watch: Watch, number: str) -> Row | None:
    row = await watch.row(number)
    return row if row.answered_at is not None else None


async def _packed(watch: Watch) -> list[dict[str, Any]]:
    """What the order's evidence pack tells of complaints."""
    ctx = watch.ctx
    async with ctx.pool.acquire() as conn:
        asked = Asked(
            conn=conn,
            order=await read_order(conn, watch.order_id),
            edition=Edition.BUYER,
            vault=ctx.vault,
            now=ctx.now(),
            clear=False,
            own_words=False,
            word=lambda _, code: code,
        )
        return [told for section in await complaints(asked) for told in section.data]


async def _alipay(house: House, order_id: str) -> None:
    """No notify, a first reply that is lost, a refund under way already: found by the list, one case, one refund.

    Nobody has to say a word: the refund is the answer, and its number is told.
    """
    watch = Watch(house, order_id)
    number = await watch.complain(kind="refund", words="充值失败")
    case = await watch.case()
    assert case.kind == "not_arrived"
    await house.until(order_id, lambda page: page.pay_badge == "refunded")
    (word,) = await until(lambda: watch.lines("completed"), "Alipay was told that it is settled")
    assert f"{order_id}R1" in word
    assert (await watch.case()).outcome == "refunded"
    assert (await watch.there())["state"] == "MERCHANT_FEEDBACKED"
    assert len([line for line in await watch.lines("replied") if "已同意退款" in line]) == 1
    assert max(act.asked for act in await watch.acts(number)) == 2
    trades = (await house.world.books())["alipay"]["trades"]
    assert [trade["refunded_fen"] for trade in trades if trade["order"] == order_id] == [10000]
    await house.world.tell("POST", f"/complaints/{number}", {"do": "satisfied"})
    assert (await watch.settled(number)).state == "done"


async def _nobodys(house: House) -> None:
    """About no order of ours, its notify a day late: it is listed with its clock until a person answers or binds it."""
    ctx = house.desk.ctx
    await house.world.fault("NOBODYS", "wechat", "complaint_notify_out_of_order", s=86_400)
    body = {"out_trade_no": "NOBODYS-1", "party": "wechat", "words": "扣错钱了"}
    number = (await house.world.tell("POST", "/complaints", body))["complaint"]

    async def look() -> Row | None:
        row = await store.find(ctx.pool, "wechat", number)
        return row if row is not None and row.made_at is not None else None

    row = await until(look, "it was read")
    assert (row.order_id, row.dispute_id, row.first_by is not None) == ("", "", True)
    assert number in [each.complaint_no for each in await store.list_rows(ctx.pool)]
    assert number in [item.subject for item in await complaint_items(ctx)]
    desk = desk_of(ctx, "wechat")
    assert desk is not None
    await plan_reply(ctx, desk, row, "长" * 250)
    there = Watch(house, "NOBODYS")
    assert await until(lambda: _two(there), "both parts of the answer stand there") == ["长" * 200, "长" * 50]
    order_id = await house.place()
    await bind_by_hand(ctx, "wechat", number, order_id, "lin")
    case = await Watch(house, order_id).case()
    assert (case.complaint_no, case.kind) == (number, "not_arrived")
    with pytest.raises(Problem, match="complaint_bound"):
        await bind_by_hand(ctx, "wechat", number, order_id, "lin")
    await house.world.tell("POST", f"/complaints/{number}", {"do": "withdraw"})
    ended = await until(lambda: _in(Watch(house, order_id), "closed"), "taken back there, it ends here")
    assert ended.outcome == "withdrawn"


async def _two(watch: Watch) -> list[str]:
    replied = await watch.lines("replied")
    return replied if len(replied) >= 2 else []


async def _spoken(watch: Watch, dispute_id: str, at_least: int) -> list[tuple[str, str, int]]:
    words = await watch.words(dispute_id)
    return words if len(words) >= at_least else []


async def _said(watch: Watch, dispute_id: str, text: str) -> bool:
    return any(text == each for _, each, _ in await watch.words(dispute_id))


async def test_complaints_at_channels_are_cases_here(database_url: str, tmp_path: Path) -> None:
    """R34, R36, F14: both channels, with notifies lost and doubled, a lost answer, and a refund that races."""
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        told = await house.buy(("wechat", "complaint_notify_duplicate"), channel="wechat")
        untold = await house.buy(*UNTOLD, channel="alipay")
        await asyncio.gather(_wechat(house, told), _alipay(house, untold), _nobodys(house))
        await sound(house)
        said = await house.desk.pool.fetch("SELECT body FROM evidence WHERE kind LIKE '%complaint%'")
        assert not [
            row for row in said if b"13912345678" in row["body"] or "请快一点".encode() in row["body"]
        ]
