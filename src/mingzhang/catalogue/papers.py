"""Keeps versions of rules, service agreement and privacy terms (`terms.py`), for ever."""

from __future__ import annotations

import asyncpg

from mingzhang.catalogue.store import SQL
from mingzhang.catalogue.terms import Paper
from mingzhang.kit.errors import Kind, Problem


async def list_papers(conn: asyncpg.Connection) -> list[Paper]:
    """Every version of every kind, the newest first, without the texts."""
    return [_paper(row) for row in await conn.fetch(SQL.list_papers)]


async def read_paper(conn: asyncpg.Connection, kind: str, version: int) -> Paper:
    """One version, whether it holds or not. Raises `not_found`."""
    row = await conn.fetchrow(SQL.read_paper, kind, version)
    if row is None:
        raise Problem("not_found", Kind.NOT_FOUND)
    return _paper(row)


async def read_newest(conn: asyncpg.Connection, kind: str) -> Paper | None:
    """The version published last; None before the first."""
    row = await conn.fetchrow(SQL.read_newest_paper, kind)
    return None if row is None else _paper(row)


def _paper(row: asyncpg.Record) -> Paper:
    return Paper(**{**row, "sha256": row["sha256"].hex()})


async def publish(conn: asyncpg.Connection, paper: Paper) -> None:
    """Keep a draft for ever. Raises `settings_changed` when somebody else published meanwhile."""
    kept = await conn.fetchval(
        SQL.insert_paper,
        paper.kind,
        paper.version,
        paper.text_zh,
        paper.text_en,
        bytes.fromhex(paper.sha256),
        paper.published_at,
        paper.effective_at,
        paper.published_by,
        paper.reason,
    )
    if kept is None:
        raise Problem("settings_changed", Kind.CONFLICT)
