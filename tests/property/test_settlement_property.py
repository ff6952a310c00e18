"""Any interleaving of pays, refunds, chargebacks, reversals, settlements and bank lines, on a real database.

A shadow keeps what the channel and the bank physically hold. When everything that is known has been worked through, the
ledger says the same to the fen, every invariant holds, and nobody got back more than was paid (issue 6, F13).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace

import asyncpg
import pytest

from mingzhang.app.audit_read import SQL as AUDIT
from mingzhang.catalogue.cache import CatalogueCache
from mingzhang.custody.imports import import_file
from mingzhang.custody.store import open_account
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.evidence.store import Fact
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.kit.ids import bucket_of, new_order_id
from mingzhang.kit.money import signed_yuan
from mingzhang.kit.vault import Vault
from mingzhang.ledger import postings
from mingzhang.ledger.model import Replay, subject_findings
from mingzhang.ledger.moves import Refused
from mingzhang.ledger.store import read_float, write_shared
from mingzhang.orders.batch import BatchReader, OrderBatch
from mingzhang.orders.context import Context
from mingzhang.orders.store import open_turn
from mingzhang.refunds.flow import start_refund
from mingzhang.settlement import coverage, flow, lines
from mingzhang.settlement.earn import work_earning
from mingzhang.settlement.model import LineKind, SettlementLine, SettlementList

START = datetime(2026, 3, 2, tzinfo=UTC)
ALI, BANK, FULU = "alipay", "bank", "fulu"
RESERVE, FLOAT = 4_000, 20_000


def context(pool: asyncpg.Pool, clock: ManualClock) -> Context:
    """Database and clock; nobody outside is reached."""
    return Context(
        pool=pool,
        batch=OrderBatch(pool),
        reader=BatchReader(pool),
        catalogue=CatalogueCache(pool),
        clock=clock,
        rng=Random(1),
        vault=Vault(b"k" * 32),
        channels={},
        suppliers={},
        start_refund=start_refund,
        base_url="http://127.0.0.1",
        worker_name="test",
    )


class World:
    """The shop on its database, and the shadow of the channel and the bank."""

    def __init__(self, pool: asyncpg.Pool, seed: int) -> None:
        self.rng = Random(seed)
        self.clock = ManualClock(START)
        self.ctx = context(pool, self.clock)
        self.pool = pool
        self.trades: dict[str, SimpleNamespace] = {}
        self.channel_fen, self.bank_fen = RESERVE, FLOAT
        self.listed: list[SettlementLine] = []
        self.owed: list[tuple[str, int]] = []
        self.closing, self.files, self.batches, self.cited = FLOAT, 0, 0, ""

    async def begin(self) -> None:
        async with transaction(self.pool) as conn:
            await conn.execute("INSERT INTO bucket VALUES (0, $1)", START)
            await open_account(conn, START, account="6222000011", bank=BANK, kind="custody", who="test")
            self.cited = await self.keep(conn, b"opening")
            steps = (
                postings.capital_in("F0", party=BANK, place="custody", amount_fen=FLOAT + RESERVE),
                postings.float_moved(
                    "F0", frm=("custody", BANK), to=("transit.topup", ALI), amount_fen=RESERVE
                ),
                postings.float_moved(
                    "F0", frm=("transit.topup", ALI), to=("channel", ALI), amount_fen=RESERVE
                ),
                postings.capital_in("F0", party=FULU, place="supplier.free", amount_fen=1_000_000),
            )
            for seq, step in enumerate(steps, start=1):
                await write_shared(conn, step, evidence_id=self.cited, now=START, seq=seq)

    async def keep(self, conn: asyncpg.Connection, body: bytes) -> str:
        message = Message(party="test", kind="test", direction=Direction.IN, standing=Standing.OWN, body=body)
        return await evidence.keep(conn, self.ctx.rng, self.clock.now(), message)

    async def pay(self, price: int = 0) -> None:
        """An order is paid and delivered; without a price, one of two by chance."""
        price, number = price or self.rng.choice((1000, 2500)), f"T{len(self.trades):04d}"
        async with transaction(self.pool) as conn:
            now = self.clock.now()
            order = new_order_id(0, now, self.ctx.rng)
            await conn.execute(
                """INSERT INTO orders (bucket, order_id, state, seq, product_id, kind, title_zh, title_en, quantity,
                  face_value_fen, price_fen, cost_fen, supplier, supplier_product, rule_version, promise_s, account_mask,
                  account_enc, account_hash, contact_mask, contact_enc, contact_hash, token_hash, language, holder,
                  next_actor, placed_at, expires_at, paid_at, finished_at)
                  VALUES (0, $1, 'delivered', 0, 'p', 'direct', '', '', 1, $2, $2, $3, 'fulu', 'x', 1, 900, '', '', '', '',
                  '', '', '', 'zh', '', '', $4, $4, $4, $4)""",
                order,
                price,
                price - 100,
                now,
            )
            content = {"payment_no": f"{order}P1", "amount_fen": price}
            fact = Fact(party=ALI, kind="paid", external_id=number, subject=order, content=content)
            row = evidence.fact_row(fact, self.cited, now, now)
            await conn.execute(evidence.SQL.insert_fact, *row[:5], content, row[6], self.cited, now)
            turn = await open_turn(conn, order, now, self.ctx.rng)
            await turn.post(postings.paid(order, channel=ALI, amount_fen=price), self.cited)
            reserve = postings.dispatched(
                order,
                await turn.balances(),
                supplier=FULU,
                attempt=1,
                cost_fen=price - 100,
                expected_fee_fen=6,
            )
            await turn.post(reserve, self.cited)
            done = postings.supplier_succeeded(
                order, await turn.balances(), supplier=FULU, attempt=1, actual_cost_fen=price - 100
            )
            await turn.post(done, self.cited)
            await turn.finish()
        self.trades[number] = SimpleNamespace(order=order, price=price, back=0, charged=False)
        self.channel_fen += price
        self.listed.append(
            SettlementLine(
                position=0,
                kind=LineKind.PAY,
                transaction_id=number,
                gross_fen=price,
                fee_fen=6,
                net_fen=price - 6,
            )
        )

    def some_trade(self) -> tuple[str, SimpleNamespace] | None:
        left = [(n, t) for n, t in self.trades.items() if t.back < t.price]
        return self.rng.choice(left) if left else None

    def _gone(self, number: str, kind: LineKind, fen: int) -> None:
        trade = self.trades[number]
        trade.back += fen
        self.channel_fen -= fen
        line = SettlementLine(
            position=0,
            kind=kind,
            transaction_id=number,
            refund_no=f"{trade.order}R{len(self.listed)}-{self.batches}",
            gross_fen=fen,
            net_fen=-fen,
        )
        self.listed.append(line)

    def unheard(self, trade: SimpleNamespace) -> bool:
        """Whether a chargeback of this trade is in no list yet, or in one that is not booked."""
        return trade.charged

    async def refund(self) -> None:
        """A part goes back, and arrives; refused by the ledger when the float at the channel cannot carry it."""
        picked = self.some_trade()
        if picked is None:
            return
        number, trade = picked
        fen = self.rng.randint(1, trade.price)
        if fen > trade.price - trade.back and self.unheard(trade):
            return  # what was charged back and not told yet, the channel itself refuses to give back again
        try:
            async with transaction(self.pool) as conn:
                turn = await open_turn(conn, trade.order, self.clock.now(), self.ctx.rng)
                asked = postings.refund_asked(
                    trade.order,
                    await turn.balances(),
                    price_fen=trade.price,
                    amount_fen=fen,
                    at=("channel", ALI),
                    float_at_fen=await read_float(conn, "channel", ALI),
                )
                await turn.post(asked, self.cited)
                gone = postings.refund_arrived(
                    trade.order, await turn.balances(), party=ALI, amount_fen=fen, place="refunding"
                )
                await turn.post(gone, self.cited)
                await turn.finish()
        except (Refused, Problem):
            return
        self._gone(number, LineKind.REFUND, fen)

    async def chargeback(self) -> None:
        """The channel takes a payment back; the shop reads it in the list."""
        picked = self.some_trade()
        if picked is not None:
            number, trade = picked
            trade.charged = True
            self._gone(number, LineKind.CHARGEBACK, self.rng.randint(1, trade.price - trade.back))

    async def reverse(self) -> None:
        """The supplier takes success back and credits it (row 9)."""
        picked = self.some_trade()
        if picked is None:
            return
        order = picked[1].order
        try:
            async with transaction(self.pool) as conn:
                turn = await open_turn(conn, order, self.clock.now(), self.ctx.rng)
                back = postings.supplier_gave_back(
                    order,
                    await turn.balances(),
                    supplier=FULU,
                    attempt=1,
                    amount_fen=self.rng.randint(1, 500),
                    place="supplier.settled",
                    bank=BANK,
                    custody_float_fen=await read_float(conn, "custody", BANK),
                )
                await turn.post(back, self.cited)
                await turn.finish()
        except (Refused, Problem):
            return

    async def settle(self) -> None:
        """The channel lists all that happened since its last list, and pays out the rest; a deficit is its reserve's."""
        if not self.listed:
            return
        self.batches += 1
        numbered = [
            SettlementLine(
                position=n,
                kind=line.kind,
                transaction_id=line.transaction_id,
                refund_no=line.refund_no,
                gross_fen=line.gross_fen,
                fee_fen=line.fee_fen,
                net_fen=line.net_fen,
            )
            for n, line in enumerate(self.listed, start=1)
        ]
        total = sum(line.net_fen for line in numbered)
        listed = SettlementList(
            channel=ALI,
            batch_id=f"B{self.batches}",
            reference=f"ALI-{self.batches:03d}",
            day=self.clock.now().date(),
            payout_fen=max(0, total),
            lines=tuple(numbered),
        )
        async with transaction(self.pool) as conn:
            await flow.list_batch(conn, self.ctx.rng, self.clock.now(), listed, BANK)
        self.listed = []
        self.channel_fen -= sum(line.fee_fen for line in numbered) + listed.payout_fen
        if listed.payout_fen:
            self.owed.append((listed.reference, listed.payout_fen))

    async def bank(self) -> None:
        """The bank issues a statement with one payout: whole, short or with more."""
        if not self.owed:
            return
        reference, fen = self.owed.pop(self.rng.randrange(len(self.owed)))
        await self.state_line(max(1, fen + self.rng.choice((0, 0, 0, -7, 5))), reference)

    async def state_line(self, fen: int, reference: str) -> None:
        """One more statement with one line, in (positive) or out."""
        self.bank_fen += fen
        self.files += 1
        self.closing += fen
        day = (START + timedelta(days=self.files)).date()
        row = f"{day},{signed_yuan(fen)},{signed_yuan(self.closing)},{reference}\n"
        body = f"account: 6222000011,currency: CNY\ndate,amount,balance,reference\n{row}"
        await import_file(
            self.pool,
            self.ctx.rng,
            self.clock.now(),
            body.encode(),
            name="s.csv",
            who="test",
            template="plain",
        )

    async def work(self) -> None:
        """What the worker does."""
        self.clock.advance(60)
        for row in await self.pool.fetch(
            "SELECT account, statement_id, position FROM bank_task WHERE state <> 'booked'"
        ):
            await lines.work_line(self.ctx, *row)
        for row in await self.pool.fetch(
            "SELECT channel, batch_id FROM settlement_batch WHERE state <> 'closed' ORDER BY listed_at"
        ):
            await flow.work_batch(self.ctx, *row)

    async def verify(self, *, at_rest: bool) -> None:
        """Every invariant, after every step; at rest the ledger is what is physically there."""
        replay = Replay()
        legs = await self.pool.fetch("SELECT * FROM leg ORDER BY bucket, subject, seq, n")
        rows = [
            (
                f"{r['subject']}/{r['seq']}",
                r["subject"],
                r["place"],
                r["party"],
                r["owner"],
                r["amount_fen"],
                r["evidence_id"],
            )
            for r in legs
        ]
        assert [*replay.feed(rows), *replay.finish()] == []
        for subject, book in replay.books.items():
            assert [*subject_findings(subject, book)] == []
        for trade in self.trades.values():
            book = replay.books.get(trade.order, {})
            back = sum(fen for (place, _, _), fen in book.items() if place.startswith("refund"))
            assert back <= trade.price
        if at_rest:
            there = {"channel": 0, "custody": 0}
            for (place, _, _), fen in replay.totals.items():
                if place in there:
                    there[place] += fen
            assert there == {"channel": self.channel_fen, "custody": self.bank_fen}


STEPS = ("pay", "pay", "refund", "chargeback", "reverse", "settle", "settle", "bank", "bank", "work", "work")


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_any_interleaving_ends_where_the_money_is(pool: asyncpg.Pool, seed: int) -> None:
    world = World(pool, seed)
    await world.begin()
    for _ in range(45):
        await getattr(world, world.rng.choice(STEPS))()
    await world.verify(at_rest=False)
    await world.settle()
    while world.owed:
        await world.bank()
    # What the float could not carry waits as a difference until it can: two people bring money.
    async with transaction(pool) as conn:
        for place, party in (("custody", BANK), ("supplier.free", FULU)):
            more = postings.capital_in(f"CAPITAL2-{party}", party=party, place=place, amount_fen=90_000)
            await write_shared(conn, more, evidence_id=world.cited, now=START)
        for seq, (frm, to) in enumerate(
            ((("custody", BANK), ("transit.topup", ALI)), (("transit.topup", ALI), ("channel", ALI))), start=1
        ):
            step = postings.float_moved("F1", frm=frm, to=to, amount_fen=50_000)
            await write_shared(conn, step, evidence_id=world.cited, now=START, seq=seq)
    world.bank_fen += 90_000 - 50_000
    world.channel_fen += 50_000
    for _ in range(12):
        await world.work()
    assert await pool.fetchval("SELECT count(*) FROM settlement_batch WHERE state <> 'closed'") == 0
    assert await pool.fetchval("SELECT count(*) FROM unbooked") == 0
    await world.verify(at_rest=True)
    world.clock.advance(80 * 3600)
    for row in await pool.fetch("SELECT order_id FROM earning ORDER BY order_id"):
        await work_earning(world.ctx, row["order_id"])
    await world.verify(at_rest=True)
    assert await pool.fetchval("SELECT sum(amount_fen) FROM leg WHERE owner = 'M' AND place = 'custody'") >= 0
    await _days_are_rolled_up(world)


async def _days_are_rolled_up(world: World) -> None:
    """Each day's sums come from the day before, and are the legs' to the fen."""
    now, closed = world.clock.now(), []
    async with transaction(world.pool) as conn:
        while day := await coverage.close_next_day(conn, now):
            closed.append(day)
        assert len(closed) == 3
        found = await coverage.measure(conn, now + timedelta(days=1))
        rows = await conn.fetch(
            "SELECT place, party, owner, sum(amount_fen) AS fen FROM leg GROUP BY 1, 2, 3"
        )
        legs = {(row["place"], row["party"], row["owner"]): int(row["fen"]) for row in rows if row["fen"]}
        assert found.totals == legs
        assert await conn.fetch(AUDIT.list_rollup_differences) == []
        assert found.owed_fen == sum(
            fen for (place, _, owner), fen in legs.items() if owner in "oS" and place in coverage.PLACES
        )


async def test_a_fact_without_float_stops_its_order_until_it_is_booked(pool: asyncpg.Pool) -> None:
    """The fee of a trade that was wholly refunded needs float at the channel; meanwhile nothing else is posted."""
    world = World(pool, 5)
    await world.begin()
    await world.pay()
    async with transaction(pool) as conn:  # no reserve is left there
        step = postings.float_moved("F2", frm=("channel", ALI), to=("transit.topup", ALI), amount_fen=RESERVE)
        await write_shared(conn, step, evidence_id=world.cited, now=START)
    (trade,) = world.trades.values()
    number = next(iter(world.trades))
    world._gone(number, LineKind.CHARGEBACK, trade.price)
    await world.settle()
    await world.work()
    assert await pool.fetchval("SELECT state FROM settlement_member") == "difference"
    assert (
        await pool.fetchval("SELECT code FROM unbooked WHERE bucket = $1", bucket_of(trade.order))
        == "float_short"
    )
    async with transaction(pool) as conn:
        turn = await open_turn(conn, trade.order, world.clock.now(), world.ctx.rng)
        with pytest.raises(Problem, match="fact_waits"):
            await turn.post(postings.bill_lacks(trade.order, await turn.balances(), channel=ALI), world.cited)
        back = postings.float_moved("F2", frm=("transit.topup", ALI), to=("channel", ALI), amount_fen=RESERVE)
        await write_shared(conn, back, evidence_id=world.cited, now=START, seq=2)
    world.clock.advance(3600)
    for _ in range(12):
        await world.work()
    assert await pool.fetchval("SELECT state FROM settlement_batch") == "closed"
    assert await pool.fetchval("SELECT count(*) FROM unbooked") == 0
    await world.verify(at_rest=True)
