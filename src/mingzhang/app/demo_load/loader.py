"""Loads a history: pieces made by several processes, each sent by COPY in one transaction, so that it can go on later.

A load that was interrupted leaves whole pieces, and the books agree on what is there; the same command goes on with
the missing ones, by the time at which it was begun.
"""

from __future__ import annotations

import asyncio
import io
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from datetime import datetime
from random import Random
from typing import Final

import asyncpg
import msgspec

from mingzhang.app.demo_load.goods import goods_of
from mingzhang.app.demo_load.life import CLIENT, NOTE
from mingzhang.app.demo_load.plan import Maker, Plan
from mingzhang.app.demo_load.sheets import COLUMNS, Sheets
from mingzhang.catalogue import store as catalogue
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.database import connect
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.sql import load
from mingzhang.kit.vault import Vault
from mingzhang.ledger import postings
from mingzhang.ledger import store as ledger
from mingzhang.ledger.places import FREE
from mingzhang.orders.store import SQL as ORDERS

SQL: Final = load("mingzhang.app.demo_load", "load")
COPY_TIMEOUT_S: Final = 600.0
ORDERS_MIN: Final = 10
ORDERS_MAX: Final = 5_000_000
STOP_LOOK_S: Final = 0.5
INLINE_MAX: Final = 2  # so few pieces are made without further processes


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to load. ``now``: the present of a history that is begun; ``into_existing``: beside others' orders, too."""

    orders: int
    days: int
    seed: int
    now: datetime
    buckets: int = 1
    into_existing: bool = False
    processes: int = 0  # 0: as many as there are cores

    @property
    def load_id(self) -> str:
        """The same history has the same name."""
        return f"{self.seed}-{self.orders}-{self.days}"


Say = Callable[[int], None]
"""Told how many orders more are there."""


async def load_history(dsn: str, secret: bytes, card_keys: Sequence[bytes], wanted: Wanted, say: Say) -> Plan:
    """Load it, or what is missing of it. Needs a catalogue and rules.

    Raises Problem `demo_refused` (others' orders are there), `demo_loaded_already`, `unknown_product` (nothing to sell).
    """
    conn = await connect(dsn)
    try:
        plan, missing = await _begin(conn, wanted)
    finally:
        await conn.close()
    say(wanted.orders - sum(plan.size(piece) for piece in missing))
    office = (dsn, secret, tuple(card_keys), plan, wanted.load_id)
    if len(missing) <= INLINE_MAX:
        await _inline(office, missing, say)
    else:
        await _over_processes(office, missing, wanted.processes or os.cpu_count() or 1, say)
    conn = await connect(dsn, command_timeout=COPY_TIMEOUT_S)
    try:
        await conn.execute(SQL.analyze_all)
        await conn.execute(SQL.sum_up_pages)
        await conn.execute(SQL.finish_load, wanted.load_id, wanted.now)
    finally:
        await conn.close()
    return plan


async def _begin(conn: asyncpg.Connection, wanted: Wanted) -> tuple[Plan, list[int]]:
    """The plan and the pieces that are not there; a new one is put on record with its suppliers' opening balances."""
    if not ORDERS_MIN <= wanted.orders <= ORDERS_MAX:
        raise Problem("bad_quantity", Kind.INVALID, f"{ORDERS_MIN} to {ORDERS_MAX} orders")
    if not wanted.into_existing and await conn.fetchval(SQL.has_other_orders, CLIENT, wanted.load_id):
        raise Problem(
            "demo_refused",
            Kind.CONFLICT,
            "there are orders in this database; --into-existing loads beside them",
        )
    known = await conn.fetchrow(SQL.find_load, wanted.load_id)
    if known is not None and known["finished_at"] is not None:
        raise Problem("demo_loaded_already", Kind.CONFLICT, "another --seed adds another history")
    goods = goods_of(await catalogue.list_products(conn), await catalogue.list_all_routes(conn))
    if not goods:
        raise Problem(
            "unknown_product", Kind.NOT_FOUND, "nothing is on sale that a supplier outside supplies"
        )
    ends_at = known["ends_at"] if known else wanted.now
    rules = await catalogue.read_rules(conn, max(ends_at, wanted.now))
    plan = Plan(
        seed=wanted.seed,
        orders=wanted.orders,
        days=wanted.days,
        ends_at=ends_at,
        buckets=wanted.buckets,
        goods=goods,
        rules=rules.version,
    )
    if known is None:
        await _put_on_record(conn, wanted, plan)
        return plan, list(range(plan.pieces))
    there = {row["piece"] for row in await conn.fetch(SQL.list_pieces, wanted.load_id)}
    return plan, [piece for piece in range(plan.pieces) if piece not in there]


async def _put_on_record(conn: asyncpg.Connection, wanted: Wanted, plan: Plan) -> None:
    rng, now = Random(f"{wanted.seed}:capital"), wanted.now
    async with conn.transaction():
        await conn.execute(SQL.insert_load, wanted.load_id, wanted.seed, wanted.orders, wanted.days, now)
        for bucket in range(plan.buckets):
            await conn.execute(ORDERS.ensure_bucket, bucket, now)
        for supplier, fen in plan.costs().items():
            told = Message(
                party=supplier,
                kind="load_demo.balance",
                direction=Direction.OUT,
                standing=Standing.OWN,
                body=f"{supplier} {fen}".encode(),
                content_type="text/plain",
                note=NOTE,
            )
            cited = await evidence.keep(conn, rng, now, told)
            subject = f"CAPITAL-{wanted.load_id}-{supplier}"
            posting = postings.capital_in(subject, party=supplier, place=FREE, amount_fen=fen)
            await ledger.write_shared(conn, posting, evidence_id=cited, now=now)


Office = tuple[str, bytes, tuple[bytes, ...], Plan, str]


async def _inline(office: Office, pieces: Sequence[int], say: Say) -> None:
    dsn, secret, card_keys, plan, load_id = office
    maker = Maker(plan, Vault(secret, card_keys))
    conn = await connect(dsn, command_timeout=COPY_TIMEOUT_S)
    try:
        for piece in pieces:
            await send(conn, load_id, piece, plan.size(piece), maker.make(piece))
            say(plan.size(piece))
    finally:
        await conn.close()


async def _over_processes(office: Office, pieces: Sequence[int], processes: int, say: Say) -> None:
    """Interrupted, the pieces under way are still finished and no other is begun."""
    stop = threading.Event()
    try:
        await asyncio.to_thread(_spread, office, pieces, processes, say, stop)
    finally:
        stop.set()


def _spread(office: Office, pieces: Sequence[int], processes: int, say: Say, stop: threading.Event) -> None:
    """Over processes, each with a connection of its own; what is not begun when one fails is not begun at all."""
    plan = office[3]
    crew = ProcessPoolExecutor(
        processes, mp_context=multiprocessing.get_context("spawn"), initializer=_open_shop, initargs=(office,)
    )
    try:
        under_way: set[Future[int]] = set()
        waiting = iter(pieces)
        while True:
            for piece in () if stop.is_set() else waiting:
                under_way.add(crew.submit(_make_one, piece))
                if len(under_way) > processes:
                    break
            if not under_way:
                return
            done, under_way = wait(under_way, timeout=STOP_LOOK_S, return_when=FIRST_COMPLETED)
            for each in done:
                say(plan.size(each.result()))
    finally:
        crew.shutdown(wait=True, cancel_futures=True)


class _Shop:
    """What one of the processes works with."""

    def __init__(self, office: Office) -> None:
        self.dsn, secret, card_keys, self.plan, self.load_id = office
        self.maker = Maker(self.plan, Vault(secret, card_keys))
        self.loop = asyncio.new_event_loop()
        self.conn = self.loop.run_until_complete(connect(self.dsn, command_timeout=COPY_TIMEOUT_S))


_shops: list[_Shop] = []


def _open_shop(office: Office) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches everybody; whoever leads decides
    _shops.append(_Shop(office))


def _make_one(piece: int) -> int:
    shop = _shops[0]
    sheets = shop.maker.make(piece)
    shop.loop.run_until_complete(send(shop.conn, shop.load_id, piece, shop.plan.size(piece), sheets))
    return piece


async def send(conn: asyncpg.Connection, load_id: str, piece: int, orders: int, sheets: Sheets) -> None:
    """One piece, all or nothing."""
    async with conn.transaction():
        for table, columns in COLUMNS.items():
            if sheets.lines[table]:
                await conn.copy_to_table(
                    table,
                    source=io.BytesIO(sheets.text(table)),
                    columns=list(columns),
                    timeout=COPY_TIMEOUT_S,
                )
        await conn.execute(SQL.insert_piece, load_id, piece, orders)
