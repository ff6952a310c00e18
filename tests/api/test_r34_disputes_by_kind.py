"""Every kind of dispute over real HTTP: settled, the shop silent, the buyer silent, a channel that races the refund (R34).

One house plays a scene for all eight kinds. Buyers come by the API, staff by their pages; the outside books are compared
at each scene's end. Terms are looked at by a worker's visit at that very second, before and on it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from test_staff_pages import sign_in_strong

from house import House, open_house
from mingzhang.disputes import store
from mingzhang.disputes.chargeback import tell_chargeback
from mingzhang.disputes.states import HOLDS, KINDS
from mingzhang.disputes.store import Dispute
from mingzhang.disputes.visit import work_dispute
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.clock import ManualClock
from mingzhang.staff.rights import Role

pytestmark = pytest.mark.long
WAIT_S: Final = 60.0
PRICES: Final = {"card_invalid": (9_880, 9_700)}
"""What the buyer paid and the supplier takes, fen, by kind; else as `PHONE`."""

PHONE: Final = (10_000, 9_850)
STAGES: Final = ("first", "solution", "final")
TERMS_H: Final = {"first": 12, "solution": 24, "final": 72}
# What was already given back before the buyer complains: nothing is left for a remedy.
BACK: Final = "refund_not_arrived"
AGAIN: Final = frozenset({"card_invalid", "reversed"})
"""Kinds whose buyers ask for a second delivery in the settled scene (R35)."""

PLACES: Final = """SELECT place, sum(amount_fen)::int AS fen FROM leg WHERE subject = $1 AND owner = 'o'
  GROUP BY place HAVING sum(amount_fen) <> 0"""
BREACHES: Final = """SELECT state, deadline_at, at FROM breach
  WHERE kind = 'dispute' AND subject = $1 AND late_actor = $2 ORDER BY deadline_at"""


def kept(kind: str, at: str = "channel") -> dict[str, int]:
    """Where an order's money stands while nothing was given back (rows 1-4): what is left of it ``at`` a place."""
    paid, cost = PRICES.get(kind, PHONE)
    if kind == BACK:
        return {"refund.arrived": paid, "source.payer": -paid}
    return {at: paid - cost, "source.payer": -paid, _supplier(kind): cost}


def given_back(kind: str, at: str = "refund.arrived") -> dict[str, int]:
    """… once all of it was: what the supplier has is the shop's own money."""
    paid, cost = PRICES.get(kind, PHONE)
    if kind == BACK:
        return kept(kind)
    return {at: paid, "source.payer": -paid, "source.platform": -cost, _supplier(kind): cost}


def delivered_twice(kind: str) -> dict[str, int]:
    """… after a second delivery at the shop's cost (row 4)."""
    _, cost = PRICES.get(kind, PHONE)
    return kept(kind) | {"source.platform": -cost, _supplier(kind): 2 * cost}


def _supplier(kind: str) -> str:
    return "supplier.reserved" if kind == "not_arrived" else "supplier.settled"


@asynccontextmanager
async def court_of(database_url: str, folder: Path, **more: Any) -> AsyncIterator[Court]:
    """A house with its people, whose eight buyers have what they complain about."""
    async with open_house(database_url, folder, **more) as house:
        court = Court(house)
        await court.hire()
        try:
            await court.sell()
            yield court
        finally:
            await court.leave()


class Court:
    """A house, two who decide about money and one who answers; an order of each kind."""

    def __init__(self, house: House) -> None:
        self.house, self.pool = house, house.desk.pool
        self.orders: dict[str, str] = {}

    async def hire(self) -> None:
        """Two who decide about money, one who answers."""
        self.lin = await sign_in_strong(self.house, "lin", Role.SUPPORT)
        self.ann = await sign_in_strong(self.house, "ann", Role.FINANCE)
        self.bob = await sign_in_strong(self.house, "bob", Role.FINANCE)

    async def leave(self) -> None:
        """Close their browsers."""
        for who in (self.lin, self.ann, self.bob):
            await who.session.close()

    async def sell(self) -> None:
        """An order of each kind, in the state in which its buyer complains."""
        for kind in KINDS:
            self.orders[kind] = await self._buy(kind)
        for kind, order_id in self.orders.items():
            if kind == "not_arrived":
                await self.house.until(
                    order_id, lambda page: page.supply_badge in {"processing", "confirming"}
                )
            elif kind == BACK:
                await self.house.until(order_id, lambda page: page.pay_badge == "refunded")
            else:
                await self.house.until(order_id, lambda page: page.supply_badge == "arrived")

    async def _buy(self, kind: str) -> str:
        if kind == "not_arrived":
            return await self.house.buy(("fulu", "silent"))
        if kind == BACK:
            return await self.house.buy(("fulu", "account_banned"))
        if kind == "card_invalid":
            return await self.house.buy(product="card-100", account="")
        return await self.house.buy()

    async def buyer(self, kind: str, rest: str, /, **body: str) -> tuple[int, Any]:
        """A call of the order's buyer, by the order's token."""
        order_id = self.orders[kind]
        url = f"{self.house.url}/api/v1/orders/{order_id}/disputes{rest}"
        headers = {"Authorization": f"Bearer {self.house.desk.ctx.vault.token(order_id)}"}
        async with self.house.http.post(url, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def complain(self, wish: Callable[[str], str] = lambda _: "refund") -> None:
        """All eight open theirs; money that is disputed itself is held."""
        for kind in KINDS:
            status, told = await self.buyer(kind, "", kind=kind, wish=wish(kind), text="有问题")
            assert (status, told["line"]["turn"]) == (201, "theirs"), (kind, told)
            assert await self.places(kind) == kept(kind, "hold" if kind in HOLDS else "channel"), kind

    async def read(self, kind: str) -> Dispute:
        """The order's one dispute."""
        async with self.pool.acquire() as conn:
            (found,) = await store.list_disputes(conn, self.orders[kind])
        return found

    async def at(self, kind: str, moment: datetime) -> Dispute:
        """The worker's visit at that very moment."""
        ctx = dataclasses.replace(self.house.desk.ctx, clock=ManualClock(moment))
        await work_dispute(ctx, (await self.read(kind)).dispute_id)
        return await self.read(kind)

    async def closed(self, kind: str) -> Dispute:
        """The dispute once it is at its end."""

        async def look() -> Dispute | None:
            row = await self.read(kind)
            return row if row.state == "closed" else None

        return await until(look, kind)  # type: ignore[no-any-return]

    async def ends(self, kind: str, outcome: str, places: dict[str, int], back_fen: int) -> Dispute:
        """The dispute's end, the ledger, the refunds, and what the channel's own books say went back."""
        row = await self.closed(kind)
        assert (row.outcome, await self.places(kind)) == (outcome, places), kind
        assert await self.outside_fen(kind) == back_fen, kind
        refunds = [("arrived", back_fen)] if back_fen else []
        assert await self.refunds(kind) == ([("dropped", back_fen)] if outcome == "charged_back" else refunds)
        return row

    async def say(self, kind: str, text: str, do: str = "say") -> None:
        """The shop's word, or its question."""
        page = f"/staff/disputes/{self.orders[kind]}D1"
        await self.lin.look(page)
        assert (await self.lin.send(f"{page}/say", text=text, do=do))[0] == 303, kind

    async def propose(self, kind: str, remedy: str) -> int:
        """What one of them puts forward; the status."""
        page = f"/staff/disputes/{self.orders[kind]}D1"
        await self.ann.look(page)
        return (await self.ann.send(f"{page}/solve", remedy=remedy, reason="核实属实"))[0]

    async def approve(self, kind: str) -> int:
        """The other's word on it; the status."""
        page = f"/staff/disputes/{self.orders[kind]}D1"
        _, html = await self.bob.look(page)
        (approval,) = set(re.findall(r"/approvals/([0-9A-Z]+)", html))
        return (await self.bob.send(f"{page}/approvals/{approval}", word="approve"))[0]

    async def places(self, kind: str) -> dict[str, int]:
        """Where the order's money stands."""
        rows = await self.pool.fetch(PLACES, self.orders[kind])
        return {row["place"]: row["fen"] for row in rows}

    async def breaches(self, kind: str, late: str = "shop") -> list[tuple[str, datetime, datetime]]:
        """Terms missed: stage, by when, on record when."""
        return [tuple(row) for row in await self.pool.fetch(BREACHES, self.orders[kind], late)]

    async def refunds(self, kind: str) -> list[tuple[str, int]]:
        """Every refund of the order: state, fen."""
        rows = await self.pool.fetch(
            "SELECT state, amount_fen FROM refund WHERE order_id = $1", self.orders[kind]
        )
        return [tuple(row) for row in rows]

    async def public(self) -> int:
        """Terms of disputes that the shop missed, as everybody reads them."""
        async with self.house.http.get(f"{self.house.url}/api/v1/trust") as answer:
            told = await answer.json()
        return sum(
            each["n"]
            for each in told["breaches"]
            if (each["kind"], each["late_actor"]) == ("dispute", "shop")
        )

    async def outside_fen(self, kind: str) -> int:
        """What the channel's own books say went back to the payer."""
        trades = (await self.house.world.books())["alipay"]["trades"]
        (back,) = [trade["refunded_fen"] for trade in trades if trade["order"] == self.orders[kind]]
        return int(back)

    async def sound(self) -> None:
        """Nothing lost by the outside books, and no finding."""
        await self.house.until_applied()
        assert await self.house.lost_fen() == 0
        assert (await self.house.audit()).lines == []


async def until(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `look` gives once it is something."""
    give_up = time.monotonic() + WAIT_S
    while (found := await look()) is None:
        assert time.monotonic() < give_up, what
        await asyncio.sleep(0.1)
    return found


async def test_each_kind_is_settled_as_its_buyer_wished(database_url: str, tmp_path: Path) -> None:
    """Answered, decided by two, carried out: a refund or a second delivery; what had gone back goes back no more."""
    async with court_of(database_url, tmp_path) as court:
        await court.complain(lambda kind: "resupply" if kind in AGAIN else "refund")
        for kind in KINDS:
            await court.say(kind, "已收到，正在核实")
            assert (await court.read(kind)).first_at is not None
            if kind == BACK:
                assert await court.propose(kind, "refund") == 409
                assert (await court.buyer(kind, "/1/decision", word="arrived"))[0] == 200
                continue
            assert await court.propose(kind, "resupply" if kind in AGAIN else "refund") == 303, kind
            assert await court.approve(kind) == 303, kind
        for kind in KINDS:
            paid, _ = PRICES.get(kind, PHONE)
            if kind in AGAIN:
                row = await court.ends(kind, "resupplied", delivered_twice(kind), 0)
            else:
                outcome = "delivered" if kind == BACK else "refunded"
                row = await court.ends(kind, outcome, given_back(kind), paid)
            assert (row.missed, await court.breaches(kind)) == ([], []), kind
        assert await court.public() == 0
        await court.sound()


async def test_a_silent_shop_is_late_to_the_second_and_the_policy_gives_back(
    database_url: str, tmp_path: Path
) -> None:
    """What went back already stays with a person, whose every further day is a breach of its own."""
    async with court_of(database_url, tmp_path, steps=tmp_path / "ahead") as court:
        await court.complain()
        await court.house.stop_worker()
        for kind in KINDS:
            await _late_to_the_second(court, kind)
        row = await court.read(BACK)
        another = row.opened_at + timedelta(hours=96)
        assert (row.state, row.next_actor, row.due_at, row.deadline_at) == (
            "open",
            "person",
            another,
            another,
        )
        assert await court.refunds(BACK) == [("arrived", PHONE[0])]
        await court.house.step(73 * 3600)
        court.house.start_worker()
        for kind in KINDS:
            if kind != BACK:
                row = await court.ends(kind, "refunded", given_back(kind), PRICES.get(kind, PHONE)[0])
                assert row.missed == list(STAGES)

        async def public() -> bool | None:
            return await court.public() == len(STAGES) * len(KINDS) or None

        assert await until(public, "the public count")
        await court.sound()


async def _late_to_the_second(court: Court, kind: str) -> None:
    opened = (await court.read(kind)).opened_at
    moments = {stage: opened + timedelta(hours=hours) for stage, hours in TERMS_H.items()}
    row = await court.read(kind)
    assert (row.first_by, row.solution_by, row.final_by) == tuple(moments.values())
    for n, (stage, moment) in enumerate(moments.items(), 1):
        row = await court.at(kind, moment - timedelta(seconds=1))
        assert (row.missed, row.deadline_at) == (list(STAGES[: n - 1]), moment)
        row = await court.at(kind, moment)
        assert (row.missed, row.deadline_at != moment) == (list(STAGES[:n]), True)
        assert await court.refunds(kind) == [] or stage == "final" or kind == BACK
    assert await court.breaches(kind) == [(stage, moment, moment) for stage, moment in moments.items()]
    if kind != BACK:
        paid, _ = PRICES.get(kind, PHONE)
        assert (row.state, row.next_actor, row.remedy, row.amount_fen) == (
            "remedy",
            "channel",
            "refund",
            paid,
        )
        assert await court.places(kind) == kept(kind)  # let go, and on its way


async def test_a_silent_buyer_ends_it_and_nothing_moves(database_url: str, tmp_path: Path) -> None:
    async with court_of(database_url, tmp_path) as court:
        await court.complain()
        for kind in KINDS:
            await court.say(kind, "请发截图", do="ask")
        await court.house.stop_worker()
        for kind in KINDS:
            asked = await court.read(kind)
            end = asked.deadline_at
            assert end is not None
            assert asked.paused_at is not None
            assert end == asked.paused_at + timedelta(hours=72)
            assert (await court.at(kind, end - timedelta(seconds=1))).state == "asked"
            assert (await court.at(kind, end)).state == "closed"
            row = await court.ends(kind, "lapsed", kept(kind), PHONE[0] if kind == BACK else 0)
            assert (row.missed, await court.breaches(kind)) == ([], [])
            assert await court.breaches(kind, "buyer") == [("asked", end, end)]
        assert await court.public() == 0
        await court.sound()


@pytest.mark.parametrize("first", ["chargeback", "refund"])
async def test_a_chargeback_races_the_refund(database_url: str, tmp_path: Path, first: str) -> None:
    """Row 22: whichever comes first, the payer has the money once; the channel itself takes nothing that is gone."""
    async with court_of(database_url, tmp_path) as court:
        await court.complain()
        agreed = [kind for kind in KINDS if kind != BACK]
        if first == "chargeback":
            await court.house.stop_worker()
        for kind in agreed:
            assert await court.propose(kind, "refund") == 303
            assert await court.approve(kind) == 303
        if first == "refund":
            for kind in agreed:
                await court.closed(kind)
        for kind in KINDS:
            assert await take_back(court, kind) == (first == "chargeback" and kind != BACK)
        if first == "chargeback":
            await court.pool.execute("UPDATE refund SET due_at = deadline_at WHERE state = 'ready'")
            court.house.start_worker()  # the facts come first
        for kind in agreed:
            paid, _ = PRICES.get(kind, PHONE)
            if first == "refund":
                await court.ends(kind, "refunded", given_back(kind), paid)
            else:
                await court.ends(kind, "charged_back", given_back(kind, "refund.chargeback"), paid)
        assert await court.refunds(BACK) == [("arrived", PHONE[0])]
        assert (
            await court.read(BACK)
        ).state == "open"  # a refund does not answer who says that it did not arrive
        await court.sound()


async def take_back(court: Court, kind: str) -> bool:
    """The channel takes all that is left, and says so twice; false where nothing is left."""
    house, order_id = court.house, court.orders[kind]
    url = f"{house.desk.settings.control_url}/alipay/take-back"
    async with house.http.post(url, json={"out_trade_no": f"{order_id}P1"}) as answer:
        if answer.status == 409:
            return False
        told = await answer.json()
    word = Message(
        party="alipay",
        kind="alipay.chargeback",
        direction=Direction.IN,
        standing=Standing.ANSWER,
        body=f"{told['number']} {told['fen']}".encode(),
    )
    for expected in ("new", "same"):
        said = await tell_chargeback(house.desk.ctx, "alipay", order_id, told["number"], told["fen"], [word])
        assert said == expected
    return True
