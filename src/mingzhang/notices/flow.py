"""Use cases: queue a notice with what it tells of, send what is due, ask for a failed one again (F16, R23, R39)."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Final

import asyncpg
import msgspec
import structlog
from cryptography.exceptions import InvalidTag

from mingzhang.evidence import store as evidence
from mingzhang.kit.database import transaction
from mingzhang.kit.errors import Kind, Problem
from mingzhang.kit.ids import bucket_of, is_order_id, is_suspense_id, new_id
from mingzhang.notices import states, webhooks
from mingzhang.notices.couriers.base import Delivery, Letter, Outcome
from mingzhang.notices.model import Audience, Buyer, Facts, Post, Template
from mingzhang.notices.store import SQL
from mingzhang.notices.templates import AUDIENCES, render, values_of
from mingzhang.notices.webhook_types import TYPES, group_of, message_id, write_body

log = structlog.get_logger()
DUE_MAX: Final = 64
ERROR_MAX: Final = 80


async def enqueue(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    template: Template,
    key: str,
    facts: Facts,
    buyer: Buyer | None = None,
) -> int:
    """Queue a notice for every open route of the template's audiences; returns how many rows were written.

    Call it inside the transaction of what the notice tells of: both are committed, or neither. `key` names the
    occasion within the order (say, the event's kind and number): the same key again writes nothing. Makes no
    call, needs no secret and raises nothing of its own. A buyer is reached by mail or by text message, whichever the
    contact is, where a route to buyers opens that channel for this template.
    """
    reached = buyer if buyer is not None and buyer.contact_mask else None
    return await _enqueue(conn, rng, now, template, key, facts, reached, template.value)


async def enqueue_webhook(
    conn: asyncpg.Connection, rng: Random, now: datetime, key: str, facts: Facts
) -> int:
    """Queue a message for every endpoint that wants this group of types; as `enqueue`. `facts.event` is in `TYPES`."""
    topic = group_of(TYPES[facts.event])
    return await _enqueue(conn, rng, now, Template.WEBHOOK, key, facts, None, topic)


async def _enqueue(
    conn: asyncpg.Connection,
    rng: Random,
    now: datetime,
    template: Template,
    key: str,
    facts: Facts,
    reached: Buyer | None,
    topic: str,
) -> int:
    audiences = [audience.value for audience in AUDIENCES[template]]
    channel = ("email" if "@" in reached.contact_mask else "sms") if reached else ""
    rows = await conn.fetch(
        SQL.enqueue_notice,
        bucket_for(facts.order_id),
        new_id(now, rng),
        facts.order_id,
        key,
        template.value,
        audiences,
        reached.contact_enc if reached else b"",
        reached.contact_mask if reached else "",
        reached.contact_hash if reached else b"",
        reached.language if reached and reached.language == "en" else "zh",
        msgspec.to_builtins(facts),
        now,
        now + states.LIFE,
        channel,
        topic,
    )
    return len(rows)


def bucket_for(subject: str) -> int:
    """The subject's own bucket; what is told of no order is in bucket 0."""
    return bucket_of(subject) if is_order_id(subject) or is_suspense_id(subject) else 0


async def buckets(post: Post) -> list[int]:
    """Buckets in which a notice waits."""
    async with post.pool.acquire() as conn:
        return [row["bucket"] for row in await conn.fetch(SQL.list_buckets)]


async def due(post: Post, bucket: int, limit: int = DUE_MAX, lane: str = "") -> list[str]:
    """Claim due notices of one bucket until `lease_s` is over; returns keys for `work`.

    `lane`: `letters` or `webhooks` alone, so that an endpoint that does not answer holds up no mail; empty: both.
    """
    async with transaction(post.pool) as conn:
        rows = await conn.fetch(
            SQL.claim_notices, bucket, post.now(), limit, post.worker_name, post.lease_end(), lane
        )
    return [row["notice_key"] for row in rows]


async def work(post: Post, notice_key: str) -> None:
    """Send one claimed notice and record how the attempt ended. Nothing happens for one that is not claimed."""
    bucket_text, _, notice_id = notice_key.partition(":")
    bucket = int(bucket_text)
    async with post.pool.acquire() as conn:
        row = await conn.fetchrow(SQL.read_claimed, bucket, notice_id)
    if row is None:
        return
    if row["attempts"] > states.ATTEMPTS_MAX or post.now() >= row["deadline_at"]:
        await _give_up(post, bucket, row, Delivery(outcome=Outcome.NOT_SENT, code="given_up"))
        return
    post.crash_point("intent_to_call")
    delivery = await _send(post, row)
    post.crash_point("call_to_outcome")
    if delivery.outcome is Outcome.ACCEPTED and not delivery.messages:
        raise ValueError(f"courier {row['channel']} said yes without an answer")
    if delivery.outcome is Outcome.ACCEPTED:
        await _sent(post, bucket, row, delivery)
    elif delivery.outcome is Outcome.REFUSED:
        await _give_up(post, bucket, row, delivery)
    else:
        await _again_later(post, bucket, row, delivery)


async def send_again(conn: asyncpg.Connection, bucket: int, notice_id: str, now: datetime) -> None:
    """A member of staff asks for a failed notice again. Raises Problem `notice_not_failed`."""
    if await conn.fetchval(SQL.set_waiting, bucket, notice_id, now, now + states.LIFE) is None:
        raise Problem("notice_not_failed", Kind.CONFLICT)


async def _send(post: Post, row: asyncpg.Record) -> Delivery:
    courier = post.couriers.get(row["channel"])
    if courier is None:
        return Delivery(outcome=Outcome.REFUSED, code="no_courier")
    try:
        letter = await _letter(post, row)
    except (InvalidTag, Problem):  # sealed with another key, or erased
        return Delivery(outcome=Outcome.REFUSED, code="address_unreadable")
    try:
        return await courier.send(letter)
    except Exception as error:  # noqa: BLE001 - no traceback: it may quote keys
        log.warning("courier_failed", channel=row["channel"], error=type(error).__name__)
        return Delivery(outcome=Outcome.UNKNOWN, code="courier_failed")


async def _letter(post: Post, row: asyncpg.Record) -> Letter:
    facts = msgspec.convert(row["facts"], Facts)
    audience = Audience(row["audience"])
    if audience is Audience.WEBHOOK:
        return Letter(
            notice_id=row["notice_id"],
            address=post.vault.open(row["address_enc"]),
            subject="",
            text=write_body(facts),
            link="",
            written_at=row["queued_at"],
            key=message_id(row["route_id"], row["subject"], row["key"]),
        )
    told = (
        row["language"],
        facts,
        await post.name(row["language"]),
        post.words,
        post.vault.open(bytes.fromhex(facts.sealed)) if facts.sealed else "",
    )
    subject, text = render(Template(row["template"]), audience, *told)
    return Letter(
        notice_id=row["notice_id"],
        address=post.vault.open(row["address_enc"]),
        subject=subject,
        text=text,
        link=_link(post, audience, facts.page or facts.order_id),
        written_at=row["queued_at"],
        template=row["template"],
        values=values_of(*told),
    )


def _link(post: Post, audience: Audience, order_id: str) -> str:
    """Buyers get their order's page with its token in the fragment; others must sign in."""
    if audience is not Audience.BUYER:
        return f"{post.base_url}/staff/work"
    return (
        f"{post.base_url}/orders/{order_id}#t={post.vault.token(order_id)}" if is_order_id(order_id) else ""
    )


async def _sent(post: Post, bucket: int, row: asyncpg.Record, delivery: Delivery) -> None:
    async with transaction(post.pool) as conn:
        evidence_id = await evidence.keep_all(conn, post.rng, post.now(), delivery.messages)
        await conn.fetchval(SQL.set_sent, bucket, row["notice_id"], post.now(), evidence_id)
        if row["channel"] == webhooks.CHANNEL:
            await webhooks.count_sent(conn, webhooks.endpoint_of(row["route_id"]))


async def _again_later(post: Post, bucket: int, row: asyncpg.Record, delivery: Delivery) -> None:
    now = post.now()
    next_at = now + timedelta(seconds=states.pause_s(row["attempts"], delivery.retry_after_s))
    if row["attempts"] >= states.ATTEMPTS_MAX or next_at > row["deadline_at"]:
        await _give_up(post, bucket, row, delivery)
        return
    async with transaction(post.pool) as conn:
        evidence_id = await evidence.keep_all(conn, post.rng, now, delivery.messages)
        await conn.fetchval(
            SQL.set_retrying,
            bucket,
            row["notice_id"],
            row["lease_generation"],
            next_at,
            delivery.code[:ERROR_MAX],
            delivery.outcome is Outcome.UNKNOWN,
            evidence_id,
        )


async def _give_up(post: Post, bucket: int, row: asyncpg.Record, delivery: Delivery) -> None:
    async with transaction(post.pool) as conn:
        evidence_id = await evidence.keep_all(conn, post.rng, post.now(), delivery.messages)
        await conn.fetchval(
            SQL.set_failed,
            bucket,
            row["notice_id"],
            row["lease_generation"],
            delivery.code[:ERROR_MAX],
            delivery.outcome is Outcome.UNKNOWN,
            evidence_id,
        )
        if row["channel"] == webhooks.CHANNEL:
            await _count_given_up(post, conn, row)
    log.warning("notice_failed", channel=row["channel"], template=row["template"], code=delivery.code)


async def _count_given_up(post: Post, conn: asyncpg.Connection, row: asyncpg.Record) -> None:
    """An endpoint that takes nothing any more is dead: staff are told, once."""
    endpoint_id, now = webhooks.endpoint_of(row["route_id"]), post.now()
    if await webhooks.count_given_up(conn, endpoint_id, now):
        facts = Facts(order_id=endpoint_id)
        await enqueue(conn, post.rng, now, Template.WEBHOOK_DEAD, f"dead:{row['notice_id']}", facts)
