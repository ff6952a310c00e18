"""A shop on its database with a channel that keeps books of its own: orders are put there delivered, money moves by the
real code (start_refund, work_refund, the inbox), and a plain model in Python says what must have come of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
from test_settlement_property import ALI, BANK, FULU, World

from mingzhang.app.wiring import APPLY
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.evidence.store import Waiting
from mingzhang.kit.database import transaction
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Refused
from mingzhang.ledger.store import read_float
from mingzhang.orders.store import open_turn
from mingzhang.payments.channels.base import RefundAnswer, RefundRequest, RefundState
from mingzhang.refunds import flow, visit

PRICE = 1_000


@dataclass
class Trade:
    """One payment at the channel: what went back of it by refunds (by number) and by chargebacks, fen."""

    order_id: str
    refunds: dict[str, tuple[str, int]] = field(default_factory=dict)
    charged_fen: int = 0

    @property
    def back_fen(self) -> int:
        return sum(fen for state, fen in self.refunds.values() if state != "refused") + self.charged_fen


class Channel:
    """The channel's side: its own books, the answers it was told to give, and answers that get lost on their way."""

    name = ALI

    def __init__(self) -> None:
        self.trades: dict[str, Trade] = {}
        self.lost = False
        self.refuses = False
        self.calls: list[tuple[str, int]] = []

    async def refund(self, request: RefundRequest) -> RefundAnswer:
        """Once by number, like a real one; the same number with another amount is refused as it is there."""
        trade = self.trades[request.payment_no]
        self.calls.append((request.refund_no, request.amount_fen))
        if request.refund_no not in trade.refunds:
            fits = trade.back_fen + request.amount_fen <= PRICE and not self.refuses
            trade.refunds[request.refund_no] = ("accepted" if fits else "refused", request.amount_fen)
        if self.lost:
            return RefundAnswer(state=RefundState.UNKNOWN, code="timeout")
        return self._say(trade, request.refund_no)

    async def query_refund(self, payment_no: str, refund_no: str, transaction_id: str = "") -> RefundAnswer:
        """What it stands at; silent while answers get lost."""
        if self.lost:
            return RefundAnswer(state=RefundState.UNKNOWN, code="timeout")
        trade = self.trades[payment_no]
        if refund_no not in trade.refunds:
            return RefundAnswer(state=RefundState.NOT_FOUND, messages=(_message("not found"),))
        return self._say(trade, refund_no)

    def _say(self, trade: Trade, refund_no: str) -> RefundAnswer:
        state, fen = trade.refunds[refund_no]
        return RefundAnswer(
            state=RefundState(state), code="", messages=(_message(f"{refund_no} {state} {fen}"),)
        )

    def end(self, trade: Trade, refund_no: str, state: str) -> None:
        """What was accepted arrives, or comes back (the buyer's card is closed)."""
        if trade.refunds[refund_no][0] == "accepted":
            trade.refunds[refund_no] = (state, trade.refunds[refund_no][1])


def _message(text: str) -> Message:
    return Message(
        party=ALI, kind="test", direction=Direction.IN, standing=Standing.ANSWER, body=text.encode()
    )


class RefundWorld(World):
    """Pays, refunds, chargebacks and the worker's visits, over one channel."""

    def __init__(self, pool: asyncpg.Pool, seed: int) -> None:
        super().__init__(pool, seed)
        self.side = Channel()
        channels: Any = self.ctx.channels
        channels[ALI] = self.side
        self.orders: list[str] = []

    async def sell(self) -> str:
        """A delivered order and its payment."""
        await self.pay(PRICE)
        number, trade = list(self.trades.items())[-1]
        order_id = str(trade.order)
        self.orders.append(order_id)
        self.side.trades[f"{order_id}P1"] = Trade(order_id)
        now = self.clock.now()
        await self.pool.execute(
            """INSERT INTO payment (bucket, payment_no, order_id, n, channel, method, state, amount_fen, paid_fen,
              transaction_id, holder, next_actor, opened_at, paid_at, expires_at)
              VALUES (0, $1, $2, 1, $3, 'qr', 'paid', $4, $4, $5, $3, '', $6, $6, $6)""",
            f"{order_id}P1",
            order_id,
            ALI,
            PRICE,
            number,
            now,
        )
        return order_id

    async def ask(self, order_id: str, fen: int) -> None:
        """Two people agreed to give part of it back: planned by the real code, bounded under the lock."""
        async with transaction(self.pool) as conn:
            turn = await open_turn(conn, order_id, self.clock.now(), self.ctx.rng)
            await flow.start_refund(turn, "staff_refund", self.cited, fen)
            await turn.finish()

    async def charge(self, order_id: str, fen: int) -> bool:
        """The channel takes money back by itself, and its list says so at once (row 22)."""
        trade = self.side.trades[f"{order_id}P1"]
        fen = min(fen, PRICE - trade.back_fen)
        if fen <= 0:
            return False
        async with transaction(self.pool) as conn:
            turn = await open_turn(conn, order_id, self.clock.now(), self.ctx.rng)
            try:
                posting = postings.charged_back(
                    order_id,
                    await turn.balances(),
                    channel=ALI,
                    amount_fen=fen,
                    float_at_fen=await read_float(conn, "channel", ALI),
                )
            except Refused:
                return False
            await turn.post(posting, self.cited)
            await turn.finish()
        trade.charged_fen += fen
        return True

    async def visit(self) -> None:
        """The worker: every refund that is at no end is visited, every fact applied."""
        self.clock.advance(2_000)
        for row in await self.pool.fetch(
            "SELECT refund_no FROM refund WHERE due_at IS NOT NULL ORDER BY refund_no"
        ):
            await visit.work_refund(self.ctx, row["refund_no"])
        await self.apply()

    async def apply(self) -> None:
        """What waits in the inbox."""
        now = self.clock.now()
        async with self.pool.acquire() as conn:
            waiting: list[Waiting] = await evidence.claim(
                conn, 0, now, 64, "test", now + timedelta(seconds=60)
            )
        for fact in waiting:
            await APPLY[fact.kind](self.ctx, fact)
            async with self.pool.acquire() as conn:
                await evidence.complete(conn, fact)

    async def given_back(self, order_id: str) -> dict[str, int]:
        """By the ledger: what lies at each place that counts as given back."""
        rows = await self.pool.fetch(
            """SELECT place, sum(amount_fen)::bigint AS fen FROM leg WHERE subject = $1 AND owner = 'o'
              AND place LIKE 'refund%' GROUP BY place""",
            order_id,
        )
        return {row["place"]: int(row["fen"]) for row in rows if row["fen"]}


__all__ = ["BANK", "FULU", "PRICE", "Channel", "RefundWorld", "Trade"]
