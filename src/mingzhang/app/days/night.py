"""What happens around a shop by itself at the end of a day: channels settle, the bank writes, suppliers list."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import date
from typing import Any, Final

import aiohttp
import msgspec

from mingzhang.custody.instructions import PREFUND, Wish, plan
from mingzhang.custody.store import open_account
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Problem
from mingzhang.orders.context import Context
from mingzhang.reconciliation import flow
from mingzhang.reconciliation.flow import Given
from mingzhang.reconciliation.sources import source_named
from mingzhang.settlement.flow import list_batch
from mingzhang.settlement.model import SettlementList

BANK: Final = "bank"
EXPORTED: Final = ("fulu", "kasushou")
"""Suppliers whose day's list is downloaded from their site."""

BANK_FAULTS: Final = (
    *("late_line", "short_line", "duplicate_line", "statement_late"),
    *("excess_line", "line_missing", "no_closing"),
)
"""One a day, on one channel's payout or the day's statement: the bank errs, and the shop must notice or wait."""

PREFUND_FEN: Final = 100_000


class Night:
    """Settlement, statements and lists of one run. ``findings``: what was refused that should not be."""

    def __init__(self, http: aiohttp.ClientSession, control_url: str, ctx: Context, seed: int) -> None:
        self._http, self._url, self._ctx = http, control_url, ctx
        self._rng = random.Random(f"night|{seed}")
        self.findings: list[str] = []
        self.planted: list[dict[str, str]] = []

    async def open_account(self, account: str, who: str) -> None:
        """The account that channels pay into: under a contract of custody, at the simulated bank."""
        async with transaction(self._ctx.pool) as conn:
            await open_account(
                conn,
                self._ctx.now(),
                account=account,
                bank=BANK,
                kind="custody",
                who=who,
                adapter=BANK,
            )

    async def plant(self, day: date, n: int, channels: Iterable[str]) -> None:
        """Put the day's bank fault on the payout of one channel, before it is announced."""
        fault, channel = BANK_FAULTS[n % len(BANK_FAULTS)], self._rng.choice(sorted(channels))
        payout = f"{channel.upper()}-{day:%Y%m%d}-"
        params = {"s": 26 * 3600} if fault == "late_line" else {}
        await self._fault(f"STATEMENT{day:%Y%m%d}" if fault == "statement_late" else payout, fault, params)

    async def prefund(self, *, comes_back: bool) -> None:
        """Money goes out to a supplier by instruction, as two people decided; or the bank gives it back."""
        wish = Wish(
            purpose=PREFUND,
            bank=BANK,
            party="fulu",
            payee_name="福禄",
            payee_account="FULU-PREFUND",
            amount_fen=PREFUND_FEN,
        )
        now = self._ctx.now()
        names = {"approval_id": f"days-{now:%Y%m%d}", "proposed_by": "days-1", "decided_by": "days-2"}
        async with transaction(self._ctx.pool) as conn:
            number = await plan(conn, self._rng, now, wish, **names)
        if (
            comes_back
        ):  # the bank looks at it when it carries the order out, a minute of its time after it took it
            await self._fault(number, "transfer_returned", {})

    async def _fault(self, number: str, name: str, params: dict[str, Any]) -> None:
        fault = {"party": BANK, "name": name, "params": params}
        await self._tell("/faults", {"order": number, "faults": [fault]})
        self.planted.append({"number": number, "fault": name})

    async def settle(self, channels: Iterable[str], older_s: float | None = None) -> None:
        """Every channel settles what it holds, of late payments only those ``older_s`` old, and announces its payout."""
        for channel in sorted(channels):
            told = await self._tell("/settlements", {"channel": channel, "older_s": older_s})
            listed = msgspec.convert(told, SettlementList, strict=False)
            if not listed.lines:
                continue
            try:
                async with transaction(self._ctx.pool) as conn:
                    await list_batch(conn, self._rng, self._ctx.now(), listed, BANK)
            except Problem as problem:
                self.findings.append(f"settlement of {channel}: {problem}")

    async def write_statement(self) -> None:
        """The bank issues what it booked since the last statement."""
        await self._tell("/bank/statement", {})

    async def take_lists(self, day: date) -> None:
        """Suppliers' lists of a day, as somebody downloads them."""
        for supplier in EXPORTED:
            if supplier not in self._ctx.suppliers:
                continue
            async with self._http.get(
                f"{self._url}/exports/{supplier}", params={"day": day.isoformat()}
            ) as answer:
                answer.raise_for_status()
                content = await answer.read()
            given = Given(name=f"{supplier}-{day}.csv", content=content, origin="days")
            try:
                await flow.take_file(self._ctx, source_named(f"{supplier}.orders").name, day, given)
            except Problem as problem:
                self.findings.append(f"list of {supplier} for {day}: {problem}")

    async def _tell(self, path: str, body: dict[str, Any]) -> Any:
        async with self._http.post(f"{self._url}{path}", json=body) as answer:
            answer.raise_for_status()
            return await answer.json()
