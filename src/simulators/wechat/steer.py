"""WeChat's part of the control API.

PUT  /wechat/merchant-key {"key": PEM, "serial": of the certificate, default the ready file's}
PUT  /wechat/signing {"with": public_key | next_public_key | certificate | next_certificate}
PUT  /wechat/bills {"early": bool} · POST /wechat/settle · POST /wechat/float {"fen"}
POST /wechat/refunds {"out_refund_no", "status": SUCCESS | CLOSED | ABNORMAL}: end one that is still open
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from simulators.keys import read_public
from simulators.refusals import BadRequestError
from simulators.wechat.methods import Methods
from simulators.wechat.model import ABNORMAL, CLOSED, SIGNERS, SUCCESS, WechatParty


class Steering:
    """Handlers."""

    def __init__(self, party: WechatParty, methods: Methods) -> None:
        self.party = party
        self.methods = methods

    def routes(self) -> list[web.RouteDef]:
        return [
            web.put("/wechat/merchant-key", self.merchant_key),
            web.put("/wechat/signing", self.signing),
            web.put("/wechat/bills", self.bills),
            web.post("/wechat/settle", self.settle),
            web.post("/wechat/float", self.float),
            web.post("/wechat/refunds", self.refunds),
        ]

    async def merchant_key(self, request: web.Request) -> web.Response:
        """Further keys join the earlier ones: a merchant has two certificates while changing them."""
        body = await _object(request)
        try:
            key = read_public(str(body.get("key") or ""))
        except ValueError:
            raise BadRequestError("not_a_public_key") from None
        serial = str(body.get("serial") or self.party.merchant_serial)
        self.party.merchant_keys[serial] = key
        return web.json_response({"serial": serial})

    async def signing(self, request: web.Request) -> web.Response:
        name = (await _object(request)).get("with")
        if name not in SIGNERS:
            raise BadRequestError("unknown_signer")
        self.party.signs_with = str(name)
        return web.json_response({"serial": self.party.signer().serial})

    async def bills(self, request: web.Request) -> web.Response:
        self.party.bills_early = bool((await _object(request)).get("early"))
        return web.json_response({"early": self.party.bills_early})

    async def settle(self, _: web.Request) -> web.Response:
        return web.json_response(self.party.settle())

    async def float(self, request: web.Request) -> web.Response:
        amount = (await _object(request)).get("fen")
        if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount <= 10**15:
            raise BadRequestError("fen_needed")
        self.party.float_fen = amount
        return web.json_response({"float_fen": amount})

    async def refunds(self, request: web.Request) -> web.Response:
        body = await _object(request)
        found = self.party.refunds.get(str(body.get("out_refund_no") or ""))
        if found is None:
            raise BadRequestError("no_such_refund", 404)
        if body.get("status") not in (SUCCESS, CLOSED, ABNORMAL):
            raise BadRequestError("unknown_status")
        self.methods.end_refund(*found, str(body["status"]))
        return web.json_response({"status": found[1].status})


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        raise BadRequestError("not_json") from None
    if not isinstance(body, dict):
        raise BadRequestError("not_an_object")
    return body
