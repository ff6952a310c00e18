"""The register of payment channels as staff read and keep it, with live figures (R10, R11, R42)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from mingzhang.app.desk_supply import read_time
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.money import parse_yuan
from mingzhang.orders.context import Context
from mingzhang.orders.store import SQL as ORDERS
from mingzhang.payments import register
from mingzhang.payments.register import ChannelFigures, Terms
from mingzhang.payments.store import SQL as PAYMENTS
from mingzhang.staff import record
from mingzhang.staff.model import Member
from mingzhang.web.model_staff import ChannelRow

PERCENT_PPM = 10_000
MONEY = ("fixed", "min", "max", "day")


async def read_channels(ctx: Context) -> list[ChannelRow]:
    """Every connected channel: register, breaker, figures of the last day's newest payments."""
    now = ctx.now()
    await ctx.health.refresh(ctx.pool)
    async with ctx.pool.acquire() as conn:
        buckets = [row["bucket"] for row in await conn.fetch(ORDERS.list_buckets)]
        figures = await register.read_figures(conn, buckets, now)
        terms = await register.list_terms(conn)
        down = {row["channel"]: row["down_since"] for row in await conn.fetch(PAYMENTS.list_channels_down)}
    return [
        _row(name, terms.get(name), figures.get(name), down.get(name), ctx.health.taken(name, now))
        for name in ctx.channels
    ]


def _row(
    name: str,
    terms: Terms | None,
    figures: ChannelFigures | None,
    down_since: datetime | None,
    taken_fen: int,
) -> ChannelRow:
    entry = msgspec.structs.asdict(terms or Terms(channel=name))
    seen = msgspec.structs.asdict(figures or ChannelFigures(channel=name))
    del entry["channel"], seen["channel"]
    return ChannelRow(
        name=name,
        down_since=down_since,
        registered=terms is not None,
        taken_fen=taken_fen,
        **entry,
        **seen,
    )


async def set_terms(ctx: Context, who: Member | str, channel: str, form: Mapping[str, str]) -> None:
    """Enter a channel's terms out of texts, on record: what is not named stays. Raises `unknown_channel`, `bad_terms`.

    Texts: rate (percent), fixed, min, max, day (yuan), settle (days), licensee, licence, until (Beijing day), source.
    """
    if channel not in ctx.channels:
        there = ", ".join(ctx.channels) or "none"
        raise Problem("unknown_channel", Kind.NOT_FOUND, f"{channel!r} is not set up here; set up: {there}")
    async with transaction(ctx.pool) as conn:
        before = (await register.list_terms(conn)).get(channel, Terms(channel=channel))
        terms = changed(before, form)
        now = ctx.now()
        await register.set_terms(conn, terms, who if isinstance(who, str) else who.name, now)
        fields = [name for name in Terms.__struct_fields__ if not name.startswith("set_")]
        differ = [name for name in fields if getattr(before, name) != getattr(terms, name)]
        data = {name: str(getattr(terms, name)) for name in differ}
        await record.write(conn, ctx.rng, now, who, "set_channel_terms", channel, data=data)
    ctx.health.forget()


def changed(before: Terms, form: Mapping[str, str]) -> Terms:
    """The terms with what the texts name. Raises `bad_terms`."""
    values: dict[str, object] = {}
    try:
        for name in MONEY:
            if name in form:
                values[f"{name}_fen"] = parse_yuan(form[name].strip() or "0")
        if "rate" in form:  # a percentage with up to four decimals, as contracts state it
            whole, _, rest = (form["rate"].strip() or "0").partition(".")
            values["rate_ppm"] = _number(whole) * PERCENT_PPM + (
                _number(rest.ljust(4, "0"), 4) if rest else 0
            )
        if "settle" in form:
            values["settle_days"] = _number(form["settle"].strip() or "1")
        if "until" in form:
            day = form["until"].strip()
            values["valid_until"] = read_time(f"{day} 23:59") if day else None
    except (ValueError, Problem):
        raise Problem("bad_terms", Kind.INVALID) from None
    for field, name in (("licensee", "licensee"), ("licence_no", "licence"), ("source_url", "source")):
        if name in form:
            values[field] = form[name].strip()
    terms: Terms = msgspec.structs.replace(before, **values)
    register.check_terms(terms)
    return terms


def _number(text: str, length: int = 6) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= length):
        raise ValueError(text)
    return int(text)
