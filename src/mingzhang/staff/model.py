"""Who is signed in, what staff code needs, and how accounts are shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Final

import asyncpg
import msgspec

from mingzhang.kit.clock import Clock, SystemClock
from mingzhang.kit.vault import Vault
from mingzhang.staff.rights import Right

COMMAND_LINE: Final = "cli"
"""The name under which the command line's own actions stand on record; nobody can be called so."""


@dataclass(frozen=True, kw_only=True)
class Office:
    """Database, keys, chance and time. `phone` is the time authenticator apps run on: always the machine's own,
    also when the shop's clock runs fast in a demo.
    """

    pool: asyncpg.Pool
    vault: Vault
    rng: Random
    clock: Clock
    phone: Clock = field(default_factory=SystemClock)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A member of staff with an open session. `strong`: it was opened with the second factor."""

    name: str
    roles: tuple[str, ...]
    rights: frozenset[Right]
    session_id: str
    strong: bool

    def may(self, right: Right) -> bool:
        """Whether this session has the right."""
        return right in self.rights


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One account, as listed. `sessions`: how many are open now."""

    name: str
    roles: tuple[str, ...]
    active: bool
    totp: bool
    created_at: datetime
    signed_in_at: datetime | None
    sessions: int


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One open session, as listed; `session_id` opens nothing. `browser`: what it calls itself."""

    name: str
    session_id: str
    strong: bool
    created_at: datetime
    expires_at: datetime
    seen_at: datetime
    address: str
    browser: str
