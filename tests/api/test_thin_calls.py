"""Hot calls on thin handlers: the same answers as the framework's routes give, and sound on any connection."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from two_doors import Doors, Reply, two_doors

from mingzhang.app.bench.inbound_parties import Bought
from mingzhang.kit.ids import new_order_id

GOOD = b'{"product_id":"phone-100","quantity":1,"account":"13800138000","contact":"buyer@example.com"}'
JSON = b"Content-Type: application/json\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
HOOK = b"/hooks/channels/alipay"
GHOST = new_order_id(0, datetime(2026, 1, 1, tzinfo=UTC), Random(1)).encode()


def request(method: bytes, path: bytes, headers: bytes = b"", body: bytes | None = None) -> bytes:
    """A request as a well-bred client writes it."""
    length = b"" if body is None else b"Content-Length: %d\r\n" % len(body)
    return (
        method
        + b" "
        + path
        + b" HTTP/1.1\r\nHost: shop.example\r\n"
        + headers
        + length
        + b"\r\n"
        + (body or b"")
    )


def placing(key: bytes, body: bytes = GOOD, more: bytes = b"") -> bytes:
    return request(b"POST", b"/api/v1/orders", JSON + b"Idempotency-Key: " + key + b"\r\n" + more, body)


async def ask(doors: Doors, text: bytes) -> Reply:
    """Once, as served."""
    door = await doors.door(0)
    await door.send(text)
    return await door.reply()


async def bought(doors: Doors, key: bytes) -> Bought:
    """An order with an open payment."""
    placed = json.loads((await ask(doors, placing(key))).body)
    order_id, token = placed["order_id"], placed["token"]
    path = f"/api/v1/orders/{order_id}/payments".encode()
    opened = await ask(doors, request(b"POST", path, JSON + bearer(token), b'{"method":"page"}'))
    assert opened.status == 201, opened
    return Bought(order_id, token, json.loads(opened.body)["payment_no"])


def bearer(token: str) -> bytes:
    return b"Authorization: Bearer " + token.encode() + b"\r\n"


def plain_requests(one: Bought, notify: bytes, forged: bytes) -> dict[str, bytes]:
    """Calls that the thin handlers take; all of them repeat what was done, so that answers can be compared."""
    order = b"/api/v1/orders/" + one.order_id.encode()
    pay, status = order + b"/payments", order + b"/status"
    ghost = b"/api/v1/orders/" + GHOST + b"/status"
    foreign = b"X-Forwarded-For: 203.0.113.9\r\n"
    return {
        "placed before": placing(b"alike-0001"),
        "key reused": placing(b"alike-0001", GOOD.replace(b"13800138000", b"13800138001")),
        "unknown product": placing(b"alike-0002", GOOD.replace(b"phone-100", b"nothing")),
        "bad account": placing(b"alike-0002", GOOD.replace(b"13800138000", b"12345")),
        "bad contact": placing(b"alike-0002", GOOD.replace(b"buyer@", b"buyer")),
        "a NUL": placing(b"alike-0002", GOOD.replace(b"13800138000", b"138\\u0000")),
        "a header byte": placing(b"alike-\x850002"),
        "open again": request(b"POST", pay, JSON + bearer(one.token) + foreign, b'{"method":"page"}'),
        "no such channel": request(b"POST", pay, JSON + bearer(one.token), b'{"channel":"nobody"}'),
        "wrong token": request(b"POST", pay, JSON + bearer("x" * 40), b'{"method":"page"}'),
        "no token": request(b"POST", pay, JSON, b"{}"),
        "status": request(b"GET", status, bearer(one.token)),
        "status, another scheme": request(b"GET", status, b"Authorization: Basic eA==\r\n"),
        "status, no token": request(b"GET", status),
        "status of nobody": request(b"GET", ghost, bearer("x" * 40)),
        "told again": request(b"POST", HOOK, FORM, notify),
        "forged": request(b"POST", HOOK, FORM, forged),
        "nothing told": request(b"GET", HOOK + b"?a=%ff"),
        "last call": request(b"GET", status, bearer(one.token) + b"Connection: close\r\n"),
    }


def odd_requests(one: Bought) -> dict[str, bytes]:
    """Calls to the same addresses that are left to the framework."""
    order = b"/api/v1/orders/" + one.order_id.encode()
    status = order + b"/status"
    chunked = b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nIdempotency-Key: alike-0001\r\n"
    return {
        "no JSON": placing(b"alike-0003", b"product_id=phone-100"),
        "not UTF-8 where nobody looks": placing(b"alike-0003", GOOD[:-1] + b',"x":"\xff"}'),
        "an unknown field": placing(b"alike-0001", GOOD[:-1] + b',"contact2":1}'),
        "a number as text": placing(b"alike-0003", GOOD.replace(b'"quantity":1', b'"quantity":"one"')),
        "a lone surrogate": placing(b"alike-0003", GOOD.replace(b"13800138000", b"\\ud800")),
        "short key": placing(b"short"),
        "no key": request(b"POST", b"/api/v1/orders", JSON, GOOD),
        "key twice": placing(b"alike-0003", more=b"Idempotency-Key: alike-0004\r\n"),
        "another media type": request(
            b"POST", b"/api/v1/orders", b"Idempotency-Key: alike-0001\r\n" + FORM, GOOD
        ),
        "too long": placing(b"alike-0003", b'{"x":"' + b"y" * 300_000 + b'"}'),
        "long": placing(b"alike-0003", b'{"x":"' + b"y" * 70_000 + b'"}'),
        "in chunks": chunked + JSON + b"\r\n%x\r\n" % len(GOOD) + GOOD + b"\r\n0\r\n\r\n",
        "nested": placing(b"alike-0003", b"[" * 40_000),
        "wrong method": request(b"PUT", b"/api/v1/orders", JSON, GOOD),
        "another address of the same length": request(
            b"GET", status.replace(b"orders/", b"ordersX"), bearer(one.token)
        ),
        "payments elsewhere": request(
            b"POST", order.replace(b"orders/", b"ordersX") + b"/payments", JSON + bearer(one.token), b"{}"
        ),
        "a slash more": request(b"GET", status + b"/", bearer(one.token)),
        "a query": request(b"GET", status + b"?a=1", bearer(one.token)),
        "escaped": request(b"GET", status.replace(b"/status", b"/%73tatus"), bearer(one.token)),
        "status with a body": request(b"GET", status, bearer(one.token), b"x"),
        "no order number": request(b"GET", b"/api/v1/orders/x1/status", bearer("x")),
        "old HTTP": request(b"GET", status, bearer(one.token)).replace(b"HTTP/1.1", b"HTTP/1.0"),
        "unknown payment field": request(
            b"POST", order + b"/payments", JSON + bearer(one.token), b'{"cents":1}'
        ),
        "upgrade": request(b"GET", status, bearer(one.token) + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        "nobody's hook": request(b"POST", b"/hooks/channels/nobody", FORM, b"a=1"),
        "a hook's other method": request(b"PUT", HOOK, FORM, b"a=1"),
    }


async def test_the_thin_way_answers_as_the_framework_does(database_url: str, tmp_path: Path) -> None:
    async with two_doors(database_url, tmp_path) as doors:
        one = await bought(doors, b"alike-0001")
        notify, forged = doors.keys.notify(one), doors.keys.notify(one, forged=True)
        assert (await ask(doors, request(b"POST", HOOK, FORM, notify))).body == b"success"
        for name, text in plain_requests(one, notify, forged).items():
            doors.calls.taken.clear()
            thin, usual = await doors.both(text)
            assert thin == usual, name
            assert len(doors.calls.taken) == 1, name
        for name, text in odd_requests(one).items():
            doors.calls.taken.clear()
            thin, usual = await doors.both(text)
            assert thin == usual, name
            assert not doors.calls.taken, name
        thin, usual = await doors.both(placing(b"alike-new1")), await doors.both(placing(b"alike-new2"))
        fresh, again = json.loads(thin[0].body), json.loads(usual[1].body)
        assert (fresh["repeated"], again["repeated"]) == (False, True)
        assert fresh.keys() == again.keys()
        standings = await doors.desk.pool.fetch(
            "SELECT standing, count(*) FROM evidence WHERE party = 'alipay' GROUP BY 1"
        )
        assert dict(standings) == {"own": 1, "verified": 3, "forged": 6}
        legs = "SELECT count(*) FROM leg WHERE subject = $1"
        assert await doors.desk.pool.fetchval(legs, one.order_id) == 2


async def test_calls_on_one_connection_keep_their_order(database_url: str, tmp_path: Path) -> None:
    """Pipelined, hot and not, whole and in drops: each gets its own answer, in turn."""
    async with two_doors(database_url, tmp_path) as doors:
        one = await bought(doors, b"in-turn-0001")
        status = request(b"GET", f"/api/v1/orders/{one.order_id}/status".encode(), bearer(one.token))
        health, missing = request(b"GET", b"/healthz"), request(b"GET", b"/nowhere")
        door = await doors.door(0)
        await door.send(
            placing(b"in-turn-0001") + status + health + missing + placing(b"in-turn-0002") + status
        )
        codes, bodies = [], []
        for _ in range(6):
            reply = await door.reply()
            codes.append(reply.status)
            bodies.append(reply.body)
        assert codes == [201, 200, 200, 404, 201, 200]
        assert json.loads(bodies[0])["order_id"] == one.order_id
        assert bodies[1] == bodies[5]
        assert bodies[2] == b"ok"
        drops = placing(b"in-turn-0002")
        await door.send(*(drops[at : at + 1] for at in range(len(drops))))
        assert json.loads((await door.reply()).body) == {**json.loads(bodies[4]), "repeated": True}
        await door.send(status.replace(b"Host:", b"Connection: close\r\nHost:") + status)
        assert (await door.reply()).headers["connection"] == "close"
        assert await door.at_end()


async def test_whoever_hangs_up_or_breaks_the_protocol_harms_nobody(
    database_url: str, tmp_path: Path
) -> None:
    async with two_doors(database_url, tmp_path) as doors:
        half = await doors.door(0)
        await half.send(placing(b"hang-up-0001")[:-10])
        half.close()
        gone = await doors.door(0)
        await gone.send(placing(b"hang-up-0002") * 3)
        gone.close()
        broken = await doors.door(0)
        await broken.send(placing(b"hang-up-0003") + b"\x00garbage\r\n\r\n")
        assert (await broken.reply()).status in {201, 400}
        waits = await doors.door(0)
        await waits.send(
            placing(b"hang-up-0004").replace(GOOD, b"").replace(b"Host:", b"Expect: 100-continue\r\nHost:")
        )
        give_up = asyncio.get_running_loop().time() + 30
        while await doors.desk.pool.fetchval("SELECT count(*) FROM orders") < 2:  # what was whole is done
            assert asyncio.get_running_loop().time() < give_up
            await asyncio.sleep(0.02)
        assert json.loads((await ask(doors, placing(b"hang-up-0002"))).body)["repeated"]
        assert not json.loads((await ask(doors, placing(b"hang-up-0001"))).body)["repeated"]
