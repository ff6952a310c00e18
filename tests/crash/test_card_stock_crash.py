"""Eight clients of the card stock, killed in between: whatever they had been told stays true, and nothing is lost.

Real processes, SIGKILL; and the database's own sessions ended under running claims (F7, F8, F11, F20).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest
from stock_client import NOW, VAULT, wish

from mingzhang.fulfilment.stock.card_stock import CardStock
from mingzhang.fulfilment.stock.importer import NewBatch, import_cards
from mingzhang.fulfilment.stock.reader import CardLine
from mingzhang.fulfilment.suppliers.base import GoodsKind, SupplyState
from mingzhang.kit.clock import ManualClock

pytestmark = pytest.mark.crash

CLIENT = Path(__file__).with_name("stock_client.py")
CLIENTS = 8
END_S = 60.0


@dataclass
class Client:
    """One client process. `told`: what it said it was given, line by line."""

    process: asyncio.subprocess.Process
    told: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    async def start(cls, dsn: str, numbers: list[str], crash_point: str = "") -> Client:
        environ = {**os.environ, "STOCK_CRASH_POINT": crash_point}
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(CLIENT), dsn, *numbers, stdout=asyncio.subprocess.PIPE, env=environ
        )
        return cls(process)

    async def listen(self, kill_after: int = 0) -> int:
        """Read until it ends, killing it after so many lines; its exit code."""
        assert self.process.stdout is not None
        async with asyncio.timeout(END_S):
            while (line := await self.process.stdout.readline()).endswith(b"\n"):  # else: torn by the kill
                number, state, *cards = line.decode().split()
                self.told[number] = (state, *cards)
                if kill_after and len(self.told) == kill_after:
                    self.process.kill()
            return await self.process.wait()


async def stock_up(pool: asyncpg.Pool, products: int, cards: int) -> None:
    for p in range(products):
        lines = [CardLine(n, f"{p}-{n}", f"pass-{p}-{n:05d}") for n in range(1, cards + 1)]
        batch = NewBatch(
            batch_id=f"b{p}",
            product=f"p{p}",
            unit_cost_fen=100,
            expires_at=None,
            source="test",
            added_by="keeper",
        )
        await import_cards(pool, VAULT, batch, lines, NOW)


def orders(count: int, products: int) -> list[str]:
    return [f"O{n % products}x{1 + n % 3}n{n}" for n in range(count)]


def shares(numbers: list[str]) -> list[list[str]]:
    """Each client has its own numbers, and every eighth of the next one's too: two workers, one order."""
    own = [numbers[k::CLIENTS] for k in range(CLIENTS)]
    return [mine + own[(k + 1) % CLIENTS][::8] for k, mine in enumerate(own)]


@pytest.fixture
async def stock(pool: asyncpg.Pool) -> AsyncIterator[CardStock]:
    stock = CardStock(pool, VAULT, ManualClock(NOW))
    yield stock
    await stock.aclose()


async def finish(stock: CardStock, numbers: list[str], told: list[dict[str, tuple[str, ...]]]) -> int:
    """Ask about every number, send again what was never claimed; the whole must be exact. How many were resent."""
    final: dict[str, tuple[str, ...]] = {}
    resent = 0
    for number in numbers:
        answer = await stock.query(number, GoodsKind.CARD)
        if answer.state is SupplyState.NOT_SENT:
            answer = await stock.submit(wish(number))
            resent += 1
        final[number] = (answer.state.value, *(card.password for card in answer.cards))
    for said in told:
        assert {number: final[number] for number in said} == said
    for number, (state, *cards) in final.items():
        assert (state, len(cards)) == ("succeeded", wish(number).quantity)
    given = Counter(card for _, *cards in final.values() for card in cards)
    assert set(given.values()) == {1}
    return resent


@pytest.mark.parametrize("point", ["commit_to_reply:1", "commit_to_reply:3"])
async def test_killed_after_the_commit_and_before_the_answer(
    database_url: str, pool: asyncpg.Pool, stock: CardStock, point: str
) -> None:
    await stock_up(pool, 8, 120)
    numbers = orders(320, 8)
    clients = [await Client.start(database_url, mine, point) for mine in shares(numbers)]
    ended = await asyncio.gather(*(client.listen() for client in clients))
    assert set(ended) == {-signal.SIGKILL}
    claimed = await pool.fetchval("SELECT count(*) FROM card_claim")
    told = [client.told for client in clients]
    assert claimed > len({number for said in told for number in said})  # committed, and nobody told
    assert await finish(stock, numbers, told) == 320 - claimed > 0


async def test_killed_at_any_moment(database_url: str, pool: asyncpg.Pool, stock: CardStock) -> None:
    await stock_up(pool, 4, 240)
    numbers = orders(320, 4)
    clients = [await Client.start(database_url, mine) for mine in shares(numbers)]
    await asyncio.gather(*(client.listen(kill_after=1 + 5 * k) for k, client in enumerate(clients)))
    await finish(stock, numbers, [client.told for client in clients])


async def test_the_databases_sessions_end_under_running_claims(
    database_url: str, pool: asyncpg.Pool, stock: CardStock
) -> None:
    """A commit may have happened or not; the same numbers are sent again by themselves, and count once."""
    await stock_up(pool, 4, 240)
    numbers = orders(320, 4)
    clients = [await Client.start(database_url, mine) for mine in shares(numbers)]
    listening = asyncio.gather(*(client.listen() for client in clients))
    control = await asyncpg.connect(database_url)
    others = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'mingzhang'"""
    for _ in range(6):
        await asyncio.sleep(0.15)
        await control.execute(others)
    await control.close()
    assert await listening == [0] * CLIENTS
    assert await finish(stock, numbers, [client.told for client in clients]) == 0
