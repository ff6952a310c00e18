"""Which payment channels answer (通道熔断): nobody is sent to one that answers no more (R10, R20). See `kit.breaker`."""

from datetime import datetime
from typing import Final

import asyncpg

from mingzhang.kit.breaker import Breaker
from mingzhang.payments import register
from mingzhang.payments.channels.base import Outcome
from mingzhang.payments.store import SQL

SILENT: Final = frozenset({Outcome.UNKNOWN, Outcome.NOT_SENT})


class Health(Breaker):
    """While a channel's breaker is open no payment is opened there; sweeps go on asking, and the first answer closes it.

    Beside it, the register and what each channel took today: near-static rows, read with it.
    """

    def __init__(self) -> None:
        super().__init__(SQL.set_channel_down, SQL.set_channel_up, SQL.list_channels_down)
        self.terms: dict[str, register.Terms] = {}
        self._taken: dict[str, tuple[str, int]] = {}

    async def _read(self, conn: asyncpg.Connection) -> None:
        await super()._read(conn)
        self.terms = await register.list_terms(conn)
        rows = await conn.fetch(register.SQL.list_channel_watches)
        self._taken = {row["channel"]: (row["day"], row["taken_fen"]) for row in rows}

    def taken(self, channel: str, now: datetime) -> int:
        """What a channel took today, as last summed up (at most a minute old), in fen."""
        day, fen = self._taken.get(channel, ("", 0))
        return fen if day == register.beijing_day(now)[0] else 0

    async def heard(
        self, pool: asyncpg.Pool, channel: str, outcome: Outcome, code: str, now: datetime
    ) -> None:
        """A call to a channel ended; `code` says how, for staff."""
        if outcome not in SILENT:
            await self.answered(pool, channel, now)
        elif self.silent(channel):
            await self.open(pool, channel, code, now)
