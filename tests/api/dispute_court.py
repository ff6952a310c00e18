"""A house with an order of each kind of dispute, its buyers (over the API) and its staff (over their pages).

Terms are looked at by a worker's visit at that very second (`Court.at`).
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from test_staff_pages import sign_in_strong

from house import House, open_house
from mingzhang.disputes import store
from mingzhang.disputes.states import HOLDS, KINDS
from mingzhang.disputes.store import Dispute
from mingzhang.disputes.visit import work_dispute
from mingzhang.kit.clock import ManualClock
from mingzhang.staff.rights import Role

WAIT_S: Final = 60.0
PRICES: Final = {"card_invalid": (9_880, 9_700)}
"""What the buyer paid and the supplier takes, fen, by kind; else as `PHONE`."""

PHONE: Final = (10_000, 9_850)
# What was already given back before the buyer complains: nothing is left for a remedy.
BACK: Final = "refund_not_arrived"
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
async def court_of(
    database_url: str, folder: Path, channel: str = "alipay", **more: Any
) -> AsyncIterator[Court]:
    """A house with its people, whose eight buyers have what they complain about; all paid by one channel."""
    async with open_house(database_url, folder, **more) as house:
        court = Court(house, channel)
        await court.hire()
        try:
            await court.sell()
            yield court
        finally:
            await court.leave()


class Court:
    """A house, two who decide about money and one who answers; an order of each kind."""

    def __init__(self, house: House, channel: str) -> None:
        self.house, self.pool, self.channel = house, house.desk.pool, channel
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
            return await self.house.buy(("fulu", "silent"), channel=self.channel)
        if kind == BACK:
            return await self.house.buy(("fulu", "account_banned"), channel=self.channel)
        if kind == "card_invalid":
            return await self.house.buy(product="card-100", account="", channel=self.channel)
        return await self.house.buy(channel=self.channel)

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
        trades = (await self.house.world.books())[self.channel]["trades"]
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
