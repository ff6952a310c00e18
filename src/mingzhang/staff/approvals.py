"""Two people for a money decision (双人复核): one proposes, another decides, the posting uses it up once.

An approval is for exactly its terms: action, subject, amount and everything in `terms`, by hash. It is used in
the transaction that posts, so it can neither be used twice nor be used up by a posting that did not happen.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of, new_id
from mingzhang.kit.money import check_fen
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.staff.record import SQL, check_reason
from mingzhang.staff.rights import Right

LIFE: Final = timedelta(hours=24)
_CANONICAL: Final = msgspec.json.Encoder(order="sorted")

# From each state the states it may turn into; held again by the trigger of 0012_staff.sql. Past `expires_at`
# nothing but withdrawing is left.
TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "proposed": frozenset({"approved", "rejected", "withdrawn"}),
    "approved": frozenset({"used", "withdrawn"}),
    "rejected": frozenset(),
    "withdrawn": frozenset(),
    "used": frozenset(),
}


class MoneyAction(StrEnum):
    """What takes two people; numbers are rows of the ledger's table."""

    REFUND_ORDER = "refund_order"  # 13: give an order's money back that no rule moves
    REFUND_PART = "refund_part"  # 13: give part of it back, or of a delivered order
    MAKE_GOOD = "make_good"  # 24: the shop stands in for what its channel denies
    PROVE_UNPAID = "prove_unpaid"  # 24: no money ever came
    REFUND_AT_RISK = "refund_at_risk"  # 20: refund while the supplier is unknown
    DELIVER_AT_SHOP_COST = "deliver_at_shop_cost"  # 4 with a = 0: 商家承担补发
    REFUND_SUSPENSE = "refund_suspense"  # 23, 13: give money without an order back
    MATCH_SUSPENSE = "match_suspense"  # 23: give it to its order
    REFUND_BY_TRANSFER = "refund_by_transfer"  # 17
    WRITE_OFF = "write_off"  # 24, 26
    MOVE_FLOAT = "move_float"  # 2, 12
    SETTLE_DIFFERENCE = "settle_difference"  # 27, or none: end a difference of reconciliation
    SOLVE_DISPUTE = "solve_dispute"  # 13, 20 or 4: what a dispute is solved by, or offered
    CHANGE_ROLES = "change_roles"  # no money, but who may move it
    WIND_DOWN = "wind_down"  # the whole shop: sales stop, what is the buyers' goes back
    CONFIRM_BY_HAND = "confirm_by_hand"  # 25: work done by hand, with its proof


# Whatever is not named here asks for `propose_money` and `decide_money`.
PROPOSED_BY: Final[dict[str, Right]] = {
    MoneyAction.CHANGE_ROLES: Right.MANAGE_STAFF,
    MoneyAction.WIND_DOWN: Right.MANAGE_SHOP,
}
DECIDED_BY: Final[dict[str, Right]] = {
    MoneyAction.CHANGE_ROLES: Right.MANAGE_STAFF,
    MoneyAction.WIND_DOWN: Right.MANAGE_SHOP,
}


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """One decision as stored. States: see `TRANSITIONS`; `amount_fen` in fen; times aware UTC."""

    bucket: int
    approval_id: str
    action: str
    subject: str
    amount_fen: int
    terms: dict[str, Any]
    reason: str
    state: str
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    decided_by: str
    decided_at: datetime | None
    decision_reason: str
    used_at: datetime | None


async def propose(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    member: Member,
    action: MoneyAction,
    subject: str,
    amount_fen: int,
    reason: str,
    terms: dict[str, Any] | None = None,
) -> str:
    """Put a money decision before the others; returns its id. Open for `LIFE`.

    `subject`: an order or suspense number, or another name (a supplier, a batch). Raises Problem
    `right_missing`, `reason_missing`, `amount_invalid`.
    """
    _may(member, PROPOSED_BY.get(action, Right.PROPOSE_MONEY))
    check_reason(reason)
    check_fen(amount_fen)
    approval_id = new_id(now, rng)
    whole = terms or {}
    await conn.execute(
        SQL.insert_approval,
        bucket_for(subject),
        approval_id,
        action.value,
        subject,
        amount_fen,
        whole,
        _terms_hash(action, subject, amount_fen, whole),
        reason.strip()[: record.REASON_MAX],
        member.name,
        now,
        now + LIFE,
    )
    data = {"approval": approval_id, "money": action.value, "amount_fen": amount_fen}
    await record.write(conn, rng, now, member, "propose_money", subject, reason=reason, data=data)
    return approval_id


async def decide(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    member: Member,
    subject: str,
    approval_id: str,
    *,
    approve: bool,
    reason: str = "",
) -> Approval:
    """The second person's word. Rejecting needs a reason.

    Raises Problem `right_missing`, `reason_missing`, `unknown_approval`, `approval_own`, `approval_expired`,
    `approval_orphaned` (the proposer was revoked), `approval_decided`.
    """
    _may(member, DECIDED_BY.get((await read_approval(conn, subject, approval_id)).action, Right.DECIDE_MONEY))
    if not approve:
        check_reason(reason)
    state = "approved" if approve else "rejected"
    bucket = bucket_for(subject)
    done = await conn.fetchval(
        SQL.decide_approval, bucket, approval_id, state, member.name, now, reason.strip()[: record.REASON_MAX]
    )
    approval = await read_approval(conn, subject, approval_id)
    if done is None:
        raise _undecidable(approval, member.name, now)
    data = {
        "approval": approval_id,
        "money": approval.action,
        "amount_fen": approval.amount_fen,
        "word": state,
    }
    await record.write(conn, rng, now, member, "decide_money", subject, reason=reason, data=data)
    return approval


async def withdraw(
    conn: asyncpg.Connection, rng: Random, now: datetime, member: Member, subject: str, approval_id: str
) -> None:
    """The proposer takes it back while it is not used. Raises Problem `unknown_approval`, `approval_decided`."""
    if await conn.fetchval(SQL.withdraw_approval, bucket_for(subject), approval_id, member.name) is None:
        await read_approval(conn, subject, approval_id)
        raise Problem("approval_decided", Kind.CONFLICT)
    await record.write(conn, rng, now, member, "withdraw_money", subject, data={"approval": approval_id})


async def use(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    who: Member | str,
    approval_id: str,
    action: MoneyAction,
    subject: str,
    amount_fen: int,
    terms: dict[str, Any] | None = None,
) -> Approval:
    """Use an approval up, inside the transaction that posts: roll back, and it is not used.

    Raises Problem `approval_missing` unless it is approved, in time, unused, and for exactly these terms.
    """
    hashed = _terms_hash(action, subject, amount_fen, terms or {})
    bucket = bucket_for(subject)
    if await conn.fetchval(SQL.use_approval, bucket, approval_id, now, action.value, hashed) is None:
        raise Problem("approval_missing", Kind.FORBIDDEN, f"{action.value} needs two people's word")
    approval = await read_approval(conn, subject, approval_id)
    data = {
        "approval": approval_id,
        "amount_fen": amount_fen,
        "proposed_by": approval.proposed_by,
        "decided_by": approval.decided_by,
    }
    await record.write(conn, rng, now, who, action.value, subject, reason=approval.reason, data=data)
    return approval


async def read_approval(conn: asyncpg.Connection, subject: str, approval_id: str) -> Approval:
    """One decision. Raises Problem `unknown_approval`."""
    row = await conn.fetchrow(SQL.read_approval, bucket_for(subject), approval_id)
    if row is None or row["subject"] != subject:
        raise Problem("unknown_approval", Kind.NOT_FOUND)
    return Approval(**dict(row))


async def list_open(conn: asyncpg.Connection, now: datetime) -> list[Approval]:
    """What waits for the second person, or for being carried out."""
    return [Approval(**dict(row)) for row in await conn.fetch(SQL.list_open_approvals, now)]


async def list_of_subject(conn: asyncpg.Connection, subject: str) -> list[Approval]:
    """Every decision about one order, suspense item or other subject, oldest first."""
    rows = await conn.fetch(SQL.list_subject_approvals, bucket_for(subject), subject)
    return [Approval(**dict(row)) for row in rows]


def bucket_for(subject: str) -> int:
    """The subject's own bucket; decisions about no order are in bucket 0."""
    try:
        return bucket_of(subject)
    except Problem:
        return 0


def _may(member: Member, right: Right) -> None:
    if not member.may(right):
        raise Problem("right_missing", Kind.FORBIDDEN, right.value, {"right": right.value})


def _terms_hash(action: MoneyAction, subject: str, amount_fen: int, terms: dict[str, Any]) -> bytes:
    return hashlib.sha256(_CANONICAL.encode([action.value, subject, amount_fen, terms])).digest()


def _undecidable(approval: Approval, name: str, now: datetime) -> Problem:
    if approval.state != "proposed":
        return Problem("approval_decided", Kind.CONFLICT)
    if approval.proposed_by == name:
        return Problem("approval_own", Kind.FORBIDDEN, "another person must decide")
    if approval.expires_at <= now:
        return Problem("approval_expired", Kind.GONE)
    return Problem("approval_orphaned", Kind.CONFLICT, "the proposer's account was revoked")
