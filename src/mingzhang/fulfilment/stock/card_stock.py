"""Own card stock as a supplier: submit claims, query reads the claim, both by the attempt's number.

A claim is one transaction and unique by its number for ever, so asking twice, six times at once, from two
processes or after a crash gives the same cards (F6, F7, F20), and more than there are is never given (F8). A
refusal is kept too: a number that was refused stays refused when new stock comes. Nothing is set aside for
unpaid orders: cards are claimed when a paid order is dispatched.

A number that was never claimed (a crash before the claim) is ``not_sent``: our own table is proof, and the same
number may come again. Only a database that was lost around the commit leaves it unknown, until it is asked.
Source: scale.md 17; ledger row 25; F6-F8.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import asyncpg
import msgspec

from mingzhang.evidence.messages import Direction, HttpMessage, Message, Reply, Standing
from mingzhang.fulfilment.stock import store
from mingzhang.fulfilment.stock.allocate import Wish
from mingzhang.fulfilment.stock.store import Claim
from mingzhang.fulfilment.suppliers.base import (
    BalanceAnswer,
    CallbackHint,
    Card,
    GoodsKind,
    Reason,
    SupplyAnswer,
    SupplyRequest,
    SupplyState,
)
from mingzhang.kit.batcher import Batcher
from mingzhang.kit.clock import Clock
from mingzhang.kit.database import ACQUIRE_TIMEOUT_SECONDS, NOT_READY
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.vault import Vault

PARTY: Final = "stock"
QUANTITY_MAX: Final = 1000
LEFT_FRESH_REAL_S: Final = 0.5
LEFT_MAX: Final = 10_000  # products remembered

_NUMBER_MAX: Final = 50
_JSON: Final = "application/json"
_WORDS: Final = {
    Reason.STOCK_OUT.value: "库存不足",
    Reason.PRICE_CHANGED.value: "进价高于本单的上限",
}


class _Item(msgspec.Struct, frozen=True):
    """A wish on its way. All of one product go through one flush at a time: the line is locked once for all."""

    wish: Wish
    bucket: int = 0

    @property
    def key(self) -> str:
        return self.wish.attempt_no

    @property
    def order_key(self) -> str:
        return self.wish.product


class CardStock:
    """The adapter. `pool` stays open. `supplier_product` of a request is the stock's product.

    `name`: the party in ledger and evidence. `crash_point`: called at the places where a kill must lose nothing.
    """

    own_table = True
    prefunded = False  # what lies on the shelf is goods and no money: it has no runway

    def __init__(
        self,
        pool: asyncpg.Pool,
        vault: Vault,
        clock: Clock,
        *,
        name: str = PARTY,
        crash_point: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self._pool = pool
        self._vault = vault
        self._clock = clock
        self._left: dict[str, tuple[float, int | None]] = {}
        self._batcher: Batcher[_Item, Claim] = Batcher(
            self._claim, pool=pool, connections=1, one_per_order=False, crash_point=crash_point
        )

    async def submit(self, request: SupplyRequest) -> SupplyAnswer:
        """Claim the cards; the answer comes after the commit. A request for no cards raises `Problem`."""
        number = request.attempt_no
        if request.kind is not GoodsKind.CARD or not 0 < len(number) <= _NUMBER_MAX:
            raise Problem("supply_invalid", Kind.INVALID, f"{request.kind} under {number!r}")
        if not 1 <= request.quantity <= QUANTITY_MAX:
            raise Problem("supply_invalid", Kind.INVALID, f"{request.quantity} under {number!r}")
        wish = Wish(
            attempt_no=number,
            product=request.supplier_product,
            quantity=request.quantity,
            safe_cost_fen=request.safe_cost_fen,
        )
        try:
            claim = await self._batcher.submit(_Item(wish))
            self._left.pop(wish.product, None)  # fewer than was remembered
        except Problem as problem:
            if problem.kind is not Kind.UNAVAILABLE:
                raise
            # Of these only a lost database may have committed.
            lost = problem.code == "database_unavailable"
            return self._unclaimed(
                number, problem.code, SupplyState.UNKNOWN if lost else SupplyState.NOT_SENT
            )
        return self._answer(claim)

    async def query(self, attempt_no: str, kind: GoodsKind, quantity: int = 1) -> SupplyAnswer:
        """The claim of this number. Never claimed: ``not_sent``, see the head."""
        del kind, quantity  # the claim itself says how many
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as conn:
                claims = await store.read_claims(conn, [attempt_no])
        except NOT_READY:
            return self._unclaimed(attempt_no, "database_unavailable", SupplyState.UNKNOWN)
        claim = claims.get(attempt_no)
        if claim is None:
            return self._unclaimed(attempt_no, "never_claimed", SupplyState.NOT_SENT)
        return self._answer(claim)

    async def balance(self) -> BalanceAnswer:
        """What the cards on the shelf cost us, expired ones left out: the stock's prefund (ledger row 25)."""
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as conn:
                levels = await store.read_levels(conn, self._clock.now())
        except NOT_READY:
            return BalanceAnswer(known=False)
        free_fen = sum(level.value_fen for level in levels)
        body = {level.product: [level.available, level.value_fen] for level in levels}
        return BalanceAnswer(
            known=True, free_fen=free_fen, messages=(self._message("stock.levels", body, Direction.IN),)
        )

    async def left(self, supplier_product: str) -> int | None:
        """How many cards may be sold, at most half a real second old; None: without end, or the database is away."""
        at, known = self._left.get(supplier_product, (float("-inf"), None))
        if time.monotonic() - at <= LEFT_FRESH_REAL_S:
            return known
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as conn:
                known = await store.read_left(conn, supplier_product, self._clock.now())
        except NOT_READY:
            return None
        if len(self._left) >= LEFT_MAX:
            self._left.clear()
        self._left[supplier_product] = time.monotonic(), known
        return known

    def read_callback(self, http: HttpMessage) -> CallbackHint:
        """Nobody calls for our own stock: whatever comes is forged."""
        message = Message(
            party=self.name,
            kind="stock.callback",
            direction=Direction.IN,
            standing=Standing.FORGED,
            body=http.body,
            note="own_stock",
        )
        return CallbackHint(message=message)

    def acknowledge(self, accepted: bool) -> Reply:
        """There is nothing here to call."""
        return Reply(status=200 if accepted else 404, body=b"", content_type="text/plain")

    async def aclose(self) -> None:
        """Finish what is under way and take nothing more in."""
        await self._batcher.close()

    async def _claim(
        self, conn: asyncpg.Connection, bucket: int, items: Sequence[_Item]
    ) -> dict[str, Claim | Exception]:
        del bucket  # stock is never split by it
        return {**await store.claim(conn, [item.wish for item in items], self._clock.now())}

    def _answer(self, claim: Claim) -> SupplyAnswer:
        """A claim in a supplier's words; the codes are opened only here and are in no message."""
        told = {
            "attempt_no": claim.attempt_no,
            "product": claim.product,
            "quantity": claim.quantity,
            "state": claim.state,
            "reason": claim.reason,
            "cost_fen": claim.cost_fen,
            "claimed_at": claim.claimed_at,
            "cards": [f"{card.batch_id}:{card.n}" for card in claim.cards],
        }
        asked = self._message("stock.claim", {"attempt_no": claim.attempt_no}, Direction.OUT)
        messages = (asked, self._message("stock.claim", told, Direction.IN))
        if claim.state != "claimed":
            return SupplyAnswer(
                state=SupplyState.REFUSED,
                reason=Reason(claim.reason),
                code=claim.reason,
                text=_WORDS.get(claim.reason, claim.reason),
                feedback={"recharge_description": _WORDS.get(claim.reason, claim.reason)},
                messages=messages,
            )
        return SupplyAnswer(
            state=SupplyState.SUCCEEDED,
            code="claimed",
            supplier_order_id=claim.attempt_no,
            cost_fen=claim.cost_fen,
            serial=f"{claim.cards[0].batch_id}:{claim.cards[0].n}",
            cards=tuple(self._open(card.card_enc) for card in claim.cards),
            finished_at=claim.claimed_at,
            feedback={"order_state": "success"},
            messages=messages,
        )

    def _open(self, card_enc: bytes) -> Card:
        number, _, password = self._vault.open_card(card_enc).partition("\n")
        return Card(number, password)

    def _unclaimed(self, attempt_no: str, code: str, state: SupplyState) -> SupplyAnswer:
        asked = self._message("stock.claim", {"attempt_no": attempt_no, "code": code}, Direction.OUT)
        return SupplyAnswer(state=state, code=code, messages=(asked,))

    def _message(self, kind: str, body: object, direction: Direction) -> Message:
        standing = Standing.OWN if direction is Direction.OUT else Standing.ANSWER
        encoded = msgspec.json.encode(body)
        return Message(
            party=self.name,
            kind=kind,
            direction=direction,
            standing=standing,
            body=encoded,
            content_type=_JSON,
        )
