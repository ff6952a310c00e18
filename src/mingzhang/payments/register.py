"""The register of payment channels (通道登记, R11, R42) and their live figures (R10): terms, openings, notify delay."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import first_order_id
from mingzhang.kit.sql import load

SQL = load("mingzhang.payments", "register")
SAMPLE_MAX: Final = 2_000
PER_BUCKET_MIN: Final = 50
WINDOW_S: Final = 24 * 3600
DAY_ASK_S: Final = 60
TEXT_MAX: Final = 200
FEN_MAX: Final = 10**12
# An intent that has no answer for so long was not opened.
OPENING_S: Final = 60
CAME: Final = frozenset({"paid", "contradicted"})


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """One channel's entry. Fee: ``rate_ppm`` of the amount and ``fixed_fen``; settled T+``settle_days``; limits in fen a
    payment and a Beijing day, 0 for none; who holds the licence, its number, until when, and where that can be read.
    """

    channel: str
    rate_ppm: int = 0
    fixed_fen: int = 0
    settle_days: int = 1
    min_fen: int = 0
    max_fen: int = 0
    day_fen: int = 0
    licensee: str = ""
    licence_no: str = ""
    valid_until: datetime | None = None
    source_url: str = ""
    set_by: str = ""
    set_at: datetime | None = None

    def fee_fen(self, amount_fen: int) -> int:
        """What a payment costs, rounded half up."""
        return (amount_fen * self.rate_ppm + 500_000) // 1_000_000 + self.fixed_fen


class ChannelFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A channel over a sample. ``openings``, ``opened``; ``ended``, ``paid`` of those opened whose time is over or that were
    paid; ``told`` payments with a delay (the channel's own time to ours), its p50 and p99 in milliseconds; ``found`` of
    ``paid`` became known by asking alone.
    """

    channel: str
    openings: int = 0
    opened: int = 0
    ended: int = 0
    paid: int = 0
    told: int = 0
    delay_p50_ms: int | None = None
    delay_p99_ms: int | None = None
    found: int = 0
    since: datetime | None = None


async def list_terms(conn: asyncpg.Connection) -> dict[str, Terms]:
    """The register by channel."""
    return {row["channel"]: Terms(**dict(row)) for row in await conn.fetch(SQL.list_terms)}


def check_terms(terms: Terms) -> None:
    """Raise `bad_terms` for what cannot be meant."""
    fens = (terms.fixed_fen, terms.min_fen, terms.max_fen, terms.day_fen)
    texts = (terms.licensee, terms.licence_no, terms.source_url)
    sane = (
        0 <= terms.rate_ppm <= 1_000_000
        and 0 <= terms.settle_days <= 60
        and all(0 <= fen <= FEN_MAX for fen in fens)
        and all(len(text) <= TEXT_MAX and text.isprintable() for text in texts)
        and (not terms.source_url or terms.source_url.startswith(("http://", "https://")))
    )
    if not sane or (terms.max_fen and terms.min_fen > terms.max_fen):
        raise Problem("bad_terms", Kind.INVALID, "rates in ppm, amounts not below 0, min not above max")


async def set_terms(conn: asyncpg.Connection, terms: Terms, who: str, now: datetime) -> None:
    """Enter one channel's terms in place of those before."""
    check_terms(terms)
    entry = msgspec.structs.replace(terms, set_by=who, set_at=now)
    await conn.execute(SQL.set_terms, *(getattr(entry, name) for name in Terms.__struct_fields__))


def beijing_day(now: datetime) -> tuple[str, datetime]:
    """The Beijing day, and when it began."""
    local = now.astimezone(BEIJING)
    return local.date().isoformat(), local.replace(hour=0, minute=0, second=0, microsecond=0)


async def sum_taken(conn: asyncpg.Connection, buckets: Sequence[int], channel: str, now: datetime) -> int:
    """What a channel took today, in fen. Orders placed up to a day before may be paid today."""
    _, began = beijing_day(now)
    placed = began - timedelta(days=1)
    total = 0
    for bucket in buckets:
        total += await conn.fetchval(SQL.sum_taken, bucket, first_order_id(bucket, placed), channel, began)
    return total


async def read_figures(
    conn: asyncpg.Connection, buckets: Sequence[int], now: datetime
) -> dict[str, ChannelFigures]:
    """Figures of every channel over the newest payments of the last day, at most `SAMPLE_MAX` in all."""
    each = max(PER_BUCKET_MIN, SAMPLE_MAX // max(1, len(buckets)))
    since = now - timedelta(seconds=WINDOW_S)
    rows: list[Mapping[str, Any]] = []
    for bucket in buckets:
        rows += await conn.fetch(SQL.list_recent_payments, bucket, first_order_id(bucket, since), each)
    return figures_of(rows, now)


def figures_of(rows: Iterable[Mapping[str, Any]], now: datetime) -> dict[str, ChannelFigures]:
    """Pure: figures out of payments as `list_recent_payments` gives them."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["channel"], []).append(row)
    return {channel: _figures(channel, group, now) for channel, group in sorted(groups.items())}


def _figures(channel: str, rows: Sequence[Mapping[str, Any]], now: datetime) -> ChannelFigures:
    waited = now - timedelta(seconds=OPENING_S)
    tried = [row for row in rows if row["state"] != "intent" or row["opened_at"] < waited]
    opened = [row for row in tried if row["shown"] or row["state"] in {"open", *CAME}]
    ended = [row for row in opened if row["state"] in CAME or row["expires_at"] <= now]
    paid = [row for row in ended if row["state"] in CAME]
    delays = sorted(delay for row in paid if (delay := _delay_ms(row)) is not None)
    return ChannelFigures(
        channel=channel,
        openings=len(tried),
        opened=len(opened),
        ended=len(ended),
        paid=len(paid),
        told=len(delays),
        delay_p50_ms=_quantile(delays, 50),
        delay_p99_ms=_quantile(delays, 99),
        found=sum(1 for row in paid if _found_by_asking(row)),
        since=min(row["opened_at"] for row in rows),
    )


def _delay_ms(row: Mapping[str, Any]) -> int | None:
    """From the channel's own time of payment to ours of knowing it; its clock may be ahead."""
    if row["paid_at"] is None or row["known_at"] is None:
        return None
    took: timedelta = row["known_at"] - datetime.fromisoformat(row["paid_at"])
    return max(0, took // timedelta(milliseconds=1))


def _found_by_asking(row: Mapping[str, Any]) -> bool:
    """Neither a notify that proves it (evidence of the kind ``….notify``), nor one that hinted at it before we knew."""
    hinted = row["hinted_at"] is not None and row["hinted_at"] <= row["known_at"]
    return row["told"] is False and not hinted


def _quantile(values: Sequence[int], percent: int) -> int | None:
    """The smallest value that so many percent do not exceed."""
    return values[max(0, -(-len(values) * percent // 100) - 1)] if values else None
