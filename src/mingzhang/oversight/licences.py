"""The registry of licences (资质登记): of channels, suppliers and banks, and the shop's own (R42, R45).

A change is a new version; nothing is taken away. A picture of the licence is drawn anew before it is kept, and named by
the SHA-256 of what is kept.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import new_id
from mingzhang.kit.pictures import redraw
from mingzhang.kit.sql import load
from mingzhang.staff import record
from mingzhang.staff.model import Member, Office
from mingzhang.staff.rights import Right

SQL: Final = load("mingzhang.oversight", "licences")
KINDS: Final = ("own", "channel", "supplier", "bank")
LISTED_MAX: Final = 500
TEXT_MAX: Final = 200
PICTURE_BYTES_MAX: Final = 400_000
SIDES: Final = (1600, 1200, 900)
WARN_DAYS: Final = (60, 30, 14, 7, 1, 0)
"""Whole days before the end at which staff are told; 0: it has ended."""


class Licence(msgspec.Struct, frozen=True, kw_only=True):
    """One licence as entered. ``valid_until``: its last day, None without an end; ``proof_sha256``: of the picture that is
    kept, empty without one; ``contact``: how the party is reached; ``ended``: no longer relied upon."""

    licence_id: str = ""
    version: int = 0
    kind: str
    party: str
    title: str
    number: str
    issuer: str = ""
    scope: str = ""
    valid_until: date | None = None
    source_url: str = ""
    contact: str = ""
    proof_sha256: bytes = b""
    ended: bool = False
    set_by: str = ""
    set_at: datetime | None = None

    def days_left(self, now: datetime) -> int | None:
        """Whole days until its last day, Beijing time; negative when it is over; None without an end."""
        return None if self.valid_until is None else (self.valid_until - now.astimezone(BEIJING).date()).days


def check_licence(licence: Licence) -> None:
    """Raise `licence_invalid` for what cannot be meant."""
    texts = (
        licence.party,
        licence.title,
        licence.number,
        licence.issuer,
        licence.scope,
        licence.source_url,
        licence.contact,
    )
    sane = (
        licence.kind in KINDS
        and all(len(text) <= TEXT_MAX and (not text or text.isprintable()) for text in texts)
        and all((licence.party, licence.title, licence.number))
        and (not licence.source_url or licence.source_url.startswith(("http://", "https://")))
    )
    if not sane:
        raise Problem(
            "licence_invalid", Kind.INVALID, "kind, party, title and number; an address begins with http"
        )


async def list_licences(conn: asyncpg.Connection) -> list[Licence]:
    """Every licence as it stands, those that are relied upon first, by kind and party."""
    rows = [Licence(**dict(row)) for row in await conn.fetch(SQL.list_licences, LISTED_MAX)]
    return sorted(rows, key=lambda one: (one.ended, KINDS.index(one.kind), one.party, one.title))


async def list_versions(conn: asyncpg.Connection, licence_id: str) -> list[Licence]:
    """A licence's history, the newest first."""
    return [Licence(**dict(row)) for row in await conn.fetch(SQL.list_versions, licence_id)]


async def enter(office: Office, member: Member, licence: Licence, picture: bytes = b"") -> str:
    """Enter a licence, or a new version of the one that ``licence_id`` names; returns its id.

    Raises Problem `right_missing`, `licence_invalid`, `unknown_licence`, `licence_changed` (somebody else was first),
    `picture_invalid`, `picture_too_large`.
    """
    await record.require(office, member, Right.MANAGE_CHANNELS)
    check_licence(licence)
    drawn = await asyncio.to_thread(redraw, picture, PICTURE_BYTES_MAX, SIDES) if picture else b""
    now = office.clock.now()
    async with transaction(office.pool) as conn:
        before = await list_versions(conn, licence.licence_id) if licence.licence_id else []
        if licence.licence_id and not before:
            raise Problem("unknown_licence", Kind.NOT_FOUND)
        proof = hashlib.sha256(drawn).digest() if drawn else before[0].proof_sha256 if before else b""
        if drawn:
            await conn.execute(SQL.insert_picture, proof, drawn, now)
        entry = msgspec.structs.replace(
            licence,
            licence_id=licence.licence_id or new_id(now, office.rng),
            version=before[0].version + 1 if before else 1,
            proof_sha256=proof,
            set_by=member.name,
            set_at=now,
        )
        if await conn.fetchval(SQL.insert_licence, *_values(entry)) is None:
            raise Problem("licence_changed", Kind.CONFLICT)
        data = {"version": entry.version, "party": entry.party, "ended": entry.ended}
        await record.write(conn, office.rng, now, member, "licence_entered", entry.licence_id, data=data)
    return entry.licence_id


def _values(entry: Licence) -> list[object]:
    names: Sequence[str] = (
        "licence_id",
        "version",
        "kind",
        "party",
        "title",
        "number",
        "issuer",
        "scope",
        "valid_until",
        "source_url",
        "contact",
        "proof_sha256",
        "ended",
        "set_by",
        "set_at",
    )
    return [getattr(entry, name) for name in names]


async def read_picture(conn: asyncpg.Connection, sha256: str) -> bytes:
    """A picture by its hash (hex). Raises `not_found`."""
    try:
        found: bytes | None = await conn.fetchval(SQL.read_picture, bytes.fromhex(sha256))
    except ValueError:
        found = None
    if found is None:
        raise Problem("not_found", Kind.NOT_FOUND)
    return found


def warning_due(days_left: int) -> int | None:
    """Which of `WARN_DAYS` is reached; None while the end is far."""
    reached = [days for days in WARN_DAYS if days_left <= days]
    return min(reached) if reached else None
