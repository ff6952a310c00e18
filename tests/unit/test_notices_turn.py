"""A notice queued inside a real order's turn, in eight buckets, and what its reader can do with it."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta

import asyncpg
import pytest

from mingzhang.app import wiring
from mingzhang.app.settings import Settings
from mingzhang.catalogue import store as catalogue
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.ids import bucket_of
from mingzhang.kit.outbound import Outbound
from mingzhang.notices import flow, store
from mingzhang.notices.model import Audience, Buyer, Facts, Post, Route, Template
from mingzhang.orders.place import Placed, PlaceRequest, place_order
from mingzhang.orders.store import Turn, open_turn
from mingzhang.web import words
from mingzhang.web.i18n import translations
from notice_sinks import BUYER_ROUTE, START, email_to, mail_sink, open_post, open_routes, visit

TABLES = {"reason": (words.REASONS, words.REASON_GENERAL), "place": (words.BOOK_PLACES, words.PLACE_GENERAL)}


def in_words(table: str, code: str, language: str) -> str:
    """Codes as the pages say them."""
    known, general = TABLES[table]
    return str(translations(language).gettext(words.word(known, code, general)))


async def place(post: Post, n: int, contact: str = "buyer@example.com", language: str = "zh") -> Placed:
    request = PlaceRequest(product_id="phone-100", account="13800138000", contact=contact, language=language)
    http = Outbound()
    ctx = wiring.build_context(
        Settings(database_url="unused", secret_key=b"k" * 32, limits="off"), post.pool, http
    )
    ctx = dataclasses.replace(ctx, vault=post.vault, rng=post.rng, clock=post.clock)
    try:
        return await place_order(ctx, "test", f"key-{n:06d}", request, buckets=8)
    finally:
        await ctx.batch.close()
        await ctx.reader.close()
        await http.aclose()


async def tell(turn: Turn, template: Template, event: str, seq: int) -> int:
    """What a turn says to its buyer and to the staff: everything it needs stands in the order."""
    order = turn.order
    facts = Facts(
        order_id=order.order_id,
        title_zh=order.title_zh,
        title_en=order.title_en,
        amount_fen=order.price_fen,
        reason=order.reason,
        place=order.holder,
        until=order.deadline_at,
    )
    buyer = Buyer(
        contact_enc=order.contact_enc,
        contact_mask=order.contact_mask,
        contact_hash=order.contact_hash,
        language=order.language,
    )
    return await flow.enqueue(turn.conn, turn.rng, turn.now, template, f"{event}:{seq}", facts, buyer)


@pytest.fixture
async def post(pool: asyncpg.Pool) -> Post:
    """A shop with the sample goods."""
    made = open_post(pool)
    async with pool.acquire() as conn, conn.transaction():
        await catalogue.add_rules(conn, wiring.sample_rules(), START)
        for product in wiring.sample_products():
            await catalogue.add_product(conn, product)
    return made


async def test_a_turns_notice_is_committed_with_its_event_and_opens_the_order(post: Post) -> None:
    await open_routes(post, BUYER_ROUTE)
    async with mail_sink() as sink:
        placed = [await place(post, n, language="en" if n % 2 else "zh") for n in range(12)]
        assert len({bucket_of(order.order_id) for order in placed}) > 2
        for order in placed:
            async with post.pool.acquire() as conn, conn.transaction():
                turn = await open_turn(conn, order.order_id, START, post.rng)
                seq = turn.event("paid", channel="alipay")
                assert await tell(turn, Template.PAID, "paid", seq) == 1
                await turn.finish()
        sending = open_post(post.pool, email_to(sink.port), clock=ManualClock(START + timedelta(seconds=1)))
        assert await visit(sending) == 12
        assert await flow.buckets(post) == []
        links = [re.search(r"/orders/(\w+)#t=(\w+)", mail.get_content()) for mail in sink.mails]
    assert {(link.group(1), link.group(2)) for link in links if link} == {
        (order.order_id, order.token) for order in placed
    }
    assert sum("Payment of ¥100.00" in mail["subject"] for mail in sink.mails) == 6


async def test_a_turn_that_rolls_back_tells_nobody(post: Post) -> None:
    await open_routes(post, BUYER_ROUTE)
    order = await place(post, 1)

    async def turn_and_fail() -> None:
        async with post.pool.acquire() as conn, conn.transaction():
            turn = await open_turn(conn, order.order_id, START, post.rng)
            await tell(turn, Template.PAID, "paid", turn.event("paid"))
            await turn.finish()
            raise asyncpg.SerializationError

    with pytest.raises(asyncpg.SerializationError):
        await turn_and_fail()
    assert await flow.buckets(post) == []


async def test_staff_read_the_reason_and_the_place_in_words(post: Post) -> None:
    staff = Route(route_id="staff-1", audience=Audience.STAFF, channel="email", address="lin@shop.test")
    await open_routes(post, staff)
    order = await place(post, 1, contact="13900139000")
    async with post.pool.acquire() as conn, conn.transaction():
        turn = await open_turn(conn, order.order_id, START, post.rng)
        turn.order.state, turn.order.reason, turn.order.holder = "needs_person", "account_banned", "channel"
        turn.order.deadline_at = START + timedelta(hours=24)
        assert await tell(turn, Template.NEEDS_PERSON, "needs_person", turn.event("needs_person")) == 1
        await turn.finish()
    async with mail_sink() as sink:
        sending = open_post(post.pool, email_to(sink.port), words=in_words)
        assert await visit(sending) == 1
        (mail,) = sink.mails
    text = mail.get_content()
    assert sink.recipients == ["lin@shop.test"]
    assert in_words("reason", "account_banned", "zh") in text
    assert in_words("place", "channel", "zh") in text
    assert "2026-03-02 12:00" in text
    assert "https://shop.test/staff/work" in text
    assert order.token not in text
    async with post.pool.acquire() as conn:
        (notice,) = await store.list_notices(conn, order.order_id)
    assert (notice.audience, notice.address_mask) == ("staff", "li***@shop.test")


def test_words_exist_for_both_tables_and_languages() -> None:
    assert in_words("reason", "never heard of", "en")
    assert in_words("place", "channel", "en") != in_words("place", "channel", "zh")
