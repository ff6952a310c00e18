"""The shop's use cases with its real adapters, on a real PostgreSQL, against simulated parties on one manual clock.

The parties run in this process, on loopback, and are steered through their control API: time passes only when
the test says so, and nothing happens by itself. Every order has a bucket of its own, so that what earlier
orders left due is never claimed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

import aiohttp

from general_way import GeneralOnly
from house import make_keys
from mingzhang.app.desk import Desk
from mingzhang.app.settings import Settings
from mingzhang.app.wiring import APPLY, build_context
from mingzhang.app.worker import ROUNDS
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import HttpMessage
from mingzhang.evidence.store import Waiting
from mingzhang.fulfilment.suppliers.fulu import Fulu, FuluSettings
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.database import open_pool, transaction
from mingzhang.kit.outbound import Outbound
from mingzhang.orders.place import PlaceRequest, place_order
from mingzhang.payments.channels.alipay import Alipay, AlipaySettings
from simulators.alipay.model import Trade
from simulators.alipay.notify import Notifier
from simulators.server import Options, Simulators
from simulators.world import Clock as WorldClock

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TIMEOUT_S = 5.0
CLAIMS = {key: (statement, visit) for statement, key, visit in ROUNDS}


class SharedClock(WorldClock):
    """The parties' time is the test's; what they would do later by themselves never comes."""

    manual: ManualClock

    def now(self) -> datetime:
        return self.manual.now()

    def real_s(self, virtual_s: float) -> float:
        return 0.0 if virtual_s <= 0 else 1e6


class OneBucket(Random):
    """Chance, but that a choice between ``n`` buckets always falls on the last one."""

    buckets = 0

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        if stop is None and start == self.buckets:
            return start - 1
        return super().randrange(start, stop, step)


class Parties:
    """What a buyer, a supplier or a channel does; and what they would answer if asked now."""

    def __init__(self, world: Simulators, http: aiohttp.ClientSession) -> None:
        self.world = world
        self._control = world.ready()["control"]
        self._notifier = Notifier(world.alipay)
        self._http = http

    async def tell(self, method: str, path: str, body: object) -> Any:
        """One call of the control API."""
        async with self._http.request(method, f"{self._control}{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def down(self, party: str, down: bool) -> None:
        await self.tell("PUT", f"/party/{party}/down", {"down": down})

    async def pay(self, url: str) -> str:
        """The buyer pays what is on the screen, also when the time limit has just passed."""
        body = {"pay_url": url, "outcome": "pay", "late": True}
        return str((await self.tell("POST", "/buyers/pay", body))["result"])

    async def decide(self, order_id: str, outcome: str) -> None:
        await self.tell("POST", "/decide", {"order": order_id, "outcome": outcome})

    async def fault(self, order_id: str, party: str, name: str) -> None:
        body = {"order": order_id, "faults": [{"party": party, "name": name}]}
        await self.tell("POST", "/faults", body)

    def trade(self, payment_no: str) -> Trade | None:
        """The trade that a question by our number finds."""
        return self.world.alipay.find(payment_no, "")

    def trade_answer(self, payment_no: str, transaction_id: str = "") -> tuple[str, str]:
        """State and transaction id as the channel will tell them, asked by its own number where it is known."""
        if self.world.world.down["alipay"]:
            return "unknown", ""
        trade = self.world.alipay.find(payment_no, transaction_id)
        if trade is None:
            return "not_found", ""
        if trade.paid_fen:
            return ("refunded" if trade.refunded_fen else "paid"), trade.trade_no
        return ("closed" if trade.state == "TRADE_CLOSED" else "pending"), trade.trade_no

    def supply_answer(self, attempt_no: str) -> str:
        """What the supplier will say of one of our numbers."""
        if self.world.world.down["fulu"]:
            return "unknown"
        order = self.world.fulu.orders.get(attempt_no)
        if order is None:
            return "not_found"
        return {"success": "succeeded", "failed": "refused"}.get(order.state, "processing")

    def notify(self, payment_no: str, *, ghost: str = "", amount: str = "") -> HttpMessage:
        """A validly signed success: of the real trade, of a ``ghost`` that nobody paid, or of another amount."""
        trade = self.trade(payment_no)
        if ghost or trade is None:
            offer = self.world.alipay.offer_of[payment_no][0]
            now = self.world.world.now()
            trade = Trade(
                ghost or "ghost",
                payment_no,
                offer.kind,
                offer.subject,
                offer.amount_fen,
                "",
                "",
                now,
                None,
                "2088000000000000",
                "TRADE_SUCCESS",
                offer.amount_fen,
                now,
            )
        changes = {"total_amount": amount} if amount else {}
        form = self._notifier.sign(self._notifier.fields(trade, **changes))
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return HttpMessage(method="POST", query="", headers=headers, body=urlencode(form).encode())


class LifecycleHouse:
    """One shop. ``place`` opens the next bucket; ``visit`` and ``apply_next`` do a worker's work in small steps."""

    def __init__(self, desk: Desk, clock: ManualClock, rng: OneBucket, parties: Parties) -> None:
        self.desk = desk
        self.ctx = desk.ctx
        self.clock = clock
        self.parties = parties
        self.bucket = -1
        self._rng = rng

    async def place(self) -> str:
        """The next order: ¥100 for a phone."""
        self.bucket += 1
        self._rng.buckets = self.bucket + 1
        request = PlaceRequest(
            product_id="phone-100", account="13800138000", contact="buyer@example.com", language="zh"
        )
        ctx, key = self.ctx, f"lifecycle-{self.bucket:06d}"
        placed = await place_order(ctx, "test", key, request, buckets=self.bucket + 1)
        self._rng.buckets = 0
        return placed.order_id

    async def claim(self, key: str) -> list[str]:
        """What is due of one kind ("payment_no", "attempt_no", "refund_no", "order_id"), leased as a worker does."""
        ctx = self.ctx
        async with transaction(ctx.pool) as conn:
            rows = await conn.fetch(
                CLAIMS[key][0], self.bucket, ctx.now(), 64, ctx.worker_name, ctx.lease_end()
            )
        return sorted(str(row[key]) for row in rows)

    async def visit(self, key: str, subject: str) -> None:
        """A worker's visit to a claimed row."""
        await CLAIMS[key][1](self.ctx, subject)

    async def apply_next(self) -> Waiting | None:
        """Apply one waiting fact, and say which."""
        ctx = self.ctx
        async with transaction(ctx.pool) as conn:
            found = await evidence.claim(conn, self.bucket, ctx.soon(), 1, ctx.worker_name, ctx.lease_end())
        assert len(found) <= 1, found
        for fact in found:
            await APPLY[fact.kind](ctx, fact)
            async with ctx.pool.acquire() as conn:
                await evidence.complete(conn, fact)
            return fact
        return None

    async def read(self, statement: str, *arguments: object) -> list[Any]:
        """Rows of the database as they are stored."""
        async with self.ctx.pool.acquire() as conn:
            rows: list[Any] = await conn.fetch(statement, *arguments)
        return rows


@asynccontextmanager
async def open_lifecycle_house(database_url: str, folder: Path) -> AsyncIterator[LifecycleHouse]:
    """Parties, database, adapters; everything is closed in the right order."""
    manual = ManualClock(START)
    clock = SharedClock()
    object.__setattr__(clock, "manual", manual)
    private, public = make_keys(folder)
    options = Options(seed=7, clock=clock, merchant_public_key=public.read_text(), fulu_suffixes=False)
    world = Simulators(options)
    await world.start()
    ready = world.ready()
    settings = Settings(database_url=database_url, secret_key=b"k" * 32, limits="off")
    pool, http = await open_pool(database_url, 1, 4), Outbound()
    alipay = AlipaySettings(
        gateway=ready["alipay"]["gateway"],
        app_id=ready["alipay"]["app_id"],
        seller_id=ready["alipay"]["seller_id"],
        merchant_private_key=private.read_text(),
        alipay_public_key=ready["alipay"]["public_key_pem"],
        timeout_s=TIMEOUT_S,
    )
    fulu = FuluSettings(
        url=ready["fulu"]["url"],
        app_key=ready["fulu"]["app_key"],
        app_secret=ready["fulu"]["app_secret"],
        timeout_s=TIMEOUT_S,
    )
    rng = OneBucket(7)
    ctx = replace(
        build_context(settings, pool, http),
        batch=GeneralOnly(pool),  # step by step; tests/hot hold the batch to the same rows
        clock=manual,
        rng=rng,
        channels={"alipay": Alipay(alipay, http, manual)},
        suppliers={"fulu": Fulu(fulu, http, manual)},
        lease_s=TIMEOUT_S,
    )
    desk = Desk(settings, ctx, http)
    try:
        await desk.set_up_sample_shop()
        await desk.book_opening_balances()
        async with aiohttp.ClientSession() as session:
            yield LifecycleHouse(desk, manual, rng, Parties(world, session))
    finally:
        await desk.aclose()
        await world.stop()
