"""Requests that no browser makes: broken addresses, headers, cookies and languages never fail (no 500)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from untouched import untouched

from house import House, open_house

PATHS = (
    b"/orders/%ff",
    b"/orders/%C3%28",
    b"/orders/%00",
    b"/orders/..%2f..%2fetc%2fpasswd",
    b"/orders/%E5%9B%9B/claim",
    b"/orders/%E5%9B%9B/correction",
    b"/orders/%E5%9B%9B/refund",
    b"/products/%ff%00",
    b"/products/" + b"%F0%9F%92%B8" * 300,
    b"/api/v1/orders/%ff",
    b"/api/v1/orders/%00/events?after=%00",
    b"/api/v1/orders/x/events?after=1&after=2",
    b"/static/..%2f..%2fapp%2fsettings.py",
    b"/static/%00",
    b"/static/vendor/%ff.js",
    b"/?lang=%00&lang=%ff",
    b"/find?lang[]=en",
    b"/staff/work?done=%ff",
    b"/hooks/channels/%ff",
    b"/hooks/channels/alipay?%ff=%00&&&==",
    b"/api/schema/%ff",
    b"//elsewhere.example/x",
)
HEADERS = (
    b"Origin: http://[",
    b"Origin: \xff\xfe",
    b"Cookie: mz_order=\xff; lang=\xc3; mz_staff=;;;=;",
    b"Cookie: " + b"a=b; " * 1_000,
    b"Content-Type: \xff/\xff; charset=\xff",
    b"Content-Type: application/x-www-form-urlencoded; charset=utf-99",
    b"Content-Type: multipart/form-data",
    b"Content-Type: multipart/form-data; boundary=" + b"x" * 5_000,
    b"Authorization: Bearer \xff\x01",
    b"Authorization: Bearer",
    b"Last-Event-ID: \xb2",
    b"Accept: \xff, text/event-stream;q=x",
    b"Idempotency-Key: \xff\xff\xff\xff\xff\xff\xff\xff",
    b"X-Forwarded-For: \xff, unknown, ::::",
    b"If-None-Match: \xff",
    b"Range: bytes=-1,5-,x",
)
POSTED = (
    b"/find",
    b"/products/phone-100",
    b"/staff/sign-in",
    b"/orders/x1/session",
    b"/api/v1/orders",
    b"/demo/run/normal1",
)


async def raw(house: House, method: bytes, path: bytes, header: bytes = b"", body: bytes = b"") -> int:
    """One request byte by byte; the status of the answer."""
    parts = urlsplit(house.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        lines = [method + b" " + path + b" HTTP/1.1", b"Host: " + parts.netloc.encode(), b"Connection: close"]
        lines += [header] if header else []
        lines += [b"Content-Length: %d" % len(body), b"", body]
        writer.write(b"\r\n".join(lines))
        await writer.drain()
        first = await asyncio.wait_for(reader.readline(), 30)
        return int(first.split()[1])
    finally:
        writer.close()


async def test_odd_addresses_are_refused_or_answered(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, demo=True) as house, untouched(house):
        for path in PATHS:
            for method in (b"GET", b"POST"):
                assert await raw(house, method, path) < 500, (method, path)


async def test_odd_headers_are_refused_or_ignored(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, demo=True) as house:
        order_id = (await house.place()).encode()
        async with untouched(house):
            for header in HEADERS:
                for path in (
                    b"/",
                    b"/orders/" + order_id,
                    b"/api/v1/orders/" + order_id,
                    b"/static/app.css",
                    b"/staff/work",
                ):
                    assert await raw(house, b"GET", path, header) < 500, (path, header)
                for path in POSTED:
                    assert await raw(house, b"POST", path, header, b"a=1&b=%ff") < 500, (path, header)
