"""Settings of the shop by staff: read for the form, and set as a new version, on record (R42, R45)."""

from __future__ import annotations

from collections.abc import Mapping

from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context
from mingzhang.shop.face import FaceCache, clean_face, draw_logo, keep_logo, list_versions, write_version
from mingzhang.shop.model import Version, changed
from mingzhang.staff import record
from mingzhang.staff.model import Member


async def read_versions(ctx: Context) -> list[Version]:
    """The newest versions first."""
    async with ctx.pool.acquire() as conn:
        return await list_versions(conn)


async def set_face(
    ctx: Context,
    cache: FaceCache,
    member: Member | str,
    seen: int,
    texts: Mapping[str, str],
    logo: bytes | None = b"",
    reason: str = "",
) -> int:
    """A new version after the one its author saw (`seen`); returns its number. The right is checked by the caller.

    `logo`: an uploaded picture; empty keeps the one there is, None takes it away. Raises what `clean_face` and
    `draw_logo` raise, `settings_changed`, `nothing_changed`.
    """
    clean_face(texts, "")  # refused before anything is drawn or locked
    drawn = await draw_logo(logo) if logo else b""
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        versions = await list_versions(conn, 1)
        before = versions[0] if versions else Version()
        if before.version != seen:
            raise Problem("settings_changed", Kind.CONFLICT)
        logo_id = "" if logo is None else before.face.logo
        if drawn:
            logo_id = await keep_logo(conn, drawn, now)
        face = clean_face(texts, logo_id)
        differs = changed(before.face, face)
        if not differs:
            raise Problem("nothing_changed", Kind.INVALID)
        name = member if isinstance(member, str) else member.name
        version = await write_version(conn, before.version, face, name, reason.strip()[:200], now)
        data = {"version": version, "fields": sorted(differs)}
        await record.write(
            conn, ctx.rng, now, member, "set_shop", f"shop:{version}", reason=reason.strip(), data=data
        )
    cache.forget()
    await cache.refresh()
    return version
