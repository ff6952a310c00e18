"""卡速售's own traps, adapter against simulated site: what the suppliers' common contract has no name for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import pytest
from aiohttp import web

from mingzhang.evidence.messages import HttpMessage, Standing
from mingzhang.fulfilment.suppliers.base import GoodsKind, Reason, SupplyAnswer, SupplyRequest, SupplyState
from mingzhang.fulfilment.suppliers.kasushou import Kasushou, KasushouSettings
from mingzhang.kit.clock import Clock, clock_from_spec
from mingzhang.kit.outbound import Outbound
from simulator_process import SimulatorProcess

T = TypeVar("T")
WAIT_S = 20.0
OPEN = (SupplyState.PROCESSING, SupplyState.UNKNOWN, SupplyState.NOT_FOUND)


@pytest.fixture(scope="module")
def clock() -> Clock:
    return clock_from_spec(f"scaled:{time.time()!r}:{time.time()!r}:20")


@pytest.fixture(scope="module")
def simulator(clock: Clock) -> Iterator[SimulatorProcess]:
    with SimulatorProcess("--clock", clock.spec(), "--seed", "5") as process:
        yield process


@dataclass
class Shop:
    """The adapter, and what came to its callback address."""

    simulator: SimulatorProcess
    supplier: Kasushou
    came: list[HttpMessage] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        self.came.append(HttpMessage(method="POST", query="", headers=headers, body=body))
        return web.Response(body=self.supplier.acknowledge(accepted=True).body)

    async def buy(self, order: str, fault: str, quantity: int = 1, **params: Any) -> SupplyRequest:
        await self.simulator.fault(order, "kasushou", fault, **params)
        request = SupplyRequest(
            attempt_no=f"{order}T1",
            kind=GoodsKind.DIRECT,
            supplier_product="2010",
            quantity=quantity,
            account="88881234",
            face_value_fen=1000,
            safe_cost_fen=1000 * quantity,
        )
        if fault == "callback_cards_swapped":
            request = msgspec.structs.replace(
                request,
                kind=GoodsKind.CARD,
                supplier_product="3050",
                account="",
                safe_cost_fen=5000 * quantity,
            )
        assert (await self.supplier.submit(request)).state is SupplyState.PROCESSING
        return request

    async def last_word(self, request: SupplyRequest) -> SupplyAnswer:
        async def ask() -> SupplyAnswer | None:
            answer = await self.supplier.query(request.attempt_no, request.kind, request.quantity)
            return None if answer.state in OPEN else answer

        return await until(ask)

    async def row(self, request: SupplyRequest) -> dict[str, Any]:
        rows = (await self.simulator.books())["kasushou"]["orders"]
        return next(row for row in rows if row["customer_order_no"] == request.attempt_no)


async def until(look: Callable[[], Awaitable[T | None]]) -> T:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = await look()
        if found is not None:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


@pytest.fixture
async def shop(simulator: SimulatorProcess, clock: Clock) -> AsyncIterator[Shop]:
    outbound, app = Outbound(), web.Application()
    runner = web.AppRunner(app)
    url = simulator.ready["kasushou"]
    settings = KasushouSettings(**url, unpaid_recheck_s=0.3, timeout_s=15)
    shop = Shop(simulator, Kasushou(settings, outbound, clock))
    app.router.add_post("/in", shop.take)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    settings = msgspec.structs.replace(settings, callback_url=f"http://{host}:{port}/in")
    shop.supplier = Kasushou(settings, outbound, clock)
    try:
        yield shop
    finally:
        await outbound.aclose()
        await runner.cleanup()


async def test_swapped_cards_of_a_genuine_callback_reach_nobody(shop: Shop) -> None:
    """F4: the signature fits, and the cards in it are somebody else's."""
    request = await shop.buy("KA1X", "callback_cards_swapped", 2)
    done = await shop.last_word(request)
    told = [[card.number, card.password] for card in done.cards]
    assert told == (await shop.row(request))["cards"]

    async def swapped() -> HttpMessage | None:
        return next((message for message in shop.came if b"FALSE" in message.body), None)

    hint = shop.supplier.read_callback(await until(swapped))
    assert (hint.attempt_no, hint.message.standing) == (request.attempt_no, Standing.HINT)
    assert b"FALSE" not in hint.message.body


async def test_an_order_that_stays_unpaid_is_refused_and_cost_nothing(shop: Shop) -> None:
    """F10."""
    request = await shop.buy("KA2X", "accepted_unpaid")
    answer = await shop.last_word(request)
    assert (answer.state, answer.reason, answer.code) == (SupplyState.REFUSED, Reason.PREFUND_SHORT, "unpaid")
    assert (await shop.row(request))["charged_fen"] == 0


async def test_an_order_that_looks_unpaid_for_an_instant_is_not_refused(shop: Shop) -> None:
    """F9: who took it for failed would buy it again elsewhere."""
    request = await shop.buy("KA3X", "unpaid_at_first", times=1)
    assert (await shop.last_word(request)).state is SupplyState.SUCCEEDED
    assert (await shop.row(request))["topups_executed"] == 1


async def test_units_that_did_not_come_are_counted(shop: Shop) -> None:
    """Row 10: two of three came, and what the third cost is back."""
    request = await shop.buy("KA4X", "part_delivered", 3, lacking=1)
    answer = await shop.last_word(request)
    assert (answer.state, answer.units) == (SupplyState.SUCCEEDED, 2)
    row = await shop.row(request)
    assert (row["charged_fen"], row["credited_fen"], answer.cost_fen) == (2880, 960, 1920)


async def test_its_goods_are_what_it_sells(shop: Shop) -> None:
    goods, _ = await shop.supplier.goods()
    assert goods is not None
    of = {one.product_id: one for one in goods}
    assert (of["2010"].cost_fen, of["2010"].is_card, of["2010"].on_sale) == (960, False, True)
    assert (of["3050"].cost_fen, of["3050"].is_card) == (4840, True)
