"""Text messages over the gateway's own signature: forms alone, the gateway's yes is not the phone's (F16)."""

from __future__ import annotations

import json
import random
from pathlib import Path

import asyncpg
import pytest

from mingzhang.app.wiring_notices import read_notice_file
from mingzhang.kit.clock import ManualClock, SystemClock
from mingzhang.kit.errors import Problem
from mingzhang.kit.outbound import Outbound
from mingzhang.notices import flow
from mingzhang.notices.couriers.sms import Form, Sms, SmsSettings
from mingzhang.notices.model import Audience, Facts, Post, Route, Template
from notice_sinks import (
    SMS_KEY,
    SMS_SECRET,
    START,
    buyer_of,
    open_post,
    open_routes,
    order_facts,
    sms_sink,
    until_done,
)

PHONE = "13800138000"
FORMS = {
    "sign_in_code": Form(code="SMS_1", values=("code",)),
    "refunded": Form(code="SMS_2", values=("order", "amount")),
}
ROUTE = Route(route_id="buyer-sms", audience=Audience.BUYER, channel="sms", topics=tuple(FORMS))


async def tell(post: Post, template: Template, contact: str, facts: Facts) -> int:
    async with post.pool.acquire() as conn, conn.transaction():
        return await flow.enqueue(
            conn, post.rng, post.now(), template, f"k{contact}", facts, buyer_of(post.vault, contact)
        )


async def test_a_phone_gets_the_forms_there_are_and_no_number_stays_behind(pool: asyncpg.Pool) -> None:
    clock, http = ManualClock(START), Outbound()
    async with sms_sink() as sink:
        settings = SmsSettings(
            access_key_id=SMS_KEY, secret=SMS_SECRET, sign_name="明账", forms=FORMS, base_url=sink.url
        )
        post = open_post(pool, Sms(settings, http, SystemClock(), random.Random(1)), clock=clock)
        await open_routes(post, ROUTE)
        code = Facts(order_id="C1", until=START, sealed=post.vault.seal("123456").hex())
        assert await tell(post, Template.SIGN_IN_CODE, PHONE, code) == 1
        assert await tell(post, Template.PAID, PHONE, order_facts()) == 0  # there is no form for it
        assert await tell(post, Template.REFUNDED, "buyer@example.com", order_facts()) == 0
        assert await tell(post, Template.REFUNDED, PHONE, order_facts()) == 1
        sink.refused["13900000000"] = "isv.MOBILE_NUMBER_ILLEGAL"
        assert await tell(post, Template.REFUNDED, "13900000000", order_facts()) == 1
        await until_done(post, clock)
        assert {text["PhoneNumbers"] for text in sink.texts} == {PHONE}
        told = {text["TemplateCode"]: json.loads(text["TemplateParam"]) for text in sink.texts}
        assert told["SMS_1"] == {"code": "123456"}
        assert told["SMS_2"]["amount"] == "¥100.00"
        assert {text["SignName"] for text in sink.texts} == {"明账"}
        rows = await pool.fetch("SELECT state, last_error, address_enc FROM notice ORDER BY state")
        assert [row["state"] for row in rows] == ["failed", "sent", "sent"]
        assert rows[0]["last_error"] == "sms_isv.MOBILE_NUMBER_ILLEGAL"
        kept = b"".join(row["body"] for row in await pool.fetch("SELECT body FROM evidence"))
        for hidden in (PHONE, "123456", SMS_SECRET, SMS_KEY):
            assert hidden.encode() not in kept
        wrong = SmsSettings(access_key_id=SMS_KEY, secret="x", sign_name="", forms=FORMS, base_url=sink.url)
        post = open_post(pool, Sms(wrong, http, SystemClock(), random.Random(2)), clock=clock)
        await tell(post, Template.REFUNDED, "13700000000", order_facts())
        for key in [key for bucket in await flow.buckets(post) for key in await flow.due(post, bucket)]:
            await flow.work(post, key)
        assert await pool.fetchval("SELECT last_error FROM notice WHERE state = 'retrying'") == (
            "sms_SignatureDoesNotMatch"
        )
    await http.aclose()


def test_the_settings_file_names_forms_by_our_templates(tmp_path: Path) -> None:
    path = tmp_path / "notices.toml"
    path.write_text(
        '[sms]\naccess_key_id = "k"\nsecret_file = ""\nsign_name = "s"\n'
        '[sms.forms.sign_in_code]\ncode = "SMS_1"\nvalues = ["code"]\n',
        encoding="utf-8",
    )
    found = read_notice_file(str(path))
    assert found.sms is not None
    assert found.sms.forms[Template.SIGN_IN_CODE].code == "SMS_1"
    path.write_text(path.read_text(encoding="utf-8").replace("sign_in_code", "sign_in_cod"), encoding="utf-8")
    with pytest.raises(Problem, match="MINGZHANG_NOTICES_PATH"):
        read_notice_file(str(path))
