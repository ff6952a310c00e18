"""Two people for money, held by the code and, behind it, by the database; rights and their document."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from mingzhang.kit.errors import Problem
from mingzhang.kit.ids import bucket_of, new_order_id
from mingzhang.staff import approvals, handbook
from mingzhang.staff.approvals import MoneyAction
from mingzhang.staff.model import Member
from mingzhang.staff.rights import MEANING, NEEDS_TOTP, RIGHTS, ROLE_NAMES, Right, Role, rights_of

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
RNG = random.Random(3)
ORDER = new_order_id(9, NOW, RNG)
WHY = "supplier silent for two days"
TERMS = {"refund_no": f"{ORDER}R1"}


def person(name: str, role: Role = Role.FINANCE, *, strong: bool = True) -> Member:
    return Member(
        name=name,
        roles=(role.value,),
        rights=rights_of([role], strong=strong),
        session_id=f"s-{name}",
        strong=strong,
    )


ANN, BOB = person("ann", Role.SUPPORT), person("bob")
BOTH = person("cat")


@asynccontextmanager
async def desk(pool: asyncpg.Pool) -> AsyncIterator[asyncpg.Connection]:
    async with pool.acquire() as conn, conn.transaction():
        yield conn


@pytest.fixture
async def staffed(pool: asyncpg.Pool) -> asyncpg.Pool:
    """Three accounts, made by hand: who they are matters here, not how they sign in."""
    for name, role in (("ann", "support"), ("bob", "finance"), ("cat", "finance")):
        await pool.execute(
            "INSERT INTO staff (name, password_hash, active, roles, created_at) VALUES ($1, 'x', true, $2, $3)",
            name,
            [role],
            NOW,
        )
    return pool


async def proposed(pool: asyncpg.Pool, by: Member = ANN) -> str:
    async with desk(pool) as conn:
        return await approvals.propose(
            conn, RNG, NOW, by, MoneyAction.REFUND_AT_RISK, ORDER, 10_000, WHY, TERMS
        )


async def decided(
    pool: asyncpg.Pool, approval_id: str, by: Member = BOB, *, approve: bool = True, at: datetime = NOW
) -> approvals.Approval:
    async with desk(pool) as conn:
        return await approvals.decide(
            conn, RNG, at, by, ORDER, approval_id, approve=approve, reason="checked with the supplier"
        )


async def used(pool: asyncpg.Pool, approval_id: str, at: datetime = NOW, **other: object) -> None:
    terms: dict[str, object] = {
        "action": MoneyAction.REFUND_AT_RISK,
        "subject": ORDER,
        "amount_fen": 10_000,
        "terms": TERMS,
    } | other
    async with desk(pool) as conn:
        await approvals.use(conn, RNG, at, BOB, approval_id, **terms)  # type: ignore[arg-type]


async def test_one_proposes_another_decides_and_it_is_used_once(staffed: asyncpg.Pool) -> None:
    approval_id = await proposed(staffed)
    async with desk(staffed) as conn:
        (waiting,) = await approvals.list_open(conn, NOW)
    assert (waiting.state, waiting.bucket, waiting.proposed_by) == ("proposed", bucket_of(ORDER), "ann")
    with pytest.raises(Problem, match="approval_missing"):
        await used(staffed, approval_id)
    assert (await decided(staffed, approval_id)).state == "approved"
    await used(staffed, approval_id)
    with pytest.raises(Problem, match="approval_missing"):
        await used(staffed, approval_id)
    async with desk(staffed) as conn:
        (done,) = await approvals.list_of_subject(conn, ORDER)
        assert await approvals.list_open(conn, NOW) == []
    assert (done.state, done.decided_by, done.used_at) == ("used", "bob", NOW)
    record = await staffed.fetch("SELECT name, action FROM staff_action ORDER BY action")
    assert [tuple(row) for row in record] == [
        ("bob", "decide_money"),
        ("ann", "propose_money"),
        ("bob", "refund_at_risk"),
    ]


async def test_nobody_decides_what_they_proposed(staffed: asyncpg.Pool) -> None:
    approval_id = await proposed(staffed, BOTH)
    with pytest.raises(Problem, match="approval_own"):
        await decided(staffed, approval_id, BOTH)
    with pytest.raises(asyncpg.CheckViolationError, match="approval_two_people"):
        await staffed.execute(
            "UPDATE approval SET state = 'approved', decided_by = 'cat', decided_at = now()"
        )
    assert (await decided(staffed, approval_id, BOB)).state == "approved"


async def test_who_may_not_is_refused(staffed: asyncpg.Pool) -> None:
    approval_id = await proposed(staffed)
    for member in (person("dan", Role.SUPPORT), person("dan", Role.ADMIN), person("bob", strong=False)):
        with pytest.raises(Problem, match="right_missing"):
            await decided(staffed, approval_id, member)
    with pytest.raises(Problem, match="right_missing"):
        await proposed(staffed, person("eve", Role.AUDITOR))
    with pytest.raises(Problem, match="right_missing"):
        await proposed(staffed, person("ann", Role.SUPPORT, strong=False))


@pytest.mark.parametrize(
    "other",
    [
        {"amount_fen": 10_001},
        {"terms": {}},
        {"terms": {"refund_no": f"{ORDER}R2"}},
        {"action": MoneyAction.DELIVER_AT_SHOP_COST},
        {"subject": new_order_id(9, NOW, random.Random(4))},
    ],
)
async def test_an_approval_is_for_exactly_its_terms(staffed: asyncpg.Pool, other: dict[str, object]) -> None:
    approval_id = await proposed(staffed)
    await decided(staffed, approval_id)
    with pytest.raises(Problem, match="approval_missing"):
        await used(staffed, approval_id, **other)
    await used(staffed, approval_id)


async def test_after_its_time_it_is_neither_decided_nor_used(staffed: asyncpg.Pool) -> None:
    late = NOW + approvals.LIFE
    first, second = await proposed(staffed), await proposed(staffed)
    with pytest.raises(Problem, match="approval_expired"):
        await decided(staffed, first, at=late)
    await decided(staffed, second)
    with pytest.raises(Problem, match="approval_missing"):
        await used(staffed, second, late)
    async with desk(staffed) as conn:
        assert await approvals.list_open(conn, late) == []
    await used(staffed, second, late - timedelta(seconds=1))


async def test_rejected_or_withdrawn_is_final(staffed: asyncpg.Pool) -> None:
    rejected, withdrawn, regretted = [await proposed(staffed) for _ in range(3)]
    assert (await decided(staffed, rejected, approve=False)).state == "rejected"
    await decided(staffed, regretted)
    async with desk(staffed) as conn:
        with pytest.raises(Problem, match="approval_decided"):
            await approvals.withdraw(conn, RNG, NOW, BOB, ORDER, withdrawn)  # not his
        await approvals.withdraw(conn, RNG, NOW, ANN, ORDER, withdrawn)
        await approvals.withdraw(conn, RNG, NOW, ANN, ORDER, regretted)
        with pytest.raises(Problem, match="unknown_approval"):
            await approvals.withdraw(conn, RNG, NOW, ANN, ORDER, "nothing")
    for approval_id in (rejected, withdrawn, regretted):
        with pytest.raises(Problem, match="approval_decided"):
            await decided(staffed, approval_id)
        with pytest.raises(Problem, match="approval_missing"):
            await used(staffed, approval_id)


async def test_what_a_revoked_person_proposed_is_not_approved(staffed: asyncpg.Pool) -> None:
    approval_id = await proposed(staffed)
    await staffed.execute("UPDATE staff SET active = false WHERE name = 'ann'")
    with pytest.raises(Problem, match="approval_orphaned"):
        await decided(staffed, approval_id)


async def test_two_who_use_it_at_once_use_it_once(staffed: asyncpg.Pool) -> None:
    approval_id = await proposed(staffed)
    await decided(staffed, approval_id)
    ends = await asyncio.gather(*(used(staffed, approval_id) for _ in range(5)), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", *["Problem"] * 4]


async def test_a_posting_that_rolls_back_leaves_it_unused(staffed: asyncpg.Pool) -> None:
    approval_id = await proposed(staffed)
    await decided(staffed, approval_id)

    async def post_and_fail() -> None:
        async with desk(staffed) as conn:
            await approvals.use(
                conn, RNG, NOW, BOB, approval_id, MoneyAction.REFUND_AT_RISK, ORDER, 10_000, TERMS
            )
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await post_and_fail()
    await used(staffed, approval_id)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE approval SET amount_fen = 1",
        "UPDATE approval SET terms = '{}'",
        "UPDATE approval SET proposed_by = 'cat'",
        "UPDATE approval SET expires_at = expires_at + interval '1 day'",
        "UPDATE approval SET state = 'proposed'",
        "UPDATE approval SET state = 'approved'",
        "UPDATE approval SET state = 'used', used_at = now(), decided_by = 'cat'",
        "DELETE FROM approval",
        "TRUNCATE approval",
    ],
)
async def test_the_database_keeps_terms_and_order(staffed: asyncpg.Pool, change: str) -> None:
    await decided(staffed, await proposed(staffed))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append_only"):
        await staffed.execute(change)


async def test_a_proposal_says_why_and_how_much(staffed: asyncpg.Pool) -> None:
    async with desk(staffed) as conn:
        for amount, why, code in ((10_000, " no ", "reason_missing"), (-1, WHY, "amount_invalid")):
            with pytest.raises(Problem, match=code):
                await approvals.propose(conn, RNG, NOW, ANN, MoneyAction.WRITE_OFF, "fulu", amount, why)
        approval_id = await approvals.propose(conn, RNG, NOW, ANN, MoneyAction.WRITE_OFF, "fulu", 5, WHY)
        assert (await approvals.read_approval(conn, "fulu", approval_id)).bucket == 0
        with pytest.raises(Problem, match="unknown_approval"):
            await approvals.read_approval(conn, ORDER, approval_id)
        with pytest.raises(Problem, match="reason_missing"):
            await approvals.decide(conn, RNG, NOW, BOB, "fulu", approval_id, approve=False)


def test_the_tables_are_complete_and_the_document_prints_them() -> None:
    assert set(MEANING) == set(Right)
    assert set(RIGHTS) == set(ROLE_NAMES) == set(Role)
    assert set(handbook.MONEY) == set(MoneyAction)
    assert frozenset().union(*RIGHTS.values()) == set(Right), "a right that nobody has"
    document = (Path(__file__).resolve().parents[2] / "docs" / "staff.md").read_text("utf-8")
    begin, end = document.index(handbook.BEGIN), document.index(handbook.END)
    assert document[begin + len(handbook.BEGIN) : end].strip() == handbook.print_tables()


def test_no_single_role_pays_out_and_manages_staff() -> None:
    money = {Right.PROPOSE_MONEY, Right.DECIDE_MONEY}
    for rights in RIGHTS.values():
        assert not (rights & money and Right.MANAGE_STAFF in rights)
    assert money | {Right.VIEW_PERSONAL_DATA, Right.MANAGE_STAFF} <= NEEDS_TOTP
    assert not any(
        rights & (money | {Right.ASK_OUTSIDE}) for rights in (RIGHTS[Role.AUDITOR], RIGHTS[Role.ADMIN])
    )
