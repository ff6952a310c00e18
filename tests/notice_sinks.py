"""Other sides for notices on loopback: a real SMTP server (aiosmtpd) and HTTP servers that answer as told.

Run as a program it is a worker that visits one bucket's due notices once, for tests that kill it.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from mingzhang.app.crash import crash_point_from_env
from mingzhang.kit.clock import Clock, ManualClock, SystemClock
from mingzhang.kit.database import open_pool
from mingzhang.kit.ids import new_order_id
from mingzhang.kit.outbound import Outbound
from mingzhang.kit.vault import Vault
from mingzhang.notices import flow
from mingzhang.notices.couriers.bark import Bark, BarkSettings
from mingzhang.notices.couriers.base import Courier
from mingzhang.notices.couriers.email import Email, EmailSettings
from mingzhang.notices.model import Audience, Buyer, Facts, Post, Route, Template
from mingzhang.notices.store import set_routes

START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
SECRET = b"n" * 32
MAIL = "Liu.Buyer@example.com"
BUYER_ROUTE = Route(route_id="buyer-email", audience=Audience.BUYER, channel="email")


@dataclass
class MailSink:
    """Answers in turn for RCPT and DATA, the last one for ever; None drops the connection after DATA."""

    port: int = 0
    rcpt: list[str] = field(default_factory=lambda: ["250 OK"])
    data: list[str | None] = field(default_factory=lambda: ["250 2.0.0 queued as X1"])
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.rcpt.pop(0) if len(self.rcpt) > 1 else self.rcpt[0]
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.data.pop(0) if len(self.data) > 1 else self.data[0]
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        if answer is None or answer.startswith("250"):
            self.mails.append(mail)
            self.recipients += envelope.rcpt_tos
        if answer is None:
            assert server.transport is not None
            server.transport.abort()
            return "451 gone"
        return answer


@asynccontextmanager
async def mail_sink(port: int = 0, **options: Any) -> AsyncIterator[MailSink]:
    """Start one on `port`, or on a free one."""
    sink = MailSink()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(sink, hostname="sink.test", enable_SMTPUTF8=False, **options), "127.0.0.1", port
    )
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
        await server.wait_closed()


Reply = tuple[int, object]


@dataclass
class WebSink:
    """`answers` in turn, the last one for ever; `judge` may answer instead after reading the request."""

    url: str = ""
    answers: list[Reply] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    judge: Callable[[web.Request, dict[str, Any]], Reply | None] = lambda _request, _body: None

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        self.requests.append(request)
        judged = self.judge(request, body)
        status, found = judged or (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        if isinstance(found, str):
            return web.Response(status=status, text=found)
        return web.json_response(found, status=status)


@asynccontextmanager
async def web_sink(*answers: Reply) -> AsyncIterator[WebSink]:
    """Start one on a free port."""
    sink = WebSink(answers=list(answers))
    app = web.Application()
    app.router.add_post("/{tail:.*}", sink.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sink.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield sink
    finally:
        await runner.cleanup()


SMS_KEY, SMS_SECRET = "LTAI-test", "sms-secret"


@dataclass
class SmsSink:
    """The gateway of text messages: takes what is signed right, and says no to numbers that are told."""

    url: str = ""
    texts: list[dict[str, str]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)  # by number: the code of the refusal
    nonces: set[str] = field(default_factory=set)

    async def answer(self, request: web.Request) -> web.Response:
        if not self._is_signed(request, await request.read()):
            return web.json_response({"Code": "SignatureDoesNotMatch", "RequestId": "R0"}, status=400)
        told = dict(request.query)
        code = self.refused.get(told["PhoneNumbers"], "OK")
        if code != "OK":
            return web.json_response({"Code": code, "Message": "no", "RequestId": "R1"})
        self.texts.append(told)
        return web.json_response(
            {"Code": "OK", "Message": "OK", "BizId": f"B{len(self.texts)}", "RequestId": "R2"}
        )

    def _is_signed(self, request: web.Request, body: bytes) -> bool:
        """By the gateway's own rule, from what came over the wire."""
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        said = dict(part.split("=", 1) for part in rest.split(","))
        nonce = request.headers["x-acs-signature-nonce"]
        if scheme != "ACS3-HMAC-SHA256" or said["Credential"] != SMS_KEY or nonce in self.nonces:
            return False
        self.nonces.add(nonce)
        query = urlencode(sorted(request.query.items()), quote_via=quote, safe="-_.~")
        lines = "".join(f"{name}:{request.headers[name]}\n" for name in said["SignedHeaders"].split(";"))
        hashed = sha256(body).hexdigest()
        whole = f"POST\n/\n{query}\n{lines}\n{said['SignedHeaders']}\n{hashed}"
        text = f"{scheme}\n{sha256(whole.encode()).hexdigest()}"
        return hmac.new(SMS_SECRET.encode(), text.encode(), sha256).hexdigest() == said["Signature"]


@asynccontextmanager
async def sms_sink() -> AsyncIterator[SmsSink]:
    """Start one on a free port."""
    sink = SmsSink()
    app = web.Application()
    app.router.add_post("/", sink.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sink.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield sink
    finally:
        await runner.cleanup()


def email_to(port: int, **more: Any) -> Email:
    """A courier to a sink."""
    settings = {"tls": "none", "sender": "shop@shop.test", "sender_name": "明账店", "timeout_s": 8.0} | more
    return Email(EmailSettings(host="127.0.0.1", port=port, **settings))


def open_post(pool: asyncpg.Pool, *couriers: Courier, clock: Clock | None = None, **more: Any) -> Post:
    """What the use cases need, on a clock that stands still until told."""
    return Post(
        pool=pool,
        clock=clock or ManualClock(START),
        rng=random.Random(7),
        vault=Vault(SECRET),
        couriers={courier.name: courier for courier in couriers},
        base_url="https://shop.test",
        shop_name="明账店",
        worker_name="test",
        **more,
    )


def order_facts(**more: Any) -> Facts:
    """An order to tell of."""
    order_id = new_order_id(3, START, random.Random(11))
    return Facts(
        order_id=order_id, title_zh="话费直充 100元", title_en="Phone credit", amount_fen=10_000, **more
    )


def buyer_of(vault: Vault, contact: str = MAIL, language: str = "zh") -> Buyer:
    """A contact as the order keeps it."""
    mask = "Li***@example.com" if "@" in contact else "138****8000"
    return Buyer(
        contact_enc=vault.seal(contact),
        contact_mask=mask,
        contact_hash=vault.fingerprint(contact),
        language=language,
    )


async def open_routes(post: Post, *routes: Route) -> None:
    """Set the destinations."""
    async with post.pool.acquire() as conn, conn.transaction():
        await set_routes(conn, post.vault, routes, post.now())


async def tell(post: Post, template: Template, key: str = "k1", **more: Any) -> Facts:
    """Queue one notice to the buyer in a transaction of its own."""
    facts = order_facts(**more)
    async with post.pool.acquire() as conn, conn.transaction():
        await flow.enqueue(conn, post.rng, post.now(), template, key, facts, buyer_of(post.vault))
    return facts


async def visit(post: Post) -> int:
    """One look of a worker at every bucket; returns how many notices it took."""
    keys = [key for bucket in await flow.buckets(post) for key in await flow.due(post, bucket)]
    for key in keys:
        await flow.work(post, key)
    return len(keys)


async def until_done(post: Post, clock: ManualClock, visits_max: int = 40) -> int:
    """Let time pass and visits happen until nothing is due any more; returns the number of visits."""
    for count in range(visits_max):
        if not await flow.buckets(post):
            return count
        await visit(post)
        clock.advance(3600)
    raise AssertionError("still not done")


async def _worker(database_url: str, mail_port: int, bark_url: str) -> None:
    pool = await open_pool(database_url, 1, 2)
    http = Outbound()
    couriers: list[Courier] = [email_to(mail_port), Bark(BarkSettings(base_url=bark_url), http)]
    post = open_post(pool, *couriers, clock=SystemClock())
    crash: Callable[[str], None] = crash_point_from_env(os.environ)
    await visit(Post(**{**post.__dict__, "crash_point": crash}))
    await http.aclose()
    await pool.close()


async def run_worker_process(*arguments: str, crash_point: str = "") -> int:
    """Run this file as a worker; returns its exit code (-9 when it was killed)."""
    environ = {**os.environ, "MINGZHANG_CRASH_POINT": crash_point}
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, *arguments, env=environ)
    return await asyncio.wait_for(process.wait(), 60)


Send = Callable[[Post], Awaitable[None]]

if __name__ == "__main__":
    asyncio.run(_worker(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
