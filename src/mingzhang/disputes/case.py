"""One change of one dispute under its order's lock: what is said, where it goes, its clocks; written together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import msgspec

from mingzhang.disputes import clock, store
from mingzhang.disputes.policy import Policy, read_policy
from mingzhang.disputes.states import MESSAGES_MAX, TEXT_MAX, check_move, read_number
from mingzhang.disputes.store import SQL, Dispute
from mingzhang.evidence import store as evidence
from mingzhang.evidence.messages import Direction, Message, Standing
from mingzhang.kit import attachments
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.orders.store import Turn, open_turn

PAUSED: Final = frozenset({"offered", "asked"})


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says. ``speaker``: buyer, shop, channel, regulator; ``by``: the member of staff; ``external_id``: the
    channel's own number of it: told twice, it is kept once; ``attachments``: pictures, drawn by `kit.attachments.draw_all`.
    """

    speaker: str
    text: str
    by: str = ""
    external_id: str = ""
    attachments: tuple[bytes, ...] = ()


def policy_of(ctx: Context) -> Policy:
    """The shop's terms."""
    return read_policy(ctx.dispute_terms)


class Case:
    """A dispute whose order's turn is open. The caller writes both: `finish`, then `turn.finish`."""

    def __init__(self, ctx: Context, turn: Turn, row: Dispute) -> None:
        self.ctx = ctx
        self.turn = turn
        self.row = row

    @property
    def policy(self) -> Policy:
        """The shop's terms."""
        return policy_of(self.ctx)

    def event(self, kind: str, evidence_id: str = "", **data: Any) -> None:
        """A line of the order's timeline that names the dispute."""
        self.turn.event(kind, evidence_id, dispute=self.row.dispute_id, **data)

    async def say(
        self,
        said: Said,
        kind: str = "text",
        *,
        remedy: str = "",
        amount_fen: int = 0,
        evidence_id: str = "",
        **data: Any,
    ) -> int:
        """Add a line to the conversation. Raises `too_long`, `dispute_full`."""
        text = said.text.strip()
        if len(text) > TEXT_MAX:
            raise Problem("too_long", Kind.INVALID, params={"field": "text"})
        row, turn = self.row, self.turn
        if said.external_id:
            known = await turn.conn.fetchval(SQL.find_message, row.bucket, row.dispute_id, said.external_id)
            if known is not None:
                return int(known)
        if row.said >= MESSAGES_MAX and kind == "text":
            raise Problem("dispute_full", Kind.TOO_MANY)
        row.said += 1
        kept = await attachments.keep(
            turn.conn,
            self.ctx.vault,
            self.ctx.rng,
            turn.now,
            bucket=row.bucket,
            owner=row.dispute_id,
            drawn=said.attachments,
        )
        await turn.conn.execute(
            SQL.insert_message,
            row.bucket,
            row.dispute_id,
            row.said,
            turn.now,
            said.speaker,
            said.by,
            kind,
            self.ctx.vault.seal(text) if text else b"",
            remedy,
            amount_fen,
            data,
            list(kept),
            evidence_id,
            said.external_id,
        )
        return row.said

    async def note(
        self, kind: str, *, remedy: str = "", amount_fen: int = 0, evidence_id: str = "", **data: Any
    ) -> None:
        """What happened by itself."""
        said = Said(speaker="system", text="")
        await self.say(said, kind, remedy=remedy, amount_fen=amount_fen, evidence_id=evidence_id, **data)

    async def own_word(self, kind: str, **terms: Any) -> str:
        """Our own decision as evidence, for the postings that rest on it."""
        message = Message(
            party="shop",
            kind=f"dispute.{kind}",
            direction=Direction.OUT,
            standing=Standing.OWN,
            body=msgspec.json.encode({"dispute": self.row.dispute_id, **terms}),
            content_type="application/json",
        )
        return await evidence.keep(self.turn.conn, self.ctx.rng, self.turn.now, message)

    async def cited(self) -> str:
        """The order's newest evidence."""
        order = self.turn.order
        return str(
            await self.turn.conn.fetchval(ORDERS.read_last_evidence, order.bucket, order.order_id) or ""
        )

    def answered(self) -> None:
        """The shop answered: its first term is kept, unless it was missed."""
        row = self.row
        if row.first_at is None:
            row.first_at = self.turn.now
        if row.state == "open":
            self.enter("working", "shop")

    def solved(self) -> None:
        """The shop put a solution on the table."""
        self.answered()
        if self.row.solution_at is None:
            self.row.solution_at = self.turn.now

    def enter(self, state: str, next_actor: str, holder: str = "") -> None:
        """Change state by the table; a pause begins and ends here and nowhere else."""
        row, now = self.row, self.turn.now
        check_move(row.state, state)
        if row.paused_at is not None and state not in PAUSED:
            self._resume(now - row.paused_at)
        if state in PAUSED and row.paused_at is None:
            row.paused_at = now
        row.state, row.next_actor, row.since = state, next_actor, now
        row.holder = holder or next_actor

    def _resume(self, length: timedelta) -> None:
        """The shop's terms move by the length of the pause; what was missed stays missed, what is outside's goes on."""
        row = self.row
        row.paused_at, row.paused = None, row.paused + length
        row.first_by += length if "first" not in row.missed else timedelta(0)
        row.solution_by += length if "solution" not in row.missed else timedelta(0)
        row.final_by += length if "final" not in row.missed else timedelta(0)

    async def close(self, outcome: str, evidence_id: str = "") -> None:
        """An end, with its outcome on record. What it held was let go before, or is at a later visit (`money.let_go`)."""
        row = self.row
        self.enter("closed", "")
        row.outcome, row.closed_at = outcome, self.turn.now
        await self.note("closed", outcome=outcome, evidence_id=evidence_id)
        self.event("dispute_closed", evidence_id, outcome=outcome)

    async def finish(self) -> None:
        """Write the row with its clock."""
        clock.set_clock(self.policy, self.row, self.turn.now)
        await store.write(self.turn.conn, self.row)


async def open_case(ctx: Context, turn: Turn, dispute_id: str) -> Case:
    """A dispute of the order whose turn is open. Raises `unknown_dispute`."""
    row = await store.lock_dispute(turn.conn, dispute_id)
    if row.order_id != turn.order.order_id:
        raise Problem("unknown_dispute", Kind.NOT_FOUND)
    return Case(ctx, turn, row)


async def open_both(ctx: Context, conn: Any, dispute_id: str) -> Case:
    """The order's lock, then the dispute's. Raises `unknown_dispute`."""
    try:
        turn = await open_turn(conn, read_number(dispute_id)[0], ctx.now(), ctx.rng)
    except Problem as problem:
        raise Problem("unknown_dispute", Kind.NOT_FOUND) from problem
    return await open_case(ctx, turn, dispute_id)
