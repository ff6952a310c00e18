"""The aggregator in one piece, for the server: its books, its routes and its cashier."""

from __future__ import annotations

from aiohttp import web

from simulators.epay.cashier import Cashier
from simulators.epay.gateway import Gateway
from simulators.epay.model import FROZEN, PAID, EpayParty
from simulators.epay.notify import Notifier
from simulators.world import World


class EpaySide:
    """Party, gateway and cashier, put together."""

    def __init__(self, world: World) -> None:
        self.party = EpayParty(world)
        notifier = Notifier(self.party)
        self.gateway = Gateway(self.party, notifier)
        self.cashier = Cashier(self.party, self.gateway, notifier)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/submit.php", self.gateway.submit),
            web.post("/submit.php", self.gateway.submit),
            web.post("/mapi.php", self.gateway.mapi),
            web.get("/api.php", self.gateway.api),
            web.post("/api.php", self.gateway.api),
            web.get("/pay/{kind}/{trade_no}/", self.cashier.show),
            web.post("/cashier/act", self.cashier.submit),
        ]

    def steering(self) -> list[web.RouteDef]:
        """Control: PUT /epay/freeze {"out_trade_no", "frozen": bool} on a trade that is paid."""
        return [web.put("/epay/freeze", self._freeze)]

    async def _freeze(self, request: web.Request) -> web.Response:
        told = await request.json()
        rows = [trade for trade in self.party.trades_of.get(told["out_trade_no"], []) if trade.was_paid]
        for trade in rows:
            trade.status = FROZEN if told.get("frozen") else PAID
        return web.json_response({"trades": len(rows)}, status=200 if rows else 404)

    def ready(self) -> dict[str, str]:
        """What an adapter's settings need."""
        party = self.party
        return {
            "base_url": party.base_url,
            "pid": party.pid,
            "key": party.key,
            "previous_key": party.previous_key,
        }
