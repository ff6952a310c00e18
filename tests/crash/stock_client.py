"""A client of the card stock in a process of its own: claims the numbers it is given, says what it got, may be killed.

Arguments: DSN, then attempt numbers. Each answer is one line on standard output: number, state, passwords.
Dies at the point that the environment's STOCK_CRASH_POINT names (``name:n``: the n-th time).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from mingzhang.fulfilment.stock.card_stock import CardStock
from mingzhang.fulfilment.suppliers.base import GoodsKind, SupplyRequest
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.database import open_pool
from mingzhang.kit.vault import Vault

VAULT = Vault(b"k" * 32)
NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)


def wish(number: str) -> SupplyRequest:
    """The number itself says how many of which product: O<product>x<quantity>n<serial>."""
    product, rest = number.removeprefix("O").split("x")
    return SupplyRequest(
        attempt_no=number,
        kind=GoodsKind.CARD,
        supplier_product=f"p{product}",
        quantity=int(rest.split("n")[0]),
        account="",
        face_value_fen=10000,
        safe_cost_fen=10**9,
    )


def dying(point_and_count: str) -> Callable[[str], None]:
    name, _, count = point_and_count.partition(":")
    left = int(count or 1)

    def crash(point: str) -> None:
        nonlocal left
        left -= point == name
        if name and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash


async def main(dsn: str, numbers: list[str]) -> None:
    pool = await open_pool(dsn, min_size=1, max_size=2)
    crash = dying(os.environ.get("STOCK_CRASH_POINT", ""))
    stock = CardStock(pool, VAULT, ManualClock(NOW), crash_point=crash)

    async def one(number: str) -> None:
        answer = await stock.submit(wish(number))
        print(number, answer.state.value, *(card.password for card in answer.cards), flush=True)

    for start in range(0, len(numbers), 10):
        await asyncio.gather(*(one(number) for number in numbers[start : start + 10]))
    await stock.aclose()
    await pool.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
