"""What staff read and do about custody: accounts, statements, payouts, instructions by two people, coverage by day."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.app.coverage_watch import measure_now
from mingzhang.custody import instructions
from mingzhang.custody.instructions import SQL as INSTRUCTIONS
from mingzhang.custody.instructions import Wish
from mingzhang.custody.store import SQL as CUSTODY
from mingzhang.custody.store import Account, list_accounts
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import parse_yuan
from mingzhang.orders.context import Context
from mingzhang.orders.unbooked import SQL as UNBOOKED
from mingzhang.settlement.coverage import SQL as COVERAGE
from mingzhang.settlement.coverage import WHOLE_PPM
from mingzhang.settlement.store import SQL as SETTLEMENT
from mingzhang.staff import approvals
from mingzhang.staff.approvals import Approval, MoneyAction
from mingzhang.staff.model import Member

LISTED_MAX: Final = 50
DAYS_MAX: Final = 90
Rows = list[dict[str, Any]]


class OwnMoney(msgspec.Struct, frozen=True, kw_only=True):
    """What is ours at a bank, and what of it is on its way out."""

    account: Account
    float_fen: int
    margin_fen: int
    float_out_fen: int
    margin_out_fen: int


class CustodyBoard(msgspec.Struct, frozen=True, kw_only=True):
    """The page of custody; rows as the slices list them."""

    banks: list[OwnMoney]
    statements: Rows
    waiting: Rows
    batches: Rows
    differences: Rows
    instructions: Rows
    proposals: list[Approval]


class CoveragePage(msgspec.Struct, frozen=True, kw_only=True):
    """Coverage of one day, or of now (``day`` None), with its proof, beside the last days."""

    day: date | None
    covered_fen: int
    owed_fen: int
    ratio_ppm: int | None
    new_money: dict[str, int]
    rows: Rows
    days: Rows
    in_custody: bool | None


class TrustCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """What anybody may read. ``coverage``: four decimals, rounded down, "" while nothing is owed; ``custody``: custody,
    self (商家自有账户,未存管), or none where no bank statement is read; ``day``: the last closed one."""

    custody: str
    coverage: str
    short: bool
    new_money_pays_old_orders: bool
    day: str
    day_coverage: str
    looked_at: str


async def read_board(ctx: Context) -> CustodyBoard:
    """Everything on one page, each list bounded."""
    async with ctx.pool.acquire() as conn:
        accounts = await list_accounts(conn)
        return CustodyBoard(
            banks=[await _own(conn, account) for account in accounts],
            statements=await _rows(conn, CUSTODY.list_statements, LISTED_MAX),
            waiting=await _rows(conn, CUSTODY.list_waiting_lines, LISTED_MAX),
            batches=await _rows(conn, SETTLEMENT.list_batches, LISTED_MAX),
            differences=[
                *await _rows(conn, SETTLEMENT.list_differences, LISTED_MAX),
                *[
                    {"channel": "", "batch_id": row["key"], "subject": row["subject"], "code": row["code"]}
                    for row in await conn.fetch(UNBOOKED.list_unbooked, LISTED_MAX)
                    if not row["key"].startswith("settle:")
                ],
            ],
            instructions=await _rows(conn, INSTRUCTIONS.list_instructions, LISTED_MAX),
            proposals=[
                it
                for it in await approvals.list_open(conn, ctx.now())
                if it.action == MoneyAction.MOVE_FLOAT.value and it.state == "proposed"
            ],
        )


async def _rows(conn: asyncpg.Connection, statement: str, *values: Any) -> Rows:
    return [dict(row) for row in await conn.fetch(statement, *values)]


async def _own(conn: asyncpg.Connection, account: Account) -> OwnMoney:
    held = await conn.fetchrow(INSTRUCTIONS.read_own_money, account.bank)
    out = await conn.fetchrow(INSTRUCTIONS.sum_under_way, account.bank)
    return OwnMoney(
        account=account,
        float_fen=held["float_fen"],
        margin_fen=held["margin_fen"],
        float_out_fen=out["float_fen"],
        margin_out_fen=out["margin_fen"],
    )


def read_wish(form: dict[str, str]) -> Wish:
    """What the form asks for. Raises `amount_invalid`, `instruction_invalid`."""
    wish = Wish(
        purpose=form.get("purpose", ""),
        bank=form.get("bank", "")[:31],
        party=form.get("party", "").strip()[:31],
        payee_name=form.get("payee_name", "").strip()[:70],
        payee_account=form.get("payee_account", "").strip().replace(" ", "")[:34],
        amount_fen=parse_yuan(form.get("amount", "").strip()),
    )
    if wish.purpose not in instructions.PURPOSES or not wish.party or not wish.payee_account:
        raise Problem("instruction_invalid", Kind.INVALID)
    return wish


async def propose(ctx: Context, member: Member, wish: Wish, reason: str) -> str:
    """The first person's word; the id of the approval."""
    async with transaction(ctx.pool) as conn:
        known = {account.bank for account in await list_accounts(conn)}
        if wish.bank not in known:
            raise Problem("unknown_bank", Kind.NOT_FOUND)
        action, subject = MoneyAction.MOVE_FLOAT, f"bank:{wish.bank}"
        return await approvals.propose(
            conn, ctx.rng, ctx.now(), member, action, subject, wish.amount_fen, reason, wish.terms()
        )


async def decide(ctx: Context, member: Member, bank: str, approval_id: str, word: str, reason: str) -> None:
    """The second person's word; approved, the instruction is fixed in the same transaction, or nothing happens."""
    subject = f"bank:{bank}"
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        if word == "withdraw":
            await approvals.withdraw(conn, ctx.rng, now, member, subject, approval_id)
            return
        found = await approvals.read_approval(conn, subject, approval_id)
        if word not in ("approve", "reject") or found.action != MoneyAction.MOVE_FLOAT.value:
            raise Problem("unknown_action", Kind.INVALID)
        approve = word == "approve"
        await approvals.decide(
            conn, ctx.rng, now, member, subject, approval_id, approve=approve, reason=reason
        )
        if not approve:
            return
        wish = msgspec.convert(found.terms, Wish)
        action = MoneyAction.MOVE_FLOAT
        await approvals.use(
            conn, ctx.rng, now, member, approval_id, action, subject, found.amount_fen, found.terms
        )
        await instructions.plan(
            conn,
            ctx.rng,
            now,
            wish,
            approval_id=approval_id,
            proposed_by=found.proposed_by,
            decided_by=member.name,
        )


async def read_coverage(ctx: Context, day: date | None) -> CoveragePage:
    """A closed day, or now. Raises `unknown_day`."""
    async with ctx.pool.acquire() as conn:
        days = await _rows(conn, COVERAGE.list_days, DAYS_MAX)
        kinds = {account.kind for account in await list_accounts(conn)}
        found = await conn.fetchrow(COVERAGE.read_day, day) if day is not None else None
    in_custody = kinds == {"custody"} if kinds else None
    if day is not None:
        if found is None:
            raise Problem("unknown_day", Kind.NOT_FOUND)
        return CoveragePage(
            day=day,
            covered_fen=found["covered_fen"],
            owed_fen=found["owed_fen"],
            ratio_ppm=found["ratio_ppm"],
            new_money=found["proof"]["new_money"],
            rows=found["proof"]["rows"],
            days=days,
            in_custody=in_custody,
        )
    live = await measure_now(ctx)
    return CoveragePage(
        day=None,
        covered_fen=live.covered_fen,
        owed_fen=live.owed_fen,
        ratio_ppm=live.ratio_ppm,
        new_money=dict(live.new_money),
        rows=[msgspec.to_builtins(row) for row in live.rows],
        days=days,
        in_custody=in_custody,
    )


def ratio_text(ratio_ppm: int | None) -> str:
    """ "1.0000", rounded down to four decimals; "" while nothing is owed."""
    if ratio_ppm is None:
        return ""
    whole, part = divmod(ratio_ppm // (WHOLE_PPM // 10_000), 10_000)
    return f"{whole}.{part:04d}"


async def read_trust(ctx: Context) -> TrustCoverage:
    """The public figure, as the last look found it: no amounts."""
    async with ctx.pool.acquire() as conn:
        now = await conn.fetchrow(COVERAGE.read_now)
        days = await conn.fetch(COVERAGE.list_days, 1)
        kinds = {account.kind for account in await list_accounts(conn)}
    custody = ("custody" if kinds == {"custody"} else "self") if kinds else "none"
    return TrustCoverage(
        custody=custody,
        coverage=ratio_text(now["ratio_ppm"]) if now else "",
        short=bool(now and now["short_since"]),
        new_money_pays_old_orders=bool(now and now["new_money_fen"]),
        day=str(days[0]["day"]) if days else "",
        day_coverage=ratio_text(days[0]["ratio_ppm"]) if days else "",
        looked_at=now["looked_at"].isoformat(timespec="seconds") if now else "",
    )
