"""Selling one product's stock in process: what `bench cards` times and tests compare with the floor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import count
from typing import Final

from mingzhang.app.bench.core_steps import Slice
from mingzhang.fulfilment.stock.importer import NewBatch, import_cards
from mingzhang.fulfilment.stock.reader import CardLine
from mingzhang.fulfilment.suppliers.base import GoodsKind, Reason, SupplyRequest, SupplyState
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context

STEPS: Final = ("claim",)
COST_FEN: Final = 100


class Sold(Slice, frozen=True, kw_only=True):
    """One process's part: also which cards its callers were given, by their number in the batch."""

    given: list[int]


def code(product: str, n: int) -> str:
    """A card's code; opened again it must be the one that went in."""
    return f"{product}-{n:010d}"


async def add_stock(ctx: Context, product: str, cards: int) -> None:
    """So many new cards of a product, imported as any file is."""
    batch = NewBatch(
        batch_id=product,
        product=product,
        unit_cost_fen=COST_FEN,
        expires_at=None,
        source="bench.csv",
        added_by="bench",
    )
    await import_cards(
        ctx.pool,
        ctx.vault,
        batch,
        [CardLine(n, f"N{n:08d}", code(product, n)) for n in range(1, cards + 1)],
        ctx.now(),
    )


def wish(product: str, number: str) -> SupplyRequest:
    """One paid order's dispatch. ``number``: made before, as an order's is when it is placed."""
    return SupplyRequest(
        attempt_no=number,
        kind=GoodsKind.CARD,
        supplier_product=product,
        quantity=1,
        account="",
        face_value_fen=COST_FEN,
        safe_cost_fen=COST_FEN,
    )


def numbers(name: str) -> Iterator[str]:
    """Attempt numbers of the ordinary length, unique by name."""
    return (f"M{name}{n:0{18 - len(name)}d}T1" for n in count(1))


async def sell_slice(ctx: Context, callers: int, seconds: float, name: str) -> Sold:
    """Callers take cards one by one until the product (the name up to its last hyphen) is sold out.

    ``seconds``: how long at most; stock that is left then is told by the count.
    """
    product = name.rpartition("-")[0]
    stock, mine = ctx.suppliers["stock"], numbers(name)
    laps: list[float] = []
    given: list[int] = []
    cpu, begun = time.process_time(), time.perf_counter()
    last = begun

    async def caller() -> None:
        nonlocal last
        while (before := time.perf_counter()) - begun < seconds:
            answer = await stock.submit(wish(product, next(mine)))
            after = time.perf_counter()
            if answer.reason is Reason.STOCK_OUT:
                return
            if answer.state is not SupplyState.SUCCEEDED or len(answer.cards) != 1:
                raise Problem("bench_failed", Kind.INTERNAL, f"a claim was answered {answer.code}")
            laps.append(after - before)
            last = after
            sold, _, n = answer.cards[0].password.rpartition("-")
            if sold != product:
                raise Problem("bench_failed", Kind.INTERNAL, "a card of another product")
            given.append(int(n))

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())
    return Sold(
        orders=len(given),
        seconds=last - begun,
        cpu_s=time.process_time() - cpu,
        took={"claim": laps},
        given=given,
    )
