"""Webhooks by staff: each change on record, secrets in nobody's record."""

from __future__ import annotations

from collections.abc import Sequence

from mingzhang.app.desk import Desk
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.notices import webhooks
from mingzhang.notices.model import Notice
from mingzhang.notices.webhooks import Endpoint
from mingzhang.staff import record
from mingzhang.staff.model import Member

STATES = {"pause": "paused", "resume": "active", "close": "closed"}


async def read_all(desk: Desk) -> tuple[list[Endpoint], list[Notice]]:
    """Endpoints, and the newest messages."""
    async with desk.pool.acquire() as conn:
        return await webhooks.list_endpoints(conn), await webhooks.list_deliveries(conn)


async def add(desk: Desk, member: Member, url: str, topics: Sequence[str], note: str) -> str:
    """A new endpoint; returns its secret. Raises what `webhooks.add_endpoint` raises."""
    ctx = desk.ctx
    async with transaction(ctx.pool) as conn:
        endpoint_id, secret = await webhooks.add_endpoint(
            conn,
            ctx.vault,
            ctx.rng,
            ctx.now(),
            member.name,
            url=url,
            topics=topics,
            note=note,
            private=desk.settings.webhook_private,
        )
        data = {"topics": sorted(topics)}
        await record.write(
            conn, ctx.rng, ctx.now(), member, "add_webhook", endpoint_id, reason=note, data=data
        )
    return secret


async def act(desk: Desk, member: Member, endpoint_id: str, action: str) -> str:
    """pause, resume, close, ping, secret; returns the new secret where there is one.

    Raises `not_found` for another action, and what the action raises.
    """
    ctx, secret = desk.ctx, ""
    async with transaction(ctx.pool) as conn:
        now = ctx.now()
        if action in STATES:
            await webhooks.set_state(conn, endpoint_id, STATES[action], now)
        elif action == "ping":
            await webhooks.ping(conn, ctx.rng, endpoint_id, now)
        elif action == "secret":
            secret = await webhooks.change_secret(conn, ctx.vault, endpoint_id, now)
        else:
            raise Problem("not_found", Kind.NOT_FOUND)
        await record.write(conn, ctx.rng, now, member, f"{action}_webhook", endpoint_id)
    return secret


async def send_anew(desk: Desk, member: Member, bucket: int, notice_id: str) -> None:
    """One message once more. Raises Problem `notice_not_done`."""
    ctx = desk.ctx
    async with transaction(ctx.pool) as conn:
        await webhooks.send_anew(conn, ctx.rng, bucket, notice_id, ctx.now())
        await record.write(conn, ctx.rng, ctx.now(), member, "resend_webhook", f"{bucket}:{notice_id}")
