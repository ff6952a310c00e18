"""Certificate mode: fetching, trusting, rotating; and no storm of fetches, whatever comes in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from test_wechat_calls import CALLS, NOW, TRADE, said, settings
from test_wechat_notify import PAID
from test_wechat_wire import API_KEY, WECHAT, Witness, encrypted, notify_body

from mingzhang.evidence.messages import HttpMessage
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels.base import Outcome, TradeState
from mingzhang.payments.channels.wechat import Wechat
from outside_party import OutsideParty, http, outside_party

TERM = timedelta(days=1825)


class Certified(Witness):
    """A key pair in a certificate."""

    def __init__(self, number: int, begins: datetime = NOW - timedelta(days=1)) -> None:
        super().__init__(f"{number:X}".zfill(40))
        key = serialization.load_pem_private_key(self.private.encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenpay.com sign")])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(number)
            .not_valid_before(begins)
            .not_valid_after(begins + TERM)
            .sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )


FIRST, SECOND = Certified(0xA1), Certified(0x5157F09EFDC096DE15EBE81A47057A7232F1B8E1)


def listed(*certified: Certified, by: Witness | None = None, key: str = API_KEY, at: datetime = NOW) -> bytes:
    """The answer of ``/v3/certificates``."""
    data = [
        {
            "serial_no": each.serial,
            "effective_time": "2026-02-28T12:00:00+08:00",
            "expire_time": "2031-02-27T12:00:00+08:00",
            "encrypt_certificate": encrypted(each.certificate, key, "certificate"),
        }
        for each in certified
    ]
    return said({"data": data}, witness=by or certified[0], at=at)


class Site:
    """WeChat with certificates, and a channel that knows none yet."""

    def __init__(self, party: OutsideParty, channel: Wechat, clock: ManualClock) -> None:
        self.party, self.channel, self.clock = party, channel, clock

    @property
    def fetches(self) -> int:
        return sum(head.startswith("GET /v3/certificates ") for head in self.party.heads)

    def notify(self, witness: Witness, **headers: str) -> str:
        """A notify of that witness: how it was refused."""
        body = notify_body(PAID)
        sent = witness.seal(body, self.clock.now(), **headers)
        return self.channel.read_notify(HttpMessage(method="POST", query="", headers=sent, body=body)).refusal


@asynccontextmanager
async def site(*answers: bytes | None, **changes: Any) -> AsyncIterator[Site]:
    outbound, clock = Outbound(), ManualClock(NOW)
    async with outside_party(*answers) as party:
        given = {"platform_keys": (), "certificates": True, "reply_serial": "", **changes}
        channel = Wechat(msgspec.structs.replace(settings(party.url), **given), outbound, clock)
        try:
            yield Site(party, channel, clock)
        finally:
            await channel.aclose()
            await outbound.aclose()


async def test_the_first_call_fetches_and_the_next_ones_do_not() -> None:
    async with site(listed(FIRST, SECOND), said(TRADE, witness=SECOND)) as at:
        for _ in range(3):
            assert (await at.channel.query("P1")).state is TradeState.PAID
        assert (at.fetches, len(at.party.heads)) == (1, 4)
        assert at.notify(FIRST) == at.notify(SECOND) == ""
        facts = {fact.serial: fact.not_after for fact in at.channel.key_facts()}
        assert facts == {each.serial: NOW - timedelta(days=1) + TERM for each in (FIRST, SECOND)}


async def test_many_calls_at_once_wait_for_one_fetch() -> None:
    async with site(listed(FIRST), said(TRADE, witness=FIRST)) as at:
        asked = await asyncio.gather(*(at.channel.query("P1") for _ in range(8)))
        assert {(answer.state, answer.code) for answer in asked} == {(TradeState.PAID, "SUCCESS")}
        assert at.fetches == 1


async def test_without_any_certificate_nothing_is_sent() -> None:
    for answer in (http(b"", "502 Bad Gateway"), said({"data": []}, witness=FIRST)):
        async with site(answer) as at:
            for call in CALLS.values():
                ended = await call(at.channel)
                assert (ended.outcome, ended.code) == (Outcome.NOT_SENT, "no_platform_key")
            assert len(at.party.heads) == 1
            at.clock.advance(6)
            await at.channel.query("P1")
            assert at.fetches == 2


async def test_certificates_that_prove_nothing_are_not_taken() -> None:
    stranger = Witness("77")
    for answer in (
        listed(FIRST, by=stranger),
        listed(FIRST, key="0" * 32),
        listed(FIRST, by=Witness(FIRST.serial)),
        listed(FIRST, at=NOW - timedelta(hours=1)),
        http(b"{}"),
        said({"data": [5, {"serial_no": "1"}]}, witness=FIRST),
        said({"data": [{"serial_no": "9", "encrypt_certificate": encrypted(FIRST.certificate, bound="c")}]}),
        said({"data": [{"serial_no": FIRST.serial, "encrypt_certificate": encrypted(b"\xff", bound="c")}]}),
        listed(Certified(0xB1, begins=NOW + timedelta(days=1))),
        listed(Certified(0xB2, begins=NOW - TERM - timedelta(days=1))),
    ):
        async with site(answer) as at:
            assert not await at.channel.refresh_keys()
            assert at.channel.key_facts() == ()


async def test_unknown_serials_make_no_storm_of_fetches() -> None:
    async with site(listed(FIRST), said(TRADE, witness=FIRST)) as at:
        assert await at.channel.refresh_keys()
        at.clock.advance(3600)
        for number in range(300):
            assert at.notify(WECHAT, **{"wechatpay-serial": f"F{number:X}"}) == "unknown_serial"
            await at.channel.refresh_keys()
        assert at.fetches == 2
        at.clock.advance(59)
        assert at.notify(WECHAT) == "unknown_serial"
        assert not await at.channel.refresh_keys()
        at.clock.advance(2)
        await at.channel.refresh_keys()
        assert at.fetches == 3


async def test_a_serial_that_cannot_be_one_is_no_reason_to_fetch() -> None:
    async with site(listed(FIRST)) as at:
        await at.channel.refresh_keys()
        at.clock.advance(3600)
        assert at.notify(FIRST, **{"wechatpay-serial": "a/b"}) == "unknown_serial"
        await at.channel.refresh_keys()
        assert at.fetches == 1


async def test_a_new_certificate_is_found_by_its_first_notify() -> None:
    later = NOW + timedelta(hours=1)
    async with site(listed(FIRST), listed(FIRST, SECOND, by=SECOND, at=later)) as at:
        await at.channel.refresh_keys()
        at.clock.advance(3600)
        assert at.notify(SECOND) == "unknown_serial"
        assert await at.channel.refresh_keys()
        assert at.notify(SECOND) == at.notify(FIRST) == ""


async def test_a_new_certificate_is_found_by_an_answer_and_the_answer_is_then_believed() -> None:
    later = NOW + timedelta(hours=1)
    async with site(
        listed(FIRST), said(TRADE, witness=SECOND, at=later), listed(FIRST, SECOND, by=FIRST, at=later)
    ) as at:
        await at.channel.refresh_keys()
        at.clock.advance(3600)
        assert (await at.channel.query("P1")).state is TradeState.PAID
        assert at.fetches == 2


async def test_certificates_are_fetched_again_twice_a_day() -> None:
    async with site(listed(FIRST), listed(SECOND, at=NOW + timedelta(hours=12))) as at:
        await at.channel.refresh_keys()
        at.clock.advance(12 * 3600 - 1)
        assert not await at.channel.refresh_keys()
        at.clock.advance(1)
        assert await at.channel.refresh_keys()
        assert [fact.serial for fact in at.channel.key_facts()] == [SECOND.serial]
        assert at.notify(FIRST) == "unknown_serial"


async def test_an_expired_certificate_proves_nothing() -> None:
    async with site(listed(FIRST)) as at:
        await at.channel.refresh_keys()
        at.clock.advance(TERM)
        assert at.notify(FIRST) == "expired_key"


async def test_a_public_key_and_certificates_are_good_together() -> None:
    keys = settings("x").platform_keys
    async with site(listed(FIRST), platform_keys=keys) as at:
        assert at.notify(WECHAT) == ""
        await at.channel.refresh_keys()
        assert at.notify(WECHAT) == at.notify(FIRST) == ""
