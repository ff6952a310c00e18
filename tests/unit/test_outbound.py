"""Every end of a call is told apart; only a connection never made proves that nothing was sent (F9, F14)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mingzhang.kit.outbound import ANSWER_BYTES_MAX, Answer, Outbound, Silence, Silent
from outside_party import http, outside_party, refused_url


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound()
    yield outbound
    await outbound.aclose()


async def test_an_answer_carries_status_type_and_exact_bytes(outbound: Outbound) -> None:
    body = '{"a":"卡}"}'.encode()
    async with outside_party(http(body), http(b"no", "500 Internal Server Error", "text/html")) as party:
        first = await outbound.post(party.url, b"x=1", "text/plain", 5)
        second = await outbound.post(party.url, b"x=2", "text/plain", 5)
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert (first.status, first.content_type, first.body) == (200, "application/json", body)
    assert (second.status, second.content_type, second.body) == (500, "text/html", b"no")
    assert first.headers["content-type"] == "application/json"
    assert party.bodies == [b"x=1", b"x=2"]


async def test_a_refused_connection_proves_that_nothing_was_sent(outbound: Outbound) -> None:
    ended = await outbound.post(await refused_url(), b"x", "text/plain", 5)
    assert ended == Silence(why=Silent.NEVER_CONNECTED)
    assert ended.nothing_sent


@pytest.mark.parametrize("url", ["http://", "not an address", "ftp://127.0.0.1/x"])
async def test_an_address_that_is_none_sends_nothing(outbound: Outbound, url: str) -> None:
    ended = await outbound.get(url, 5)
    assert ended == Silence(why=Silent.NEVER_CONNECTED)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", Silent.TIMED_OUT),
        (None, Silent.BROKEN_OFF),
        (b"this is not HTTP\r\n\r\n", Silent.BROKEN_OFF),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", Silent.BROKEN_OFF),
        (http(b"x" * (ANSWER_BYTES_MAX + 1)), Silent.TOO_LARGE),
    ],
)
async def test_whatever_may_have_been_read_is_no_proof(
    outbound: Outbound, answer: bytes | None, why: Silent
) -> None:
    async with outside_party(answer) as party:
        ended = await outbound.post(party.url, b"x", "text/plain", 0.5 if answer == b"" else 5)
    assert isinstance(ended, Silence)
    assert ended.why is why
    assert not ended.nothing_sent


async def test_the_largest_allowed_answer_is_whole(outbound: Outbound) -> None:
    async with outside_party(http(b"x" * ANSWER_BYTES_MAX)) as party:
        ended = await outbound.get(party.url, 5)
    assert isinstance(ended, Answer)
    assert len(ended.body) == ANSWER_BYTES_MAX


async def test_a_redirect_is_an_answer_and_is_not_followed(outbound: Outbound) -> None:
    away = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    async with outside_party(away) as party:
        ended = await outbound.post(party.url, b"x", "text/plain", 5)
    assert isinstance(ended, Answer)
    assert ended.status == 302


async def test_a_post_is_never_repeated_by_itself(outbound: Outbound) -> None:
    async with outside_party(None) as party:
        await outbound.post(party.url, b"once", "text/plain", 5)
    assert party.bodies == [b"once"]


async def test_it_opens_again_after_closing(outbound: Outbound) -> None:
    await outbound.aclose()
    async with outside_party(http(b"{}")) as party:
        assert isinstance(await outbound.get(party.url, 5), Answer)
