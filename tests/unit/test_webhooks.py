"""Webhooks by Standard Webhooks: signed, the same number each time, never to a private address (F16)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import asyncpg
import msgspec
import pytest
from standardwebhooks import Webhook

from mingzhang.kit.clock import ManualClock, SystemClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import Silence
from mingzhang.kit.public_net import is_public, public_outbound, url_fault
from mingzhang.notices import flow, webhooks
from mingzhang.notices.couriers.webhook import Webhooks
from mingzhang.notices.model import Post
from mingzhang.notices.store import set_routes
from mingzhang.notices.untold import OCCASIONS, template_of
from mingzhang.notices.webhook_types import GROUPS, TYPES, group_of
from notice_sinks import SECRET, START, Vault, WebSink, open_post, order_facts, until_done, visit, web_sink

VAULT = Vault(SECRET)


def posting(pool: asyncpg.Pool, clock: ManualClock, *, private: bool = True) -> Post:
    http = public_outbound(private=private)
    return open_post(pool, Webhooks(pool, VAULT, http, SystemClock(), private=private), clock=clock)


async def tell(post: Post, kind: str, seq: int) -> str:
    facts = msgspec.structs.replace(
        order_facts(), event=kind, seq=seq, at=START, state="paid", place="channel"
    )
    async with post.pool.acquire() as conn, conn.transaction():
        await flow.enqueue_webhook(conn, post.rng, post.now(), f"{kind}:{seq}", facts)
    return facts.order_id


async def open_endpoint(post: Post, sink: WebSink, topics: tuple[str, ...] = GROUPS) -> tuple[str, str]:
    async with post.pool.acquire() as conn, conn.transaction():
        return await webhooks.add_endpoint(
            conn, VAULT, post.rng, post.now(), "ann", url=f"{sink.url}/hook", topics=topics, private=True
        )


def verified(sink: WebSink, secret: str, n: int) -> Any:
    """What the receiver's own library makes of the n-th call."""
    return Webhook(secret).verify(msgspec.json.encode(sink.bodies[n]), dict(sink.requests[n].headers))


async def test_a_message_is_signed_keeps_its_number_and_goes_to_whom_it_concerns(pool: asyncpg.Pool) -> None:
    clock = ManualClock(START)
    post = posting(pool, clock)
    async with web_sink((503, "busy"), (200, {})) as sink, web_sink((200, {})) as other:
        endpoint_id, secret = await open_endpoint(post, sink, ("order",))
        await open_endpoint(post, other, ("dispute",))
        async with pool.acquire() as conn:
            await set_routes(conn, VAULT, (), START)  # a start of the worker leaves endpoints alone
            stored = await conn.fetchrow("SELECT * FROM webhook_endpoint WHERE endpoint_id = $1", endpoint_id)
        assert secret.encode() not in stored["secret_enc"]
        assert "hook" not in stored["url_mask"]
        order_id = await tell(post, "paid", 4)
        await until_done(post, clock)
        assert len(sink.bodies) == 2
        assert other.bodies == []
        told = verified(sink, secret, 1)
        assert told["type"] == "order.paid"
        assert told["data"]["order_id"] == order_id
        assert told["data"]["amount_fen"] == 10_000
        first, second = (dict(request.headers) for request in sink.requests)
        assert first["webhook-id"] == second["webhook-id"]
        signed = f"{second['webhook-id']}.{second['webhook-timestamp']}.".encode() + msgspec.json.encode(
            sink.bodies[1]
        )
        key = base64.b64decode(secret.removeprefix("whsec_"))
        by_hand = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert second["webhook-signature"] == f"v1,{by_hand}"
        row = await pool.fetchrow("SELECT bucket, notice_id, state, attempts FROM notice")
        assert (row["state"], row["attempts"]) == ("sent", 2)
        async with pool.acquire() as conn, conn.transaction():
            await webhooks.send_anew(conn, post.rng, row["bucket"], row["notice_id"], clock.now())
            await webhooks.ping(conn, post.rng, endpoint_id, clock.now())
        await until_done(post, clock)
        again = {request.headers["webhook-id"] for request in sink.requests}
        assert len(sink.bodies) == 4
        assert len(again) == 2  # the same once more, and the ping
        async with pool.acquire() as conn:
            new = await webhooks.change_secret(conn, VAULT, endpoint_id, clock.now())
            await webhooks.ping(conn, post.rng, endpoint_id, clock.now())
        await until_done(post, clock)
        assert verified(sink, new, 4)["type"] == "shop.ping"
    await post.couriers["webhook"].aclose()


async def test_f16_an_endpoint_that_takes_nothing_dies_visibly_and_comes_back(pool: asyncpg.Pool) -> None:
    clock = ManualClock(START)
    post = posting(pool, clock)
    async with web_sink((410, "gone")) as sink:
        endpoint_id, secret = await open_endpoint(post, sink)
        for n in range(webhooks.DEAD_AFTER):
            await tell(post, "paid", n)
        await until_done(post, clock)
        assert (
            await pool.fetchval(
                "SELECT count(*) FROM notice WHERE state = 'failed' AND next_actor = 'person'"
            )
            == 5
        )
        assert await pool.fetchval("SELECT state FROM webhook_endpoint") == "dead"
        await tell(post, "paid", 9)
        assert not await flow.buckets(post)  # nothing is queued for a dead one
        sink.answers[:] = [(204, "")]
        async with pool.acquire() as conn, conn.transaction():
            await webhooks.set_state(conn, endpoint_id, "active", clock.now())
            for row in await conn.fetch("SELECT bucket, notice_id FROM notice WHERE state = 'failed'"):
                await webhooks.send_anew(conn, post.rng, row["bucket"], row["notice_id"], clock.now())
        await until_done(post, clock)
        assert await pool.fetchval("SELECT count(*) FROM notice WHERE state = 'sent'") == 5
        assert verified(sink, secret, -1)["type"] == "order.paid"
        async with pool.acquire() as conn, conn.transaction():
            await webhooks.set_state(conn, endpoint_id, "closed", clock.now())
            assert await webhooks.list_endpoints(conn) == []
            with pytest.raises(Problem, match="state_refused"):
                await webhooks.set_state(conn, endpoint_id, "active", clock.now())
    await post.couriers["webhook"].aclose()


async def test_nothing_is_sent_to_a_private_address(pool: asyncpg.Pool) -> None:
    clock = ManualClock(START)
    async with web_sink((200, {})) as sink:
        await open_endpoint(posting(pool, clock), sink)
        post = posting(pool, clock, private=False)
        await tell(post, "paid", 1)
        await visit(post)
        row = await pool.fetchrow("SELECT state, last_error FROM notice")
        assert tuple(row) == ("failed", "address_private")
        assert sink.bodies == []
        guarded = public_outbound(private=False)
        for name in ("localhost", "2130706433", "0x7f.1"):  # names that resolve to this machine
            url = f"http://{name}:{sink.url.rpartition(':')[2]}/hook"
            answer = await guarded.post(url, b"{}", "application/json", 5.0)
            assert isinstance(answer, Silence)
            assert answer.nothing_sent
        assert sink.bodies == []
        await guarded.aclose()
        await post.couriers["webhook"].aclose()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        *(
            (each, False)
            for each in ("127.0.0.1", "10.0.0.1", "172.16.9.9", "192.168.1.1", "169.254.169.254")
        ),
        *(
            (each, False)
            for each in ("0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "fe80::1%eth0")
        ),
        *((each, False) for each in ("fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "x")),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) == public


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://hooks.example.com/x?y=1", ""),
        ("http://8.8.8.8:8080/", ""),
        ("ftp://example.com/", "url_invalid"),
        ("https://user:pw@example.com/", "url_invalid"),
        ("https:///x", "url_invalid"),
        ("https://example.com:99999/", "url_invalid"),
        ("https://example.com/#x", "url_invalid"),
        ("https://例子.中国/", "url_invalid"),
        (f"https://example.com/{'x' * 500}", "url_invalid"),
        ("http://127.0.0.1/", "url_private"),
        ("http://[::ffff:10.0.0.1]/", "url_private"),
        ("http://169.254.169.254/latest/meta-data", "url_private"),
    ],
)
def test_addresses_that_are_taken(url: str, fault: str) -> None:
    assert url_fault(url, private=False) == fault
    assert url_fault(url, private=True) == ("" if fault == "url_private" else fault)


def test_every_type_has_a_group_and_the_speaker_decides_who_is_told() -> None:
    assert {group_of(each) for each in TYPES.values()} == set(GROUPS)
    assert template_of("dispute_message", {"speaker": "buyer"}) != template_of(
        "dispute_message", {"speaker": "shop"}
    )
    assert template_of("refund_accepted", {}) is None
    assert "dispute_opened" in OCCASIONS
