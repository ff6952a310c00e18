"""A second person for the accounts of auditors and regulators: whoever has the command line is one, an admin the other."""

from __future__ import annotations

from collections.abc import Iterable

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.staff import doors, record
from mingzhang.staff.model import Office
from mingzhang.staff.rights import OVERSEERS, Right, Role


def takes_two(roles: Iterable[Role]) -> bool:
    """Whether an account with these roles takes two people on the command line."""
    return not OVERSEERS.isdisjoint(roles)


async def vouch(
    office: Office, name: str, password: str, code: str, subject: str, roles: Iterable[Role]
) -> None:
    """The second person's word for the account ``subject``, by password and authenticator; on record.

    Raises Problem `takes_two_people` when it is not somebody else who may manage staff, `too_many`.
    """
    token = await doors.sign_in(office, name, password, code)
    member = await doors.who(office, token) if token else None
    if token:
        await doors.sign_out(office, token)
    if member is None or not member.may(Right.MANAGE_STAFF) or member.name == subject:
        raise Problem(
            "takes_two_people", Kind.FORBIDDEN, "an admin with an authenticator, not the account itself"
        )
    async with transaction(office.pool) as conn:
        now, data = office.clock.now(), {"roles": sorted(Role(role).value for role in roles)}
        await record.write(
            conn, office.rng, now, member, "overseer_vouched", subject, kind="account", data=data
        )
