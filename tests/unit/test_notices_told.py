"""From the event to the mail in a whole house: told once, by whatever road the event was written (decision 0009)."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import Counter
from pathlib import Path

import asyncpg
import pytest

from house import House, open_house
from mingzhang.app.settings import Settings
from mingzhang.app.wiring_notices import read_notice_file
from mingzhang.app.worker_post import run_post
from mingzhang.kit.errors import Problem
from mingzhang.notices import flow, store, untold
from mingzhang.notices.model import Audience, Notice, Route
from mingzhang.orders.tell import tell
from notice_sinks import MailSink, mail_sink

BUYER, SHOP = "buyer@example.com", "owner@shop.test"


def notice_file(folder: Path, port: int) -> str:
    """Buyers, shop and staff by e-mail to a sink on this machine."""
    path = folder / "notices.toml"
    path.write_text(
        f"""
        [email]
        host = "127.0.0.1"
        port = {port}
        sender = "shop@shop.test"
        tls = "none"

        [[route]]
        audience = "buyer"
        channel = "email"

        [[route]]
        audience = "shop"
        channel = "email"
        address = "{SHOP}"
        language = "en"

        [[route]]
        audience = "staff"
        channel = "email"
        address = "staff@shop.test"
        """,
        encoding="utf-8",
    )
    return str(path)


async def notices_of(house: House, order_id: str) -> list[Notice]:
    async with house.desk.pool.acquire() as conn:
        return await store.list_notices(conn, order_id)


async def until_sent(house: House, order_id: str, count: int) -> list[Notice]:
    """Wait until so many notices were taken by the other side."""
    give_up = time.monotonic() + 40
    while True:
        found = await notices_of(house, order_id)
        if sum(notice.state == "sent" for notice in found) >= count:
            return found
        assert time.monotonic() < give_up, found
        await asyncio.sleep(0.1)


def told(sink: MailSink) -> Counter[str]:
    return Counter(sink.recipients)


async def test_a_paid_and_a_delivered_order_are_told_once_each(database_url: str, tmp_path: Path) -> None:
    async with (
        mail_sink() as sink,
        open_house(database_url, tmp_path, notices_path=notice_file(tmp_path, sink.port)) as house,
    ):
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        found = await until_sent(house, order_id, 3)
        assert sorted((notice.template, notice.audience) for notice in found) == [
            ("delivered", "buyer"),
            ("paid", "buyer"),
            ("paid", "shop"),
        ]
        assert all(notice.evidence_id for notice in found)
        assert told(sink) == Counter({BUYER: 2, SHOP: 1})
        assert (await house.audit()).ok


async def test_a_refusal_and_its_refund_are_told_with_the_reason(database_url: str, tmp_path: Path) -> None:
    async with (
        mail_sink() as sink,
        open_house(database_url, tmp_path, notices_path=notice_file(tmp_path, sink.port)) as house,
    ):
        order_id = await house.buy(("fulu", "account_banned"))
        await house.until(order_id, lambda page: page.pay_badge == "refunded")
        found = await until_sent(house, order_id, 5)
        assert sorted(notice.template for notice in found) == [
            "paid",
            "paid",
            "refunded",
            "refused",
            "refused",
        ]
        texts = [mail.get_content() for mail in sink.mails]
        assert sum("目标账号被封禁" in text for text in texts) == 1  # the buyer's, in Chinese
        assert len(found) == 5


async def test_what_a_crash_left_untold_is_told_later_and_once(database_url: str, tmp_path: Path) -> None:
    async with (
        mail_sink() as sink,
        open_house(database_url, tmp_path, notices_path=notice_file(tmp_path, sink.port)) as house,
    ):
        await house.buy()  # the routes are open now
        desk = house.desk
        post, dead = desk.post, dataclasses.replace(desk.post, couriers={})
        await house.stop_worker()
        desk.post = dead
        order_id = await house.place()
        payment_no = await house.open(order_id)
        await house.buyer_pays(payment_no)
        await house.until(order_id, lambda page: page.pay_badge == "paid")
        assert await notices_of(house, order_id) == []
        bucket = 0

        async def half() -> None:
            async with desk.pool.acquire() as conn, conn.transaction():
                taken = await untold.take(conn, bucket)
                assert order_id in {occasion.order_id for occasion in taken}
                raise asyncpg.SerializationError

        with pytest.raises(asyncpg.SerializationError):
            await half()
        await asyncio.gather(*(tell(desk.ctx, bucket) for _ in range(4)))  # several workers at once
        assert await tell(desk.ctx, bucket) == 0
        async with desk.pool.acquire() as conn, conn.transaction():  # noted again, as a repeated step would
            await untold.note(conn, order_id, [(5, "paid"), (6, "sent")], desk.ctx.now())
            seq = await conn.fetchval("SELECT seq FROM event WHERE order_id = $1 AND kind = 'paid'", order_id)
            await untold.note(conn, order_id, [(seq, "paid")], desk.ctx.now())
        await tell(desk.ctx, bucket)
        assert [notice.template for notice in await notices_of(house, order_id)] == ["paid", "paid"]
        desk.post = post
        house.start_worker()
        await until_sent(house, order_id, 2)


async def test_nothing_is_noted_while_no_route_is_open(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy(("fulu", "account_banned"))
        await house.until(order_id, lambda page: page.pay_badge == "refunded")
        assert await house.desk.pool.fetchval("SELECT count(*) FROM untold") == 0
        assert await flow.buckets(house.desk.post) == []


async def test_the_settings_open_and_close_routes(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path, notices_path=notice_file(tmp_path, 1)) as house:
        desk = house.desk
        assert [route.route_id for route in desk.routes] == [
            "buyer-email-1",
            "shop-email-1",
            "staff-email-1",
        ]
        assert desk.routes[1] == Route(
            route_id="shop-email-1", audience=Audience.SHOP, channel="email", address=SHOP, language="en"
        )
        await house.stop_worker()
        stop = asyncio.Event()
        running = asyncio.create_task(run_post(desk.ctx, desk.post, [], stop))
        give_up = time.monotonic() + 20
        while await desk.pool.fetchval("SELECT count(*) FROM notice_route WHERE active"):
            assert time.monotonic() < give_up
            await asyncio.sleep(0.05)
        stop.set()
        await running


@pytest.mark.parametrize(
    "text",
    [
        "[email",
        "[mail]\nhost = 'x'",
        "[telegram]\ntoken_file = '/nowhere'\n[[route]]\naudience = 'staff'\nchannel = 'telegram'\naddress = '1'",
        "[[route]]\naudience = 'staff'\nchannel = 'email'\naddress = 'a@b'",
        "[bark]\n[[route]]\naudience = 'buyer'\nchannel = 'bark'",
        "[bark]\n[[route]]\naudience = 'staff'\nchannel = 'bark'",
        "[bark]\n[[route]]\naudience = 'staff'\nchannel = 'bark'\naddress = 'k'\nlanguage = 'fr'",
    ],
)
async def test_a_file_that_does_not_fit_stops_the_start(database_url: str, tmp_path: Path, text: str) -> None:
    from mingzhang.app.desk import open_desk

    path = tmp_path / "notices.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Problem) as refused:
        await open_desk(Settings(database_url=database_url, secret_key=b"k" * 32, notices_path=str(path)))
    assert refused.value.code == "settings_invalid"


def test_no_file_means_no_couriers_and_no_routes() -> None:
    assert read_notice_file("").route == []
