"""Other roles for a person, from the console: proposed by one, decided by another, like money (`approvals`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.staff import accounts, approvals
from mingzhang.staff.approvals import Approval, MoneyAction
from mingzhang.staff.model import Member, Office
from mingzhang.staff.rights import Role

ACTION: Final = MoneyAction.CHANGE_ROLES


def subject_of(name: str) -> str:
    """What an approval about a person's roles is about."""
    return f"staff:{name}"


async def propose_roles(office: Office, member: Member, name: str, roles: Sequence[str], reason: str) -> str:
    """Put other roles before the others; returns the proposal's id.

    Raises Problem `right_missing`, `reason_missing`, `unknown_staff`, `staff_role_missing`.
    """
    wanted = _known(roles)
    if not await accounts.exists(office, name):
        raise Problem("unknown_staff", Kind.NOT_FOUND)
    async with transaction(office.pool) as conn:
        return await approvals.propose(
            conn,
            office.rng,
            office.clock.now(),
            member,
            ACTION,
            subject_of(name),
            0,
            reason,
            {"roles": [role.value for role in wanted]},
        )


async def decide_roles(
    office: Office, member: Member, name: str, approval_id: str, word: str, reason: str = ""
) -> None:
    """approve, reject or withdraw. Approved, it is done in the same transaction, and the person's sessions end.

    Raises Problem as `approvals.decide`; `not_found` for another word.
    """
    subject, now = subject_of(name), office.clock.now()
    async with transaction(office.pool) as conn:
        if word == "withdraw":
            await approvals.withdraw(conn, office.rng, now, member, subject, approval_id)
            return
        if word not in ("approve", "reject"):
            raise Problem("not_found", Kind.NOT_FOUND)
        done = await approvals.decide(
            conn, office.rng, now, member, subject, approval_id, approve=word == "approve", reason=reason
        )
        if word == "approve":
            await approvals.use(conn, office.rng, now, member, approval_id, ACTION, subject, 0, done.terms)
            await accounts.change_roles(conn, office, name, _known(done.terms["roles"]), member)


async def list_proposals(office: Office) -> list[Approval]:
    """Whose roles wait for a second person."""
    async with office.pool.acquire() as conn:
        found = await approvals.list_open(conn, office.clock.now())
    return [each for each in found if each.action == ACTION]


def _known(roles: Sequence[str]) -> list[Role]:
    if not roles or not set(roles) <= set(Role):
        raise Problem("staff_role_missing", Kind.INVALID, "at least one role, and only such that there are")
    return sorted({Role(role) for role in roles})


__all__ = ["ACTION", "decide_roles", "list_proposals", "propose_roles", "subject_of"]
