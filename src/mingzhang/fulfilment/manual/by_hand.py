"""Manual fulfilment (人工充值) as a supplier: a submit makes a task, staff end it, a query reads how it ended.

Nobody marks anything delivered: a success is a report with a reference and a note, confirmed by a second person
(`app/desk_manual.py`), and both are in the answer that becomes evidence. Until then the outcome is open like any
supplier's: asked about, never sent twice, with the order's own clocks. It costs nothing (ledger row 25, c = 0).

A number that never became a task is ``not_sent``: our own table is proof, as with the card stock (scale.md 17).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import asyncpg
import msgspec

from mingzhang.catalogue.accounts import mask
from mingzhang.evidence.messages import Direction, HttpMessage, Message, Reply, Standing
from mingzhang.fulfilment.manual import store
from mingzhang.fulfilment.manual.store import SQL, Task
from mingzhang.fulfilment.suppliers.base import (
    BalanceAnswer,
    CallbackHint,
    GoodsKind,
    Reason,
    SupplyAnswer,
    SupplyRequest,
    SupplyState,
)
from mingzhang.kit.clock import Clock
from mingzhang.kit.database import ACQUIRE_TIMEOUT_SECONDS, DATABASE_AWAY, NOT_READY, transaction
from mingzhang.kit.vault import Vault

PARTY: Final = "manual"
_JSON: Final = "application/json"
_WORDS: Final = {
    Reason.WRONG_ACCOUNT: "充值账号不正确",
    Reason.ACCOUNT_INCOMPLETE: "账号信息不完整",
    Reason.WRONG_REGION: "账号所在区服不对",
    Reason.NUMBER_SUSPENDED: "号码已停机或空号",
    Reason.ACCOUNT_BANNED: "账号已被封禁",
    Reason.VELOCITY: "充值过于频繁",
    Reason.STOCK_OUT: "库存不足",
    Reason.OFF_SALE: "商品已下架",
    Reason.MAINTENANCE: "系统维护中",
    Reason.PRICE_CHANGED: "价格已变动",
    Reason.GIVEN_BACK: "款项已退回买家,不再办理",
}


class ByHand:
    """The adapter. `pool` stays open. `within_s`: the shop's seconds in which staff should have ended a task.

    `supplier_product` of a request is what staff read: a name or a number of their own.
    """

    own_table = True
    prefunded = False  # work is not bought in advance

    def __init__(
        self, pool: asyncpg.Pool, vault: Vault, clock: Clock, *, name: str = PARTY, within_s: float = 14_400.0
    ) -> None:
        self.name = name
        self._pool = pool
        self._vault = vault
        self._clock = clock
        self._within = timedelta(seconds=within_s)

    async def submit(self, request: SupplyRequest) -> SupplyAnswer:
        """Make the task; the same number again is the same task. Cards are refused: nobody types codes."""
        number = request.attempt_no
        if request.kind is GoodsKind.CARD:
            return self._said(
                {"attempt_no": number},
                {"code": "not_by_hand"},
                state=SupplyState.REFUSED,
                reason=Reason.OFF_SALE,
                code="not_by_hand",
                text="人工只办直充,不发卡密",
            )
        now = self._clock.now()
        asked = "\n".join((request.account, *(f"{key}: {text}" for key, text in request.fields)))
        try:
            async with transaction(self._pool) as conn:
                await conn.execute(
                    SQL.insert_task,
                    number,
                    request.supplier_product,
                    request.kind.value,
                    request.quantity,
                    request.face_value_fen,
                    self._vault.seal(asked),
                    mask(request.account),
                    now,
                    now + self._within,
                )
                task = await store.find_task(conn, number)
        except (*NOT_READY, *DATABASE_AWAY):
            return self._untold(number, "database_unavailable", SupplyState.UNKNOWN)
        assert task is not None
        return self._answer(task)

    async def query(self, attempt_no: str, kind: GoodsKind, quantity: int = 1) -> SupplyAnswer:
        """How the task stands. No such task: ``not_sent``, see the head."""
        del kind, quantity  # the task itself says
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS) as conn:
                task = await store.find_task(conn, attempt_no)
        except (*NOT_READY, *DATABASE_AWAY):
            return self._untold(attempt_no, "database_unavailable", SupplyState.UNKNOWN)
        if task is None:
            return self._untold(attempt_no, "no_such_task", SupplyState.NOT_SENT)
        return self._answer(task)

    async def stop(self, attempt_no: str, kind: GoodsKind, quantity: int = 1) -> SupplyAnswer:
        """The order's money goes back: an open task is stopped. What was done before may still be reported."""
        try:
            async with transaction(self._pool) as conn:
                now = self._clock.now()
                await conn.execute(SQL.set_stopped, attempt_no, Reason.GIVEN_BACK.value, now)
        except (*NOT_READY, *DATABASE_AWAY):
            return self._untold(attempt_no, "database_unavailable", SupplyState.UNKNOWN)
        return await self.query(attempt_no, kind, quantity)

    async def balance(self) -> BalanceAnswer:
        """Work is not bought in advance: there is no prefund."""
        return BalanceAnswer(known=True, messages=(self._message("manual.balance", {}, Direction.IN),))

    def read_callback(self, http: HttpMessage) -> CallbackHint:
        """Nobody calls for our own staff: whatever comes is forged."""
        message = Message(
            party=self.name,
            kind="manual.callback",
            direction=Direction.IN,
            standing=Standing.FORGED,
            body=http.body,
            note="own_staff",
        )
        return CallbackHint(message=message)

    def acknowledge(self, accepted: bool) -> Reply:
        """There is nothing here to call."""
        return Reply(status=200 if accepted else 404, body=b"", content_type="text/plain")

    async def aclose(self) -> None:
        """Nothing is held."""

    def _answer(self, task: Task) -> SupplyAnswer:
        """A task in a supplier's words. Who reported and who confirmed is in the evidence, not in the feedback."""
        asked = {"attempt_no": task.attempt_no}
        told = {
            "attempt_no": task.attempt_no,
            "product": task.product,
            "quantity": task.quantity,
            "state": task.state,
            "reference": task.reference,
            "note": task.note,
            "reason": task.reason,
            "reported_by": task.reported_by,
            "confirmed_by": task.confirmed_by,
            "ended_at": task.ended_at,
        }
        if task.state == "open":
            feedback = {"order_state": "processing"}
            return self._said(
                asked,
                told,
                state=SupplyState.PROCESSING,
                code="open",
                supplier_order_id=task.attempt_no,
                feedback=feedback,
            )
        if task.state in ("refused", "stopped"):
            reason = Reason(task.reason)
            return self._said(
                asked,
                told,
                state=SupplyState.REFUSED,
                reason=reason,
                code=reason.value,
                text=_WORDS[reason],
                supplier_order_id=task.attempt_no,
                finished_at=task.ended_at,
                feedback={"order_state": "failed", "recharge_description": _WORDS[reason]},
            )
        return self._said(
            asked,
            told,
            state=SupplyState.SUCCEEDED,
            code="succeeded",
            supplier_order_id=task.attempt_no,
            cost_fen=0,
            serial=task.reference,
            finished_at=task.ended_at,
            feedback={"order_state": "success", "operator_serial_number": task.reference},
        )

    def _said(self, asked: object, told: object, **answer: object) -> SupplyAnswer:
        messages = (
            self._message("manual.task", asked, Direction.OUT),
            self._message("manual.task", told, Direction.IN),
        )
        return SupplyAnswer(messages=messages, **answer)  # type: ignore[arg-type]

    def _untold(self, attempt_no: str, code: str, state: SupplyState) -> SupplyAnswer:
        asked = self._message("manual.task", {"attempt_no": attempt_no, "code": code}, Direction.OUT)
        return SupplyAnswer(state=state, code=code, messages=(asked,))

    def _message(self, kind: str, body: object, direction: Direction) -> Message:
        return Message(
            party=self.name,
            kind=kind,
            direction=direction,
            standing=Standing.OWN if direction is Direction.OUT else Standing.ANSWER,
            body=msgspec.json.encode(body),
            content_type=_JSON,
        )
