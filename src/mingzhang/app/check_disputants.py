"""The people of a run with disputes: buyers over the API, staff by the desk's use cases, a channel that takes money back.

What each does is drawn from the run's seed and the dispute's number, so that a run can be repeated.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from mingzhang.app import desk_money
from mingzhang.app.check_claims import own_session
from mingzhang.app.desk import Desk
from mingzhang.disputes import flow, store
from mingzhang.disputes.case import Said
from mingzhang.disputes.chargeback import tell_chargeback
from mingzhang.disputes.states import KINDS
from mingzhang.disputes.store import Dispute
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.errors import Problem
from mingzhang.payments.store import list_payments
from mingzhang.staff import accounts
from mingzhang.staff.model import Member, Office
from mingzhang.staff.rights import Right, Role

# Shares of a hundred.
STAFF: Final = (
    ("silent", 30),
    ("solves", 25),
    ("offers", 15),
    ("asks", 12),
    ("declines", 10),
    ("resupplies", 8),
)
BUYERS: Final = (("agrees", 50), ("refuses", 15), ("silent", 15), ("withdraws", 10), ("reopens", 10))
DISPUTED_PERCENT: Final = 40
TAKEN_PERCENT: Final = 6


def drawn(seed: int, key: str, table: tuple[tuple[str, int], ...]) -> str:
    """One name of the table, by its share."""
    names, shares = zip(*table, strict=True)
    return str(random.Random(f"{seed}:{key}").choices(names, shares)[0])


class Disputants:
    """``opened``: disputes by kind; ``errors``: what should not have been answered so."""

    def __init__(self, desk: Desk, http: aiohttp.ClientSession, seed: int) -> None:
        self._desk, self._ctx, self._http, self._seed = desk, desk.ctx, http, seed
        self.opened: Counter[str] = Counter()
        self.taken = 0
        self.errors: list[str] = []

    async def hire(self) -> None:
        """Two people who may decide about money."""
        ctx = self._ctx
        office = Office(pool=ctx.pool, vault=ctx.vault, rng=ctx.rng, clock=ctx.clock)
        for name in ("lin", "wang"):
            await accounts.add(office, name, secrets.token_urlsafe(24), [Role.FINANCE])

    async def dispute(self, index: int, order_id: str) -> None:
        """The order's buyer, if one who disputes: of a drawn kind, or the next that the order's state allows."""
        rng = random.Random(f"{self._seed}:{order_id}")
        if rng.randrange(100) >= DISPUTED_PERCENT:
            return
        kinds, wish = rng.sample(KINDS, len(KINDS)), rng.choice(("", "refund", "resupply"))
        async with own_session(index) as http:
            for kind in kinds:
                body = {"kind": kind, "wish": wish, "text": "有问题"}
                status, told = await self._call(http, order_id, "", body)
                if status == 201:
                    self.opened[kind] += 1
                    return
                if told.get("code") != "dispute_not_open":
                    self.errors.append(f"order {order_id}: {status} {told.get('code')}")
                    return

    async def round(self) -> int:
        """Everybody does what is theirs to do now; how many open disputes have a term to come."""
        async with self._ctx.pool.acquire() as conn:
            alive = await store.list_open(conn, 100_000)
            ended = await store.list_latest(conn, 100_000)
        for index, row in enumerate(alive):
            try:
                await self._act(index, row)
            except Problem as problem:  # what the other side did first
                if problem.code not in EXPECTED:
                    self.errors.append(f"{row.dispute_id} ({row.state}): {problem}")
        for index, row in enumerate(ended):
            await self._reopen(index, row)
        return sum(row.next_actor != "person" for row in alive)

    async def _act(self, index: int, row: Dispute) -> None:
        if row.next_actor == "buyer":
            await self._buyer(index, row)
        elif row.state in ("open", "working"):
            if self._takes(row):
                await self._take_back(row)
            else:
                await self._staff(row)

    def _takes(self, row: Dispute) -> bool:
        return random.Random(f"{self._seed}:taken:{row.dispute_id}").randrange(100) < TAKEN_PERCENT

    async def _take_back(self, row: Dispute) -> None:
        """The channel gives all that is left back by itself, and says so."""
        async with self._ctx.pool.acquire() as conn:
            paid = [it for it in await list_payments(conn, row.order_id) if it.state == "paid"]
        if not paid or paid[0].channel != "alipay":
            return
        url = f"{self._desk.settings.control_url}/alipay/take-back"
        async with self._http.post(url, json={"out_trade_no": paid[0].payment_no}) as answer:
            if answer.status != 200:
                return
            told = await answer.json()
        word = Message(
            party="alipay",
            kind="alipay.chargeback",
            direction=Direction.IN,
            standing=Standing.ANSWER,
            body=f"{told['number']} {told['fen']}".encode(),
        )
        await tell_chargeback(self._ctx, "alipay", row.order_id, told["number"], told["fen"], [word])
        self.taken += 1

    async def _staff(self, row: Dispute) -> None:
        what = drawn(self._seed, f"staff:{row.dispute_id}:{row.round}", STAFF)
        if what == "silent":
            return
        if row.first_at is None:
            said = Said(speaker="shop", text="已收到，正在核实", by="lin")
            await flow.add_message(self._ctx, row.dispute_id, said)
        if what == "asks" and row.pauses == 0:
            await flow.ask_buyer(self._ctx, row.dispute_id, "lin", "请补充一张截图")
        elif what == "declines":
            await flow.decline(self._ctx, row.dispute_id, "lin", "供应商有到账凭证")
        elif what == "resupplies":
            await self._solve(row, {"remedy": "resupply"})
        elif what == "offers" and row.pauses == 0:
            await self._solve(row, {"remedy": "refund", "amount_fen": 100})
        else:
            await self._solve(row, {"remedy": "refund"})

    async def _solve(self, row: Dispute, terms: Mapping[str, Any]) -> None:
        """Two people; what cannot be done so stays with the clock."""
        full = {**terms, "dispute": row.dispute_id}
        approval = await desk_money.propose(
            self._ctx, _member("lin"), row.order_id, "solve_dispute", "核实属实", full
        )
        await desk_money.decide(self._ctx, _member("wang"), row.order_id, approval, "approve", "")

    async def _buyer(self, index: int, row: Dispute) -> None:
        what = drawn(self._seed, f"buyer:{row.dispute_id}", BUYERS)
        if what == "silent":
            return
        path, body = f"/{row.n}/decision", {"word": "withdraw"}
        if row.state == "offered" and what in ("agrees", "reopens"):
            body = {"word": "accept"}
        elif row.state == "offered" and what == "refuses":
            body = {"word": "refuse", "text": "不够"}
        elif what != "withdraws":
            path, body = f"/{row.n}/messages", {"text": "见截图"}
        await self._send(index, row, path, body)

    async def _reopen(self, index: int, row: Dispute) -> None:
        wants = drawn(self._seed, f"buyer:{row.dispute_id}", BUYERS) == "reopens"
        if wants and row.outcome in ("declined", "lapsed") and flow.may_reopen(row, self._ctx.now()):
            body = {"word": "reopen", "text": "还没解决"}
            await self._send(index, row, f"/{row.n}/decision", body)

    async def _send(self, index: int, row: Dispute, path: str, body: Mapping[str, str]) -> None:
        async with own_session(index) as http:
            status, told = await self._call(http, row.order_id, path, body)
        if status >= 300 and told.get("code") not in EXPECTED:
            self.errors.append(f"{row.dispute_id} {body}: {status} {told.get('code')}")

    async def _call(
        self, http: aiohttp.ClientSession, order_id: str, path: str, body: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        url = f"{self._desk.settings.base_url}/api/v1/orders/{order_id}/disputes{path}"
        headers = {"Authorization": f"Bearer {self._ctx.vault.token(order_id)}"}
        async with http.post(url, json=body, headers=headers) as answer:
            told: dict[str, Any] = await answer.json()
            return answer.status, told


# What somebody hears who comes second, or whose way is not open for this order.
EXPECTED: Final = frozenset(
    {
        "dispute_closed",
        "no_offer",
        "state_refused",
        "reopen_not_open",
        "dispute_already_open",
        "refund_not_open",
        "over_refund",
        "refund_open",
        "refund_whole_only",
        "resupply_refused",
        "too_many_pauses",
        "money_held",
        "fact_waits",
        "posting_refused",
    }
)


def _member(name: str) -> Member:
    rights = frozenset({Right.PROPOSE_MONEY, Right.DECIDE_MONEY})
    return Member(name=name, roles=(), rights=rights, session_id="simulate", strong=True)
