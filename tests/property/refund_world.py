"""A shop on its database with a channel and a bank that keep books of their own: orders are put there delivered, money
moves by the real code (start_refund, the worker's visits, the inbox, transfers, instructions, bank lines).

Nothing of the channel's or bank's own bounds helps the shop: they give whatever is asked, so that a refund too many shows.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
from test_settlement_property import ALI, BANK, World

from mingzhang.app.wiring import APPLY
from mingzhang.custody import instructions
from mingzhang.custody.banks.base import OrderAnswer, OrderState, PaymentOrder
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.ledger import postings
from mingzhang.ledger.moves import Refused
from mingzhang.ledger.store import read_float
from mingzhang.orders.store import open_turn
from mingzhang.payments.channels.base import RefundAnswer, RefundRequest, RefundState
from mingzhang.refunds import flow
from mingzhang.settlement.model import LineKind
from mingzhang.transfers import flow as transfers
from mingzhang.transfers.payee import name_payee

PRICE = 1_000


def _message(party: str, text: str) -> Message:
    return Message(
        party=party, kind="test", direction=Direction.IN, standing=Standing.ANSWER, body=text.encode()
    )


@dataclass
class Trade:
    """One payment at the channel: what went back of it by refunds (by number) and by chargebacks, fen."""

    order_id: str
    number: str
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
        """Once by number, like a real one; whatever amount is asked."""
        trade = self.trades[request.payment_no]
        self.calls.append((request.refund_no, request.amount_fen))
        trade.refunds.setdefault(
            request.refund_no, ("refused" if self.refuses else "accepted", request.amount_fen)
        )
        return self._say(trade, request.refund_no)

    async def query_refund(self, payment_no: str, refund_no: str, transaction_id: str = "") -> RefundAnswer:
        """What it stands at."""
        return self._say(self.trades[payment_no], refund_no)

    def _say(self, trade: Trade, refund_no: str) -> RefundAnswer:
        if self.lost:
            return RefundAnswer(state=RefundState.UNKNOWN, code="timeout")
        if refund_no not in trade.refunds:
            return RefundAnswer(state=RefundState.NOT_FOUND, messages=(_message(ALI, "not found"),))
        state, fen = trade.refunds[refund_no]
        return RefundAnswer(state=RefundState(state), messages=(_message(ALI, f"{refund_no} {state} {fen}"),))


class Bank:
    """The bank's side: instructions as they came, what became of each, how often each was handed in."""

    name = BANK
    account = "6222000011"

    def __init__(self) -> None:
        self.orders: dict[str, tuple[str, int]] = {}
        self.seen: dict[str, int] = {}
        self.lost = False
        self.refuses = False

    async def send(self, order: PaymentOrder) -> OrderAnswer:
        """Taken or refused, once by number."""
        self.seen[order.order_id] = self.seen.get(order.order_id, 0) + 1
        self.orders.setdefault(order.order_id, ("rejected" if self.refuses else "accepted", order.amount_fen))
        return self._say(order.order_id)

    async def ask(self, order_id: str) -> OrderAnswer:
        """What it stands at."""
        return self._say(order_id)

    def _say(self, order_id: str) -> OrderAnswer:
        if self.lost:
            return OrderAnswer(state=OrderState.UNKNOWN, code="timeout")
        state = self.orders[order_id][0]
        said = OrderState.REJECTED if state == "rejected" else OrderState.ACCEPTED
        return OrderAnswer(state=said, messages=(_message(BANK, f"{order_id} {state}"),))

    def standing(self, state: str) -> list[str]:
        """The instructions that stand so, oldest first."""
        return [number for number, (now, _) in self.orders.items() if now == state]


class RefundWorld(World):
    """Pays, refunds, transfers, chargebacks and the worker's visits, over one channel and one bank."""

    def __init__(self, pool: asyncpg.Pool, seed: int) -> None:
        super().__init__(pool, seed)
        self.side, self.bank_side = Channel(), Bank()
        channels: Any = self.ctx.channels
        channels[ALI] = self.side
        banks: Any = self.ctx.banks
        banks[BANK] = self.bank_side
        self.approvals = self.capitals = 0

    async def sell(self) -> str:
        """A delivered order and its payment."""
        await self.pay(PRICE)
        number, trade = list(self.trades.items())[-1]
        order_id, now = str(trade.order), self.clock.now()
        self.side.trades[f"{order_id}P1"] = Trade(order_id, number)
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

    def trade_of(self, order_id: str) -> Trade:
        """The payment at the channel."""
        return self.side.trades[f"{order_id}P1"]

    async def ask(self, order_id: str, fen: int) -> None:
        """Two people agreed to give part of it back: planned by the real code, bounded under the lock."""
        async with transaction(self.pool) as conn:
            turn = await open_turn(conn, order_id, self.clock.now(), self.ctx.rng)
            await flow.start_refund(turn, "staff_refund", self.cited, fen)
            await turn.finish()

    async def transfer(self, order_id: str, fen: int) -> bool:
        """The buyer names an account and two people have it sent there; false where the rules say no."""
        try:
            await name_payee(self.ctx, order_id, "张三", "6222021234567890")
        except Problem:
            return False
        self.approvals += 1
        approval, now = f"A{self.approvals:025d}", self.clock.now()
        await self.pool.execute(
            """INSERT INTO approval (bucket, approval_id, action, subject, amount_fen, terms, terms_hash, reason, state,
              proposed_by, proposed_at, expires_at, decided_by)
              VALUES (0, $1, 'refund_by_transfer', $2, $3, '{}', '', 'test', 'proposed', 'lin', $4, $4, 'wang')""",
            approval,
            order_id,
            fen,
            now,
        )
        async with transaction(self.pool) as conn:
            turn = await open_turn(conn, order_id, now, self.ctx.rng)
            try:
                plan = await transfers.check(turn, fen)
            except Problem:
                return False
            await transfers.start(turn, plan, approval, self.cited)
            await turn.finish()
        return True

    async def charge(self, order_id: str, fen: int) -> int:
        """The channel takes money back by itself, and says so at once (row 22); what its float cannot carry, it does not."""
        trade = self.trade_of(order_id)
        async with transaction(self.pool) as conn:
            turn = await open_turn(conn, order_id, self.clock.now(), self.ctx.rng)
            balances = await turn.balances()
            fen = min(fen, postings.refundable_fen(order_id, balances, PRICE), PRICE - trade.back_fen)
            try:
                posting = postings.charged_back(
                    order_id,
                    balances,
                    channel=ALI,
                    amount_fen=fen,
                    float_at_fen=await read_float(conn, "channel", ALI),
                )
                await turn.post(posting, self.cited)
            except (Refused, Problem, ValueError):
                return 0
            await turn.finish()
        trade.charged_fen += fen
        self._gone(trade.number, LineKind.CHARGEBACK, fen)
        return fen

    def end(self, refund_no: str, trade: Trade, state: str) -> None:
        """What the channel accepted arrives, or comes back (a closed card)."""
        was, fen = trade.refunds[refund_no]
        if was == "accepted":
            trade.refunds[refund_no] = (state, fen)
            if state == "arrived":
                self._gone(trade.number, LineKind.REFUND, fen)

    async def pay_out(self, number: str) -> None:
        """The bank pays an instruction out, and its statement says so."""
        fen = self.bank_side.orders[number][1]
        self.bank_side.orders[number] = ("paid", fen)
        await self.state_line(-fen, number)

    async def send_back(self, number: str) -> None:
        """The payee's bank sends it back."""
        fen = self.bank_side.orders[number][1]
        self.bank_side.orders[number] = ("returned", fen)
        await self.state_line(fen, number)

    async def visit(self) -> None:
        """The worker: every refund and instruction at no end is visited, every line booked, every fact applied."""
        self.clock.advance(2_000)
        for row in await self.pool.fetch(
            "SELECT refund_no FROM refund WHERE due_at IS NOT NULL ORDER BY refund_no"
        ):
            with suppress(Problem):
                await transfers.work(self.ctx, row["refund_no"])
        for row in await self.pool.fetch(
            "SELECT instruction_id FROM instruction WHERE state NOT IN ('rejected', 'done') ORDER BY instruction_id"
        ):
            await instructions.work_instruction(self.ctx, row["instruction_id"])
        await self.work()
        await self.apply()

    async def apply(self) -> None:
        """What waits in the inbox; what cannot be applied yet waits on."""
        now = self.clock.now()
        async with self.pool.acquire() as conn:
            waiting = await evidence.claim(conn, 0, now, 64, "test", now + timedelta(seconds=1))
        for fact in waiting:
            try:
                await APPLY[fact.kind](self.ctx, fact)
            except Problem:
                continue
            async with self.pool.acquire() as conn:
                await evidence.complete(conn, fact)

    async def given_back(self, order_id: str) -> dict[str, int]:
        """By the ledger: what lies at each place that counts as given back."""
        rows = await self.pool.fetch(
            """SELECT place, sum(amount_fen)::bigint AS fen FROM leg WHERE bucket = 0 AND subject = $1 AND owner = 'o'
              AND place LIKE 'refund%' GROUP BY place""",
            order_id,
        )
        return {row["place"]: int(row["fen"]) for row in rows if row["fen"]}

    async def left(self, order_id: str) -> int:
        """What the shop's own rule would still give back."""
        async with transaction(self.pool) as conn:
            return await flow.left_fen(await open_turn(conn, order_id, self.clock.now(), self.ctx.rng))
