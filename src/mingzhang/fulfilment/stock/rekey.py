"""Seals every card code anew with the key in force, while the shop sells on: those in stock and those delivered.

In blocks, each its own transaction, so that nothing is locked for long and a stop in the middle loses nothing: what is
done says so by its key's number, and the next run goes on with the rest. Each code is held against its fingerprint
before it is sealed again. One that no key opens is left as it is and named. Source: issue 4.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import msgspec
from cryptography.exceptions import InvalidTag

from mingzhang.fulfilment import store as fulfilment
from mingzhang.fulfilment.stock.importer import Progress
from mingzhang.fulfilment.stock.store import SQL
from mingzhang.kit.database import transaction
from mingzhang.kit.vault import Vault

BLOCK: Final = 1_000
NAMED_MAX: Final = 20


class Rekeyed(msgspec.Struct, frozen=True, kw_only=True):
    """``sealed``: codes sealed anew now; ``unreadable``: those that no key opens or that are not what came in, the
    first of them by batch and number or by order."""

    sealed: int
    unreadable: int
    named: tuple[str, ...]


async def rekey(pool: asyncpg.Pool, vault: Vault, progress: Progress | None = None) -> Rekeyed:
    """Bring every code under `vault.card_key_no`. Safe to stop, to repeat, and to run twice at once."""
    places: tuple[tuple[Any, tuple[str | int, ...]], ...] = (
        (SQL, ("", 0)),
        (fulfilment.SQL, (-1, "", "", 0)),
    )
    left = [
        int(await pool.fetchval(queries.count_under_other_keys, vault.card_key_no)) for queries, _ in places
    ]
    sealed, odd = 0, 0
    named: list[str] = []
    for queries, start in places:
        after = start
        while True:
            rows = await pool.fetch(queries.list_under_other_keys, vault.card_key_no, *after, BLOCK)
            if not rows:
                break
            anew, unread = await asyncio.to_thread(_seal, vault, rows)
            async with transaction(pool) as conn:
                await _store(conn, queries, anew, vault.card_key_no)
            sealed, odd = sealed + len(anew), odd + len(unread)
            named += unread[: NAMED_MAX - len(named)]
            after = tuple(_key(rows[-1]))
            if progress is not None:
                progress(sealed + odd, max(sum(left), sealed + odd))
    return Rekeyed(sealed=sealed, unreadable=odd, named=tuple(named))


def _key(row: Mapping[str, Any]) -> list[Any]:
    """The columns that name a code: all but what is sealed and its fingerprint."""
    return [value for name, value in row.items() if name not in ("card_enc", "card_hash")]


def _seal(vault: Vault, rows: Sequence[asyncpg.Record]) -> tuple[list[tuple[Any, ...]], list[str]]:
    anew: list[tuple[Any, ...]] = []
    unread: list[str] = []
    for row in rows:
        try:
            text = vault.open_card(row["card_enc"])
        except InvalidTag:
            text = ""
        if hmac.compare_digest(vault.fingerprint(text), row["card_hash"]):
            anew.append((*_key(row), vault.seal_card(text)))
        else:
            unread.append(":".join(map(str, _key(row))))
    return anew, unread


async def _store(
    conn: asyncpg.Connection, queries: Any, anew: Sequence[tuple[Any, ...]], key_no: int
) -> None:
    if anew:
        await conn.execute(queries.seal_anew, *map(list, zip(*anew, strict=True)), key_no)
