"""WeChat Pay put together: what ``server.py`` serves, shows in the ready file and hands to control."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiohttp import web

from simulators.keys import read_public
from simulators.wechat.bill import Bills
from simulators.wechat.cashier import Cashier
from simulators.wechat.complaints import Complaints
from simulators.wechat.gateway import Gateway
from simulators.wechat.methods import Methods
from simulators.wechat.model import WechatParty
from simulators.wechat.notify import Notifier
from simulators.wechat.steer import Steering
from simulators.world import World


class WechatSide:
    """The party with everything around it. ``merchant_public_key``: PEM or empty, known by the usual serial."""

    def __init__(self, world: World, keys_dir: Path | None, merchant_public_key: str) -> None:
        self.party = WechatParty(world, keys_dir)
        if merchant_public_key:
            self.party.merchant_keys[self.party.merchant_serial] = read_public(merchant_public_key)
        notifier = Notifier(self.party)
        methods = Methods(self.party, notifier)
        self.cashier = Cashier(self.party, notifier)
        self.steering = Steering(self.party, methods)
        self.complaints = Complaints(self.party)
        methods.on_refund.append(self.complaints.refund_ended)
        self._gateway = Gateway(self.party, methods, Bills(self.party), self.complaints)

    def routes(self) -> list[web.RouteDef]:
        """The API and the buyer's pages, on one port."""
        handle = self._gateway.handle
        calls = [web.route(method, "/v3/{call:.*}", handle) for method in ("GET", "POST", "PUT", "DELETE")]
        return [*calls, *self.cashier.routes()]

    def ready(self) -> dict[str, Any]:
        """What an adapter's settings need, in both modes."""
        party = self.party
        names = ("public_key", "next_public_key")
        return {
            "gateway": party.base_url,
            "mchid": party.mchid,
            "app_id": party.app_id,
            "merchant_serial": party.merchant_serial,
            "api_v3_key": party.api_v3_key,
            "public_keys": [{"serial": party.keys[n].serial, "pem": party.public_pem(n)} for n in names],
        }
