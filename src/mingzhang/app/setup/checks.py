"""The go-live checklist: every item computed from what there is, none ticked by hand."""

from __future__ import annotations

import ctypes
import ipaddress
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from mingzhang.app.settings import Settings
from mingzhang.app.setup.store import SQL, Note
from mingzhang.shop.model import ShopFace
from mingzhang.staff.model import Account
from mingzhang.staff.rights import Right, rights_of
from mingzhang.web.model_setup import Check, PartySeen

BACKUP_FRESH: Final = timedelta(hours=26)  # a nightly backup that was a little late
ADDRESS_FRESH: Final = timedelta(hours=24)
CLOCKS_APART_S: Final = 2.0
LICENCE: Final = ("licence", "icp", "address")
_TIMEX_BYTES: Final = 256
_STATUS_AT: Final = 40
_UNSYNCHRONISED: Final = 0x40
_TIME_ERROR: Final = 5


def check_https(settings: Settings) -> Check:
    """Buyers, channels and suppliers reach us at a public address with https."""
    parts = urlsplit(settings.base_url)
    public = parts.scheme == "https" and _is_public(parts.hostname or "")
    return Check(code="https", state="ok" if public else "no", detail=settings.base_url)


def _is_public(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".local", ".internal", ".localhost", ".test"))


def check_address(note: Note | None, now: datetime) -> Check:
    """Our own public address answered when it was last asked through the network, within a day."""
    if note is None or note.noted_at < now - ADDRESS_FRESH:
        return Check(code="address", state="unknown", at=note.noted_at if note else None)
    good = note.outcome == "answered"
    return Check(code="address", state="ok" if good else "no", detail=note.detail, at=note.noted_at)


async def check_backup(conn: asyncpg.Connection, settings: Settings, real_now: datetime) -> Check:
    """The database's log is archived, a standby follows, or the backup's own mark is fresh."""
    row = await conn.fetchrow(SQL.read_archiving)
    if row["standbys"]:
        return Check(code="backup", state="ok", detail=f"standby × {row['standbys']}")
    archived: datetime | None = row["archived_at"]
    if row["archives"] and archived is not None and archived > real_now - BACKUP_FRESH:
        return Check(code="backup", state="ok", detail="archive", at=archived)
    if settings.backup_mark:
        return _check_mark(Path(settings.backup_mark), real_now)
    return Check(code="backup", state="no")


def _check_mark(mark: Path, real_now: datetime) -> Check:
    try:
        at = datetime.fromtimestamp(mark.stat().st_mtime, tz=real_now.tzinfo)
    except OSError:
        return Check(code="backup", state="no", detail=str(mark))
    return Check(code="backup", state="ok" if at > real_now - BACKUP_FRESH else "no", detail="mark", at=at)


def check_two_people(accounts: Sequence[Account]) -> Check:
    """One may propose what moves money, and another decide it, both with their second factor."""
    able = {
        account.name: rights_of(account.roles, strong=True)
        for account in accounts
        if account.active and account.totp
    }
    for one, other in permutations(sorted(able), 2):
        if Right.PROPOSE_MONEY in able[one] and Right.DECIDE_MONEY in able[other]:
            return Check(code="two_people", state="ok", detail=f"{one}, {other}")
    return Check(code="two_people", state="no", detail=", ".join(sorted(able)))


def check_limits(settings: Settings, *, on: bool) -> Check:
    """Own limits hold."""
    return Check(code="limits", state="ok" if on else "no", detail=settings.limits)


async def check_clocks(conn: asyncpg.Connection, settings: Settings, real_now: datetime) -> Check:
    """The product runs on the machine's time, the database has the same, and the system keeps it by the network."""
    if settings.clock != "system":
        return Check(code="clocks", state="no", detail="MINGZHANG_CLOCK")
    begun = time.monotonic()
    theirs: datetime = await conn.fetchval(SQL.read_clock)
    apart = abs((theirs - real_now).total_seconds()) - (time.monotonic() - begun)
    if apart > CLOCKS_APART_S:
        return Check(code="clocks", state="no", detail=f"{apart:.1f} s")
    kept = kernel_synchronised()
    state = "unknown" if kept is None else "ok" if kept else "no"
    return Check(code="clocks", state=state, detail="" if kept else "NTP")


def kernel_synchronised() -> bool | None:
    """Whether the system keeps its clock by the network (Linux: adjtimex); None where that cannot be asked."""
    try:
        call = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    told = ctypes.create_string_buffer(_TIMEX_BYTES)
    answer = call(told)
    if answer < 0:
        return None
    status = ctypes.c_int.from_buffer(told, _STATUS_AT).value
    return answer != _TIME_ERROR and not status & _UNSYNCHRONISED


def licence_lacks(face: ShopFace) -> list[str]:
    """What is not there of licence, ICP number and address."""
    return [name for name in LICENCE if not getattr(face, name)]


def check_licence(face: ShopFace) -> Check:
    """What the law has a shop show: licence, ICP number, address."""
    lacks = licence_lacks(face)
    return Check(code="licence", state="no" if lacks else "ok", detail=", ".join(lacks))


def check_parties(code: str, parties: Sequence[PartySeen]) -> Check:
    """At least one is set up, and everyone that can be asked answered its last test call."""
    asked = [party for party in parties if party.on and party.tested]
    failed = [party.name for party in asked if party.call is None or party.call.outcome != "answered"]
    on = [party.name for party in parties if party.on]
    if not on or (code == "channels" and not asked):
        return Check(code=code, state="no")
    return Check(code=code, state="no" if failed else "ok", detail=", ".join(failed or on))


def check_order(state: str) -> Check:
    """The test order arrived."""
    return Check(code="order", state="ok" if state == "delivered" else "no", detail=state)


def count_done(checks: Sequence[Check]) -> Mapping[str, int]:
    """How many items stand how."""
    return {state: sum(check.state == state for check in checks) for state in ("ok", "no", "unknown")}
