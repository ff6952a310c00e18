"""``/v3/…``: verifies the merchant's signature, answers under WeChat's seal. Bills are handed out unsealed."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from aiohttp import web

from simulators.faults import number_of
from simulators.keys import rsa2_verify
from simulators.wechat.bill import Bills
from simulators.wechat.complaints import UPLOAD, Complaints
from simulators.wechat.methods import Answer, Methods, RefusedError
from simulators.wechat.model import WechatParty
from simulators.wechat.notify import OFF_REAL_S, OFF_S
from simulators.wechat.wire import SCHEME, SigningKey, seal
from simulators.world import drop, hold

FRESH_S = 300.0
FRESH_REAL_S = 30.0
_FIELD = re.compile(r'(mchid|nonce_str|timestamp|serial_no|signature)="([^"]{1,1024})"')
_ORDER = re.compile(r"/v3/pay/transactions/out-trade-no/([^/]+)(/close)?")
_TRANSACTION = re.compile(r"/v3/pay/transactions/id/([^/]+)")
_CREATE = re.compile(r"/v3/pay/transactions/(native|h5|jsapi)")
_REFUND = re.compile(r"/v3/refund/domestic/refunds/([^/]+)")
_BILL = re.compile(r"/v3/bill/(tradebill|fundflowbill)")


class Gateway:
    """HTTP in front of ``Methods`` and ``Bills``."""

    def __init__(self, party: WechatParty, methods: Methods, bills: Bills, complaints: Complaints) -> None:
        self.party = party
        self.methods = methods
        self.bills = bills
        self.complaints = complaints

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Every call; 401 without a seal when the merchant's signature does not hold."""
        raw = await request.read() if request.path != UPLOAD else b""
        try:
            if request.path == UPLOAD:
                return await self._upload(request)
            self._verify(request, raw)
        except RefusedError as refused:
            return web.json_response(
                {"code": refused.code, "message": refused.message}, status=refused.status
            )
        if request.path == "/v3/billdownload/file":
            return self.bills.download(request.query.get("token", ""))
        image = self.complaints.image(request.path)
        if image is not None:
            return web.Response(body=image, content_type="image/png")
        try:
            answer = await self._call(request.method, request.path, dict(request.query), _object(raw))
        except RefusedError as refused:
            answer = Answer({"code": refused.code, "message": refused.message}, refused.status)
        if answer.never:
            return await hold(request)
        number = answer.number
        slow = self.party.world.faults.take(number, "wechat", "slow") if number else None
        if slow is not None:
            await asyncio.sleep(min(60.0, self.party.world.clock.real_s(number_of(slow, "s", 3))))
        if self.party.world.down["wechat"]:
            return drop(request)
        return self._sealed(answer, self._key_for(request))

    async def _call(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer:
        told = self.complaints.call(method, path, query, body)
        if told is not None:
            return told
        if method == "POST":
            return await self._post(path, body)
        if found := _ORDER.fullmatch(path):
            number = found[1]
            return self.methods.query(self.party.find(number), number, query.get("mchid", ""))
        if found := _TRANSACTION.fullmatch(path):
            order = self.party.by_transaction.get(found[1])
            number = order.out_trade_no if order else ""
            return self.methods.query(order, number, query.get("mchid", ""))
        if found := _REFUND.fullmatch(path):
            return self.methods.refund_query(found[1])
        if found := _BILL.fullmatch(path):
            return self.bills.offer(found[1], query)
        if path == "/v3/certificates":
            return self.methods.certificates()
        raise RefusedError(404, "NOT_FOUND", "请求的资源不存在")

    async def _post(self, path: str, body: dict[str, Any]) -> Answer:
        if found := _CREATE.fullmatch(path):
            return await self.methods.create(found[1], body)
        if (found := _ORDER.fullmatch(path)) and found[2]:
            return self.methods.close(found[1], body)
        if path == "/v3/refund/domestic/refunds":
            return self.methods.refund(body)
        raise RefusedError(404, "NOT_FOUND", "请求的资源不存在")

    async def _upload(self, request: web.Request) -> web.Response:
        """An image: the signature covers the ``meta`` alone, which names the image's hash."""
        form = await request.post()
        meta, file = form.get("meta"), form.get("file")
        if not isinstance(meta, str) or not isinstance(file, web.FileField):
            raise RefusedError(400, "PARAM_ERROR", "参数错误：meta")
        self._verify(request, meta.encode())
        answer = self.complaints.upload(meta, file.file.read(), file.filename)
        return self._sealed(answer, self._key_for(request))

    def _verify(self, request: web.Request, raw: bytes) -> None:
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        fields = dict(_FIELD.findall(rest))
        if scheme != SCHEME or len(fields) != 5:
            raise RefusedError(
                401, "SIGN_ERROR", "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》"
            )
        key = self.party.merchant_keys.get(fields["serial_no"])
        if fields["mchid"] != self.party.mchid or key is None:
            raise RefusedError(401, "SIGN_ERROR", "商户证书序列号有误。请使用签名私钥匹配的证书序列号")
        speed = self.party.world.clock.speed
        now = self.party.world.now().timestamp()
        off = abs(now - int(fields["timestamp"])) if fields["timestamp"].isdecimal() else None
        if off is None or off > max(FRESH_S, FRESH_REAL_S * speed):
            raise RefusedError(
                401, "SIGN_ERROR", "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"
            )
        text = f"{request.method}\n{request.raw_path}\n{fields['timestamp']}\n{fields['nonce_str']}\n"
        if not rsa2_verify(key, text.encode() + raw + b"\n", fields["signature"]):
            raise RefusedError(401, "SIGN_ERROR", "错误的签名，验签失败")
        if not request.headers.get("User-Agent") or "json" not in request.headers.get("Accept", ""):
            raise RefusedError(406, "PARAM_ERROR", "Http头缺少Accept或User-Agent")

    def _key_for(self, request: web.Request) -> SigningKey:
        """The key that the merchant asks for by its serial, else the one in use."""
        asked = request.headers.get("Wechatpay-Serial", "")
        return next((key for key in self.party.keys.values() if key.serial == asked), self.party.signer())

    def _sealed(self, answer: Answer, key: SigningKey) -> web.Response:
        body = b"" if answer.node is None else json.dumps(answer.node, ensure_ascii=False).encode()
        timestamp = int(self.party.world.now().timestamp())
        if answer.spoil == "answer_stale":
            timestamp -= int(max(OFF_S, OFF_REAL_S * self.party.world.clock.speed))
        headers = seal(key, body, timestamp, self.party.nonce(), probe=answer.spoil == "answer_signtest")
        headers["Request-ID"] = self.party.nonce()
        if answer.node is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        return web.Response(status=answer.status, body=body or None, headers=headers)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
