"""What everybody may know of the registry of licences: every version of our own with its picture, others by number."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from mingzhang.kit.errors import Kind, Problem
from mingzhang.oversight.licences import Licence, list_licences, list_versions, read_picture
from mingzhang.web.model_trust import LicenceShown

SOON_DAYS: Final = 30
OWN: Final = "own"


async def read_licences(conn: asyncpg.Connection, now: datetime) -> tuple[LicenceShown, ...]:
    """Every licence that is relied upon, as it stands, the shop's own first."""
    return tuple(shown(one, now) for one in await list_licences(conn) if not one.ended)


async def read_versions(conn: asyncpg.Connection, licence_id: str, now: datetime) -> Sequence[LicenceShown]:
    """Every version of one, the newest first. Raises `not_found`."""
    found = await list_versions(conn, licence_id[:64])
    if not found:
        raise Problem("not_found", Kind.NOT_FOUND)
    return [shown(one, now) for one in found]


async def read_own_picture(conn: asyncpg.Connection, licence_id: str, version: str) -> bytes:
    """The picture of a version of one of the shop's own. Raises `not_found`."""
    for one in await list_versions(conn, licence_id[:64]):
        if one.kind == OWN and str(one.version) == version and one.proof_sha256:
            return await read_picture(conn, one.proof_sha256.hex())
    raise Problem("not_found", Kind.NOT_FOUND)


def shown(one: Licence, now: datetime) -> LicenceShown:
    """Without how the party is reached, and without others' pictures."""
    left = one.days_left(now)
    state = "valid" if left is None or left > SOON_DAYS else "ends_soon" if left >= 0 else "ended"
    url = f"/trust/licences/{one.licence_id}"
    return LicenceShown(
        kind=one.kind,
        party=one.party,
        title=one.title,
        number=one.number,
        issuer=one.issuer,
        scope=one.scope,
        valid_until=str(one.valid_until) if one.valid_until else "",
        state="ended" if one.ended else state,
        version=one.version,
        set_at=one.set_at,
        source_url=one.source_url,
        picture=f"{url}/picture/{one.version}" if one.kind == OWN and one.proof_sha256 else "",
        url=url,
    )
