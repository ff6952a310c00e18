"""F4 to its end: a payment that its channel denies after a verified success is asked about on, and people decide."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from test_f01_f20 import sound
from test_money_aside import employ, member

from house import House, open_house
from mingzhang.app import desk_money
from mingzhang.app.console.listing import Wish, look
from mingzhang.app.console.listings import BY_NAME
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.payments.channels.base import Outcome, TradeAnswer, TradesAnswer, TradeState


class Forgetful:
    """The real adapter, but that its questions are denied while `denies` holds: an aggregator that forgets (F4)."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter
        self.denies = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def _word(self, answer: TradeAnswer) -> TradeAnswer:
        if not self.denies:
            return answer
        return TradeAnswer(state=TradeState.NOT_FOUND, outcome=Outcome.OK, messages=answer.messages)

    async def query(self, payment_no: str) -> TradeAnswer:
        return self._word(await self._adapter.query(payment_no))

    async def query_transaction(self, transaction_id: str) -> TradeAnswer:
        return self._word(await self._adapter.query_transaction(transaction_id))

    async def list_trades(self, offset: int, limit: int) -> TradesAnswer:
        answer: TradesAnswer = await self._adapter.list_trades(offset, limit)
        return answer


async def doubted(house: House, channel: str = "alipay", supplier: str = "silent") -> tuple[str, Forgetful]:
    """An order that was paid, whose channel denies it since; nobody visits its rows by themselves."""
    channels: Any = house.desk.ctx.channels
    forgetful = Forgetful(channels[channel])
    channels[channel] = forgetful
    faults = (("fulu", supplier),) if supplier else ()
    order_id = await house.buy(*faults, channel=channel)
    await house.until(order_id, lambda page: page.sentence.code == "money_in_doubt")
    return order_id, forgetful


async def row(house: House, order_id: str) -> dict[str, Any]:
    found = await house.desk.pool.fetchrow("SELECT * FROM payment WHERE order_id = $1", order_id)
    assert found is not None
    return dict(found)


async def state_of(house: House, order_id: str, state: str) -> None:
    for _ in range(400):
        if await house.desk.pool.fetchval("SELECT state FROM orders WHERE order_id = $1", order_id) == state:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(await house.desk.events(order_id, 0))


async def kinds(house: House, order_id: str) -> list[str]:
    return [item.kind for item in await house.desk.events(order_id, 0)]


async def test_f04_what_was_denied_is_asked_about_on_and_a_confirmation_ends_the_doubt(
    database_url: str, tmp_path: Path
) -> None:
    """Row 24 and its way back, by the sweep alone: the order goes on and nothing was sent meanwhile."""
    async with open_house(database_url, tmp_path, speed=600.0) as house:
        channels: Any = house.desk.ctx.channels
        forgetful = Forgetful(channels["alipay"])
        channels["alipay"] = forgetful
        order_id = await house.place()
        await house.stop_worker()
        await house.buyer_pays(await house.open(order_id))
        await house.until(order_id, lambda page: page.pay_badge == "paid")
        await house.desk.pool.execute(
            "UPDATE supply_attempt SET due_at = deadline_at"
        )  # the question comes first
        await house.desk.pool.execute("UPDATE payment SET due_at = paid_at")
        house.start_worker()
        await house.until(order_id, lambda page: page.sentence.code == "money_in_doubt")
        held = await row(house, order_id)
        assert (held["state"], held["next_actor"]) == ("contradicted", "channel")
        assert held["due_at"] <= held["deadline_at"]
        assert held["holder"] == "missing"
        forgetful.denies = False
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        said = await kinds(house, order_id)
        assert said.index("payment_contradicted") < said.index("payment_found") < said.index("delivered")
        assert [part.place for part in page.money] == ["supplier.settled"]
        assert (await row(house, order_id))["state"] == "paid"
        await sound(house)


async def test_f04_staff_have_it_asked_again_and_the_list_tells_of_it(
    database_url: str, tmp_path: Path
) -> None:
    """补发回调 brings a denied payment back, and so does the channel's own list, long after nobody asks any more."""
    async with open_house(database_url, tmp_path, list_every_s=120.0) as house:
        order_id, forgetful = await doubted(house, "epay")
        rests = "UPDATE payment SET due_at = NULL, deadline_at = NULL WHERE state = 'contradicted'"
        await house.desk.pool.execute(rests)
        asked = (await row(house, order_id))["asked"]
        await house.desk.staff_action("finance", "order", order_id, "ask_channel")
        for _ in range(200):
            if (await row(house, order_id))["asked"] > asked:
                break
            await asyncio.sleep(0.05)
        await house.desk.pool.execute(rests)
        forgetful.denies = False  # nobody asks now but the pass over the list
        await house.until(order_id, lambda page: page.sentence.code != "money_in_doubt")
        assert "payment_found" in await kinds(house, order_id)
        await supplier_answers(house, order_id)
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


async def supplier_answers(house: House, order_id: str) -> None:
    """Success, as soon as the supplier has the order: where it was not sent before the doubt, it goes out now."""
    for _ in range(200):
        orders = (await house.world.books())["fulu"]["orders"]
        if any(str(order["customer_order_no"]).startswith(order_id) for order in orders):
            break
        await asyncio.sleep(0.05)
    await house.world.tell("POST", "/decide", {"order": order_id, "outcome": "success"})


async def own_money(house: House, fen: int) -> None:
    """Capital of the shop's own in custody (row 1)."""
    ctx = house.desk.ctx
    async with transaction(house.desk.pool) as conn:
        cited = await conn.fetchval("SELECT min(evidence_id) FROM leg")
        posting = postings.capital_in("CAPITAL-custody", party="bank", place="custody", amount_fen=fen)
        await ledger.write_shared(conn, posting, evidence_id=cited, now=ctx.now())


async def decided(house: House, order_id: str, action: str) -> None:
    """Two distinct people decide of the money that is missing."""
    if not await house.desk.pool.fetchval("SELECT count(*) FROM staff"):
        await employ(house)
    ctx = house.desk.ctx
    approval = await desk_money.propose(ctx, member("lin"), order_id, action, "与渠道客服核对过")
    with pytest.raises(Problem, match="approval_own"):
        await desk_money.decide(ctx, member("lin"), order_id, approval, "approve", "")
    clicks = [desk_money.decide(ctx, member("wang"), order_id, approval, "approve", "") for _ in range(4)]
    results = await asyncio.gather(*clicks, return_exceptions=True)
    assert results.count(None) == 1, results


async def test_f04_proved_unpaid_closes_the_order_and_says_so(database_url: str, tmp_path: Path) -> None:
    """Nobody paid: two people say so, the order is closed unpaid, and the real payment that comes later counts."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "alipay", "notify_for_unpaid")
        await house.world.fault(f"{order_id}T1", "fulu", "account_banned")
        payment_no = await house.open(order_id)
        await state_of(house, order_id, "needs_person")
        await house.until(order_id, lambda page: page.sentence.code == "money_in_doubt")
        # Where it was sent before the doubt, the supplier's refusal is still to come.
        await house.until(
            order_id, lambda page: page.supply_badge not in {"sent", "processing", "confirming"}
        )
        await decided(house, order_id, "prove_unpaid")
        page = await house.until(order_id, lambda page: page.pay_badge == "closed")
        assert page.money == ()
        assert (await row(house, order_id))["state"] == "unpaid"
        assert "payment_unpaid" in await kinds(house, order_id)
        await sound(house)
        await house.buyer_pays(
            payment_no, late=True
        )  # it was never asked for twice, and it may be paid after all
        await house.desk.staff_action("finance", "order", order_id, "ask_channel")
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)


async def test_f04_made_good_by_the_shop_and_found_afterwards(database_url: str, tmp_path: Path) -> None:
    """The shop stands in with its own money at the channel and gives its claim up; found later, all comes back."""
    async with open_house(database_url, tmp_path, bank_fen=20000) as house:
        order_id, forgetful = await doubted(house)
        await employ(house)
        with pytest.raises(Problem, match="own_money_short"):
            await desk_money.propose(house.desk.ctx, member("lin"), order_id, "make_good", "本店先垫付")
        await own_money(house, 20000)
        await decided(house, order_id, "make_good")
        await supplier_answers(house, order_id)
        page = await house.until(order_id, lambda page: page.supply_badge == "arrived")
        assert page.sentence.code == "delivered"
        assert (await house.audit()).missing_fen == 10000  # the shop's claim, with a name
        assert "made_good" in await kinds(house, order_id)
        report = await house.audit()
        assert report.ok, report.lines
        async with house.desk.pool.acquire() as conn:
            listed = await look(
                conn, BY_NAME["missing"], [0], Wish(values=("", "", "")), now=house.desk.ctx.now()
            )
        assert [(it["subject"], it["owner"], it["amount_fen"]) for it in listed.rows] == [
            (order_id, "L", 10000)
        ]
        await decided(house, order_id, "write_off")
        report = await house.audit()
        assert (report.ok, report.missing_fen) == (True, 0), report.lines
        assert (await house.desk.ctx.reader.order(order_id)).state == "delivered"
        with pytest.raises(Problem, match="not_in_doubt"):
            await desk_money.propose(house.desk.ctx, member("lin"), order_id, "write_off", "再来一次")
        forgetful.denies = False
        await house.desk.staff_action("finance", "order", order_id, "ask_channel")
        for _ in range(400):
            if (await row(house, order_id))["state"] == "paid":
                break
            await asyncio.sleep(0.05)
        lost = "SELECT coalesce(sum(amount_fen), 0) FROM leg WHERE place = 'spent.loss'"
        assert await house.desk.pool.fetchval(lost) == 0
        await sound(house)


async def item_row(house: House, holder: str) -> dict[str, Any]:
    for _ in range(400):
        found = await house.desk.pool.fetchrow("SELECT * FROM suspense")
        if found is not None and found["holder"] == holder:
            return dict(found)
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def test_f04_denied_money_aside_is_found_and_goes_back(database_url: str, tmp_path: Path) -> None:
    """A second payment that the channel denies waits as missing, is asked about on, and goes back when it is found."""
    async with open_house(database_url, tmp_path) as house:
        channels: Any = house.desk.ctx.channels
        channels["wechat"] = forgetful = Forgetful(channels["wechat"])
        order_id = await house.place()
        first, second = await house.open(order_id), await house.open(order_id, "wechat")
        # Not swept, so that it is not closed at the channel before it is paid.
        await house.desk.pool.execute("UPDATE payment SET due_at = deadline_at WHERE channel = 'wechat'")
        await house.buyer_pays(first)
        await house.until(order_id, lambda page: page.pay_badge == "paid")
        await house.buyer_pays(second)  # at once: a code for paying expires
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        item = await item_row(house, "missing")
        assert (item["state"], item["next_actor"], item["due_at"] is not None) == ("open", "person", True)
        assert item["due_at"] <= item["deadline_at"]
        forgetful.denies = False
        await item_row(house, "refund.arrived")
        events = await house.desk.pool.fetch("SELECT kind FROM event WHERE order_id = $1", item["item_id"])
        assert "excess_found" in {it["kind"] for it in events}
        await sound(house)


async def test_f04_denied_money_aside_is_proved_unpaid(database_url: str, tmp_path: Path) -> None:
    """A lie beside a true payment: two people end it, and the order never noticed."""
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.place()
        await house.world.fault(order_id, "alipay", "notify_for_unpaid", s=120)
        payment_no = await house.open(order_id)
        await house.buyer_pays(payment_no)
        item = await item_row(house, "missing")
        await decided(house, item["item_id"], "prove_unpaid")
        ended = await item_row(house, "payer")
        assert (ended["state"], ended["due_at"]) == ("unpaid", None)
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await sound(house)
