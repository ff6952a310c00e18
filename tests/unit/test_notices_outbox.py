"""The outbox on a real database against real sinks: retried, sent once, failed in sight, at least once (F16)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from mingzhang.kit.clock import ManualClock, SystemClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.notices import flow, states, store
from mingzhang.notices.couriers.bark import Bark, BarkSettings
from mingzhang.notices.model import Audience, Notice, Route, Template
from notice_sinks import (
    BUYER_ROUTE,
    MAIL,
    START,
    buyer_of,
    email_to,
    mail_sink,
    open_post,
    open_routes,
    order_facts,
    run_worker_process,
    tell,
    until_done,
    visit,
    web_sink,
)


async def test_f16_a_row_is_not_a_sending_until_the_server_says_so(pool: asyncpg.Pool) -> None:
    async with mail_sink() as sink:
        post = open_post(pool, email_to(sink.port))
        await open_routes(post, BUYER_ROUTE)
        facts = await tell(post, Template.PAID)
        (notice,) = await _notices(pool, facts.order_id)
        assert (notice.state, notice.sent_at, notice.next_actor) == ("waiting", None, "shop")
        assert await visit(post) == 1
        (notice,) = await _notices(pool, facts.order_id)
        assert (notice.state, notice.attempts, notice.next_actor) == ("sent", 1, "")
        body, note = await pool.fetchrow(
            "SELECT body, note FROM evidence WHERE evidence_id = $1", notice.evidence_id
        )
        assert body == b"250 2.0.0 queued as X1"
        assert notice.notice_id in note
        assert await visit(post) == 0
        (mail,) = sink.mails
    assert sink.recipients == [MAIL]
    assert "¥100.00" in mail["subject"]
    assert facts.order_id in mail.get_content()
    assert f"https://shop.test/orders/{facts.order_id}#t=" in mail.get_content()


async def test_the_address_is_sealed_masked_and_wiped_once_sent(pool: asyncpg.Pool) -> None:
    async with mail_sink() as sink:
        post = open_post(pool, email_to(sink.port))
        await open_routes(post, BUYER_ROUTE)
        facts = await tell(post, Template.REFUSED, reason="account_banned", until=START + timedelta(days=3))
        assert MAIL.encode() not in await pool.fetchval("SELECT address_enc FROM notice")
        row = str(await pool.fetch("SELECT * FROM notice"))
        assert MAIL not in row
        await visit(post)
        assert await pool.fetchval("SELECT address_enc FROM notice") == b""
        assert "最晚 2026-03-04 12:00" in sink.mails[0].get_content()
    (notice,) = await _notices(pool, facts.order_id)
    assert notice.address_mask == "Li***@example.com"


async def test_a_sink_that_is_down_is_retried_and_gets_it_once(pool: asyncpg.Pool) -> None:
    clock = ManualClock(START)
    async with mail_sink() as sink:
        port = sink.port
    post = open_post(pool, email_to(port), clock=clock)
    await open_routes(post, BUYER_ROUTE)
    facts = await tell(post, Template.REFUNDED)
    for attempt in (1, 2):
        assert await visit(post) == 1
        (notice,) = await _notices(pool, facts.order_id)
        assert (notice.state, notice.attempts, notice.unsure) == ("retrying", attempt, False)
        assert notice.last_error in {"broken_off", "timed_out"}
        assert notice.due_at == clock.now() + timedelta(seconds=states.RETRY_S[attempt - 1])
        assert await visit(post) == 0  # not before its time
        clock.advance(states.RETRY_S[attempt - 1])
    async with mail_sink(port) as sink:
        assert await until_done(post, clock) == 1
        assert len(sink.mails) == 1
    (notice,) = await _notices(pool, facts.order_id)
    assert (notice.state, notice.attempts, notice.last_error) == ("sent", 3, "")


async def test_refused_for_ever_fails_at_once_and_waits_for_a_person(pool: asyncpg.Pool) -> None:
    async with mail_sink() as sink:
        sink.rcpt = [f"550 5.1.1 <{MAIL}>: user unknown"]
        post = open_post(pool, email_to(sink.port))
        await open_routes(post, BUYER_ROUTE)
        facts = await tell(post, Template.PAID)
        await visit(post)
        (notice,) = await _notices(pool, facts.order_id)
        assert (notice.state, notice.attempts, notice.next_actor) == ("failed", 1, "person")
        assert notice.last_error == "smtp_550"
        kept = await pool.fetchval("SELECT body FROM evidence WHERE evidence_id = $1", notice.evidence_id)
        assert kept == b"550 5.1.1 <***>: user unknown"
        async with pool.acquire() as conn:
            assert [failed.notice_id for failed in await store.list_failed(conn)] == [notice.notice_id]
            await flow.send_again(conn, notice.bucket, notice.notice_id, post.now())
            with pytest.raises(Problem, match="notice_not_failed"):
                await flow.send_again(conn, notice.bucket, notice.notice_id, post.now())
        sink.rcpt = ["250 OK"]
        await visit(post)
        assert [again.state for again in await _notices(pool, facts.order_id)] == ["sent"]


async def test_refused_for_now_again_and_again_ends_in_a_visible_failure(pool: asyncpg.Pool) -> None:
    clock = ManualClock(START)
    async with mail_sink() as sink:
        sink.rcpt = ["451 4.3.0 try later"]
        post = open_post(pool, email_to(sink.port), clock=clock)
        await open_routes(post, BUYER_ROUTE)
        facts = await tell(post, Template.PAID)
        await until_done(post, clock)
        assert sink.mails == []
    (notice,) = await _notices(pool, facts.order_id)
    assert (notice.state, notice.last_error, notice.unsure) == ("failed", "smtp_451", False)
    assert 1 < notice.attempts <= states.ATTEMPTS_MAX
    assert notice.sent_at is None


async def test_a_connection_lost_after_the_mail_is_unsure_and_goes_out_again(pool: asyncpg.Pool) -> None:
    clock = ManualClock(START)
    async with mail_sink() as sink:
        sink.data = [None, "250 2.0.0 queued as X2"]
        post = open_post(pool, email_to(sink.port), clock=clock)
        await open_routes(post, BUYER_ROUTE)
        facts = await tell(post, Template.PAID)
        await visit(post)
        (notice,) = await _notices(pool, facts.order_id)
        assert (notice.state, notice.unsure) == ("retrying", True)
        await until_done(post, clock)
        (notice,) = await _notices(pool, facts.order_id)
        assert (notice.state, notice.attempts, notice.unsure) == ("sent", 2, True)
        assert len(sink.mails) == 2
        assert len({mail["message-id"] for mail in sink.mails}) == 1


@pytest.mark.crash
async def test_killed_between_send_and_commit_it_goes_out_at_least_once(
    database_url: str, pool: asyncpg.Pool
) -> None:
    phone = Route(route_id="staff-1", audience=Audience.STAFF, channel="bark", address="phone-key-0001")
    async with web_sink((200, {"code": 200, "message": "success", "timestamp": 1})) as sink:
        post = open_post(pool, clock=SystemClock())
        await open_routes(post, phone)
        facts = await tell(post, Template.NEEDS_PERSON)
        arguments = (database_url, "1", sink.url)
        assert await run_worker_process(*arguments, crash_point="call_to_outcome") == -9
        (notice,) = await _notices(pool, facts.order_id)
        assert (notice.state, notice.attempts, notice.sent_at) == ("sending", 1, None)
        assert len(sink.bodies) == 1
        assert await run_worker_process(*arguments) == 0  # the lease still holds: nobody takes it
        assert len(sink.bodies) == 1
        await pool.execute("UPDATE notice SET lease_until = queued_at")
        assert await run_worker_process(*arguments) == 0
        (notice,) = await _notices(pool, facts.order_id)
        assert (notice.state, notice.attempts, notice.unsure) == ("sent", 2, True)
        assert [body["id"] for body in sink.bodies] == [notice.notice_id] * 2


async def test_told_again_under_the_same_key_is_one_notice(pool: asyncpg.Pool) -> None:
    post = open_post(pool)
    await open_routes(post, BUYER_ROUTE)
    first = await tell(post, Template.PAID, "paid:4")
    await tell(post, Template.PAID, "paid:4")
    await tell(post, Template.PAID, "paid:9")
    assert {notice.key for notice in await _notices(pool, first.order_id)} == {"paid:4", "paid:9"}


async def test_it_is_queued_with_its_transaction_or_not_at_all(pool: asyncpg.Pool) -> None:
    post = open_post(pool)
    await open_routes(post, BUYER_ROUTE)
    facts = order_facts()

    async def turn(conn: asyncpg.Connection) -> None:
        async with conn.transaction():
            buyer = buyer_of(post.vault)
            assert await flow.enqueue(conn, post.rng, START, Template.PAID, "k", facts, buyer) == 1
            raise asyncpg.DeadlockDetectedError

    async with pool.acquire() as conn:
        with pytest.raises(asyncpg.DeadlockDetectedError):
            await turn(conn)
    assert await _notices(pool, facts.order_id) == []


async def test_phones_and_closed_channels_get_no_row(pool: asyncpg.Pool) -> None:
    post = open_post(pool)
    facts = order_facts()
    by_mail, by_phone = buyer_of(post.vault), buyer_of(post.vault, "13800138000")
    async with pool.acquire() as conn:
        assert await flow.enqueue(conn, post.rng, START, Template.PAID, "k", facts, by_mail) == 0
        await open_routes(post, BUYER_ROUTE)
        assert await flow.enqueue(conn, post.rng, START, Template.PAID, "k", facts, by_phone) == 0
        assert await flow.enqueue(conn, post.rng, START, Template.PAID, "k", facts, None) == 0
        assert await flow.enqueue(conn, post.rng, START, Template.PAID, "k", facts, by_mail) == 1
        await open_routes(post)  # the settings name no destination any more
        assert await flow.enqueue(conn, post.rng, START, Template.PAID, "k2", facts, by_mail) == 0


async def test_routes_follow_the_settings(pool: asyncpg.Pool) -> None:
    post = open_post(pool)
    desk = Route(
        route_id="shop-1", audience=Audience.SHOP, channel="telegram", address="-1001", language="en"
    )
    staff = Route(route_id="staff-1", audience=Audience.STAFF, channel="wecom", address="ops")
    await open_routes(post, BUYER_ROUTE, desk, staff)
    before = await pool.fetchval("SELECT address_enc FROM notice_route WHERE route_id = 'shop-1'")
    await open_routes(post, BUYER_ROUTE, desk, staff)
    assert await pool.fetchval("SELECT address_enc FROM notice_route WHERE route_id = 'shop-1'") == before
    facts = await tell(post, Template.REFUSED, reason="account_banned")
    found = {(n.audience, n.channel, n.language) for n in await _notices(pool, facts.order_id)}
    assert found == {("buyer", "email", "zh"), ("shop", "telegram", "en")}


async def test_a_channel_without_courier_or_key_fails_in_sight(pool: asyncpg.Pool) -> None:
    post = open_post(pool)
    await open_routes(post, BUYER_ROUTE)
    facts = await tell(post, Template.PAID)
    await visit(post)
    (notice,) = await _notices(pool, facts.order_id)
    assert (notice.state, notice.last_error, notice.next_actor) == ("failed", "no_courier", "person")
    async with mail_sink() as sink:
        post = open_post(pool, email_to(sink.port))
        await pool.execute("UPDATE notice SET address_enc = '\\x00112233445566778899aabbccddeeff'")
        async with pool.acquire() as conn:
            await flow.send_again(conn, notice.bucket, notice.notice_id, post.now())
        await visit(post)
    assert [n.last_error for n in await _notices(pool, facts.order_id)] == ["address_unreadable"]


async def test_past_its_life_a_notice_is_not_sent_any_more(pool: asyncpg.Pool) -> None:
    clock = ManualClock(START)
    async with mail_sink() as sink:
        post = open_post(pool, email_to(sink.port), clock=clock)
        await open_routes(post, BUYER_ROUTE)
        facts = await tell(post, Template.PAID)
        clock.advance(states.LIFE)
        await visit(post)
        assert sink.mails == []
    (notice,) = await _notices(pool, facts.order_id)
    assert (notice.state, notice.last_error) == ("failed", "given_up")


async def test_two_workers_never_take_the_same_notice(pool: asyncpg.Pool) -> None:
    post = open_post(pool)
    await open_routes(post, BUYER_ROUTE)
    for n in range(20):
        await tell(post, Template.PAID, f"k{n}")
    taken = await asyncio.gather(*(flow.due(post, 3, 6) for _ in range(6)))
    assert max(len(keys) for keys in taken) <= 6
    keys = [key for part in taken for key in part]
    while more := await flow.due(post, 3, 6):  # a locked row is skipped, not waited for
        keys += more
    assert len(keys) == len(set(keys)) == 20
    assert await flow.due(post, 3, 12) == []


async def test_an_answer_after_the_lease_still_counts(pool: asyncpg.Pool) -> None:
    clock = ManualClock(START)
    http = Outbound()
    phone = Route(route_id="staff-1", audience=Audience.STAFF, channel="bark", address="phone-key-0001")
    async with web_sink((200, {"code": 200, "message": "success", "timestamp": 1})) as sink:
        post = open_post(pool, Bark(BarkSettings(base_url=sink.url), http), clock=clock)
        await open_routes(post, phone)
        facts = await tell(post, Template.NEEDS_PERSON)
        (key,) = await flow.due(post, 3)
        clock.advance(post.lease_s + 1)
        assert await flow.due(post, 3) == [key]  # taken over while the first is still calling
        await flow.work(post, key)
        await flow.work(post, key)
        assert len(sink.bodies) == 1
    await http.aclose()
    (notice,) = await _notices(pool, facts.order_id)
    assert (notice.state, notice.unsure) == ("sent", True)


async def test_the_database_refuses_sent_without_evidence(pool: asyncpg.Pool) -> None:
    post = open_post(pool)
    await open_routes(post, BUYER_ROUTE)
    await tell(post, Template.PAID)
    with pytest.raises(asyncpg.CheckViolationError, match="notice_sent"):
        await pool.execute("UPDATE notice SET state = 'sent', due_at = NULL, sent_at = queued_at")


def test_retries_are_bounded_and_wishes_too() -> None:
    pauses = [states.pause_s(n) for n in range(1, states.ATTEMPTS_MAX)]
    assert pauses == sorted(states.RETRY_S)
    assert states.pause_s(1, 40) == 40
    assert states.pause_s(1, 10**9) == states.RETRY_AFTER_S_MAX
    assert all(new in states.TRANSITIONS for targets in states.TRANSITIONS.values() for new in targets)


async def _notices(pool: asyncpg.Pool, order_id: str) -> list[Notice]:
    async with pool.acquire() as conn:
        return await store.list_notices(conn, order_id)
