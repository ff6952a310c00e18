"""The rigs of our own channels, against our simulators. Every adapter is made by its own factory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mingzhang.app.check_adapters.rig import CHANNEL_WIRE, HASTY_S, TIMEOUT_S, ChannelRig, OpenRig, Setup

SIGNED_FAULTS = {
    "open_timeout": "create_timeout",
    "open_unknown": "create_unknown",
    "query_unknown": "query_unknown",
    "query_timeout": "query_timeout",
    "close_race_pay": "close_race_pay",
    "refund_unknown_then_success": "refund_unknown_then_success",
    "refund_timeout_executed": "refund_timeout_executed",
    "refund_timeout_lost": "refund_timeout_lost",
    "refund_refused": "refund_refused",
    "notify_forged": "notify_forged",
    "notify_wrong_app": "notify_wrong_app_id",
    "notify_wrong_seller": "notify_wrong_seller",
    "notify_stale": "notify_stale",
    "notify_wrong_amount": "notify_wrong_amount",
    "notify_refund_shaped": "notify_refund_shaped",
    "notify_duplicate": "notify_duplicate",
}
_NOT_SIGNED = frozenset({"close_race_pay", "notify_wrong_seller", "notify_stale", "notify_refund_shaped"})


def key_pair() -> tuple[str, str]:
    """A merchant's RSA key: private and public, PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def alipay_rig(*, certificates: bool = False) -> OpenRig:
    """支付宝, by its public key or by certificates."""

    @asynccontextmanager
    async def rig(setup: Setup) -> AsyncIterator[ChannelRig]:
        world, ready = setup.world, setup.world.ready["alipay"]
        private, public = key_pair()
        _, foreign = key_pair()
        await world.tell("PUT", "/alipay/merchant-key", {"key": public})
        await world.tell("PUT", "/alipay/app-gateway", {"url": setup.inbox.url})
        common = {
            "gateway": ready["gateway"],
            "app_id": ready["app_id"],
            "seller_id": ready["seller_id"],
            "private_key": private,
        }
        stranger = common | {"public_key": foreign}
        settings = common | {"public_key": ready["public_key_pem"]}
        if certificates:
            files = await world.tell("POST", "/alipay/certificates", {"key": public})
            settings = common | {
                "app_cert": files["app_cert"],
                "cert": files["alipay_cert"],
                "root_cert": files["alipay_root_cert"],
            }

        async def pay(url: str) -> Any:
            how = "qr_code" if "/cashier" in url else "pay_url"
            return await world.tell("POST", "/buyers/pay", {how: url})

        channel = setup.make(settings)
        setup.inbox.reply = channel.acknowledge
        yield ChannelRig(
            world=world,
            clock=setup.clock,
            inbox=setup.inbox,
            party="alipay",
            faults=SIGNED_FAULTS,
            channel=channel,
            hasty=setup.make(settings, HASTY_S),
            stranger=setup.make(stranger),
            unreachable=setup.make(settings | {"gateway": "http://127.0.0.1:1/gateway.do"}),
            methods=("qr", "page", "wap"),
            refusals={
                "notify_forged": "bad_signature",
                "notify_wrong_app": "wrong_app",
                "notify_wrong_seller": "wrong_seller",
                "notify_stale": "stale",
            },
            pay=pay,
            look=lambda url: setup.http.get(url, TIMEOUT_S),
            secrets=(private.splitlines()[1],),
        )

    return rig


def wechat_rig(signer: str) -> OpenRig:
    """微信支付 in public-key or in certificate mode: the answers and notifies are signed with that key."""

    @asynccontextmanager
    async def rig(setup: Setup) -> AsyncIterator[ChannelRig]:
        world, ready = setup.world, setup.world.ready["wechat"]
        private, public = key_pair()
        _, foreign = key_pair()
        await world.tell("PUT", "/wechat/merchant-key", {"key": public})
        signing = await world.tell("PUT", "/wechat/signing", {"with": signer})

        def keys(*pairs: tuple[str, str]) -> str:
            named = []
            for serial, pem in pairs:
                path = setup.folder / f"{len(list(setup.folder.iterdir()))}.pem"
                path.write_text(pem, encoding="ascii")
                named.append(f"{serial}={path}")
            return ",".join(named)

        settings = {
            "gateway": ready["gateway"],
            "mchid": ready["mchid"],
            "app_id": ready["app_id"],
            "merchant_serial": ready["merchant_serial"],
            "private_key": private,
            "api_v3_keys": ready["api_v3_key"],
        }
        if signer == "public_key":
            settings["public_keys"] = keys(*((key["serial"], key["pem"]) for key in ready["public_keys"]))
        stranger = settings | {"public_keys": keys((signing["serial"], foreign))}
        channel, hasty = setup.make(settings), setup.make(settings, HASTY_S)
        for each in (channel, hasty):
            await each.refresh_keys()
        setup.inbox.reply = channel.acknowledge
        yield ChannelRig(
            world=world,
            clock=setup.clock,
            inbox=setup.inbox,
            party="wechat",
            faults=SIGNED_FAULTS,
            channel=channel,
            hasty=hasty,
            stranger=setup.make(stranger),
            unreachable=setup.make(stranger | {"gateway": "http://127.0.0.1:1"}),
            methods=("qr", "wap"),
            refusals={
                "notify_forged": "bad_signature",
                "notify_wrong_app": "wrong_app",
                "notify_wrong_seller": "wrong_merchant",
                "notify_stale": "stale",
            },
            pay=lambda url: world.tell("POST", "/buyers/pay", {"pay_url": url}),
            look=lambda url: setup.http.get(url, TIMEOUT_S),
            secrets=(private.splitlines()[1], ready["api_v3_key"]),
            has=CHANNEL_WIRE - {"refunded_sum", "unopened_page"},
        )

    return rig


@asynccontextmanager
async def epay_rig(setup: Setup) -> AsyncIterator[ChannelRig]:
    """易支付."""
    world, ready = setup.world, setup.world.ready["epay"]
    settings = {"url": ready["base_url"], "pid": ready["pid"], "key": ready["key"]}
    channel = setup.make(settings)
    setup.inbox.reply = channel.acknowledge
    yield ChannelRig(
        world=world,
        clock=setup.clock,
        inbox=setup.inbox,
        party="epay",
        faults={name: fault for name, fault in SIGNED_FAULTS.items() if name not in _NOT_SIGNED},
        channel=channel,
        hasty=setup.make(settings, HASTY_S),
        stranger=setup.make(settings | {"key": "0" * 32}),
        unreachable=setup.make(settings | {"url": "http://127.0.0.1:1"}),
        methods=("qr", "page", "wap"),
        refusals={"notify_forged": "bad_signature", "notify_wrong_app": "wrong_app"},
        pay=lambda url: world.tell("POST", "/buyers/pay", {"pay_url": url}),
        look=lambda url: setup.http.get(url, TIMEOUT_S),
        secrets=(settings["key"],),
        has=frozenset({"refunded_sum", "unopened_page"}),
    )


CHANNEL_RIGS: dict[str, dict[str, OpenRig]] = {
    "alipay": {"alipay": alipay_rig(), "alipay-certificate": alipay_rig(certificates=True)},
    "epay": {"epay": epay_rig},
    "wechat": {"wechat": wechat_rig("public_key"), "wechat-certificate": wechat_rig("certificate")},
}
