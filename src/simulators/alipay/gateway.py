"""``/gateway.do``: reads and verifies a call, answers with a node signed over its exact bytes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from aiohttp import web

from simulators.alipay.complaints import Complaints
from simulators.alipay.methods import Answer, Methods, RefusedError, ok
from simulators.alipay.model import AlipayParty
from simulators.faults import number_of
from simulators.keys import REQUEST_UNSIGNED, PrivateKey, PublicKey, rsa2_sign, rsa2_verify, sorted_pairs
from simulators.world import MAX_BODY_BYTES, drop, hold

PAGE_METHODS = {"alipay.trade.page.pay": "page", "alipay.trade.wap.pay": "wap"}
UPLOAD = "alipay.merchant.image.upload"
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_METHOD = re.compile(r"[a-z.]{1,128}")
Call = Callable[[dict[str, str], dict[str, str]], Awaitable[Answer]]


class Gateway:
    """HTTP in front of ``Methods``."""

    def __init__(self, party: AlipayParty, methods: Methods, complaints: Complaints) -> None:
        self.party = party
        self.methods = methods
        self.complaints = complaints
        self._calls: dict[str, Call] = {
            "alipay.trade.precreate": methods.precreate,
            "alipay.trade.query": methods.query,
            "alipay.trade.close": methods.close,
            "alipay.trade.refund": methods.refund,
            "alipay.trade.fastpay.refund.query": methods.refund_query,
            "alipay.data.dataservice.bill.downloadurl.query": methods.bill_url,
            "alipay.open.app.alipaycert.download": self._certificate,
            **complaints.calls,
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """GET or POST form; page and wap pay redirect to the cashier, all else answers JSON."""
        params, file = await _read(request)
        method = params.get("method", "")
        try:
            biz = self.verified(params)
            if method in PAGE_METHODS:
                token = self.methods.page_pay(PAGE_METHODS[method], params, biz)
                raise web.HTTPFound(f"{self.party.base_url}/cashier?t={token}")
            answer = await self._answer(method, params, biz, file)
        except RefusedError as refused:
            if method in PAGE_METHODS:
                return web.Response(status=400, text=f"{refused.sub_code} {refused.sub_msg}")
            answer = Answer(refused.node())
        if answer.never:
            return await hold(request)
        number = answer.number
        slow = self.party.world.faults.take(number, "alipay", "slow") if number else None
        if slow is not None:
            await asyncio.sleep(min(60.0, self.party.world.clock.real_s(number_of(slow, "s", 3))))
        if self.party.world.down["alipay"]:
            return drop(request)
        return self._signed(method, answer.node, self._named(params, number))

    async def _answer(self, method: str, params: dict[str, str], biz: dict[str, str], file: bytes) -> Answer:
        if method == UPLOAD:
            return self.complaints.upload(params, file)
        call = self._calls.get(method)
        if call is None:
            raise RefusedError("40002", "isv.invalid-method", "不存在的方法名")
        return await call(params, biz)

    def verified(self, params: dict[str, str]) -> dict[str, str]:
        """Business parameters of a call whose common parameters and signature hold. Raises RefusedError."""
        party = self.party
        if params.get("app_id") != party.app_id:
            raise RefusedError("40002", "isv.invalid-app-id", "无效的AppID参数")
        if not params.get("sign"):
            raise RefusedError("40001", "isv.missing-signature", "缺少签名参数")
        if params.get("sign_type") != "RSA2":
            raise RefusedError("40002", "isv.invalid-signature-type", "无效的签名类型")
        if params.get("version", "1.0") != "1.0":
            raise RefusedError("40002", "isv.invalid-version", "版本无效")
        if not _TIMESTAMP.fullmatch(params.get("timestamp", "")):
            raise RefusedError("40002", "isv.invalid-timestamp", "非法的时间戳参数")
        key = self._merchant_key(params)
        if key is None:
            raise RefusedError(
                "40002", "isv.missing-signature-key", "验签出错, 未配置对应签名算法的公钥或者证书"
            )
        message = sorted_pairs(params, REQUEST_UNSIGNED)
        if not rsa2_verify(key, message, params["sign"]):
            raise RefusedError(
                "40002",
                "isv.invalid-signature",
                "验签出错，请确认charset参数放在了URL查询字符串中且各参数值使用charset参数指示的字符集编码",
            )
        try:
            biz = json.loads(params.get("biz_content") or "{}")
        except ValueError:
            biz = None
        if not isinstance(biz, dict):
            raise RefusedError("40002", "isv.invalid-parameter", "参数无效：biz_content")
        return {
            str(key): value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for key, value in biz.items()
            if value is not None
        }

    def _merchant_key(self, params: dict[str, str]) -> PublicKey | None:
        """The key that was uploaded, or in certificate mode the one of the certificate that is named."""
        if "app_cert_sn" not in params:
            return self.party.merchant_key
        authority = self.party.authority()
        app = authority.apps.get(params["app_cert_sn"])
        if app is None:
            raise RefusedError("40002", "isv.invalid-app-cert-sn", "应用公钥证书序列号无效")
        if params.get("alipay_root_cert_sn") != authority.root_sn:
            raise RefusedError("40002", "isv.invalid-alipay-root-cert-sn", "支付宝根证书序列号无效")
        return app.public_key

    def _named(self, params: dict[str, str], number: str) -> tuple[PrivateKey, str]:
        """The key that signs an answer, and in certificate mode its certificate's number."""
        if "app_cert_sn" not in params:
            return self.party.key, ""
        world = self.party.world
        if number and world.faults.take(number, "alipay", "cert_unknown_serial") is not None:
            return self.party.forger, world.digest("nobody's", world.next_number())[:32]
        current = self.party.authority().current
        return current.key or self.party.key, current.sn

    async def _certificate(self, _: dict[str, str], biz: dict[str, str]) -> Answer:
        """alipay.open.app.alipaycert.download."""
        content = self.party.authority().download(biz.get("alipay_cert_sn", ""))
        if content is None:
            raise RefusedError("40004", "isv.alipay-cert-not-exist", "支付宝公钥证书不存在")
        return ok(alipay_cert_content=content)

    def _signed(self, method: str, node: dict[str, object], signer: tuple[PrivateKey, str]) -> web.Response:
        name = f"{method.replace('.', '_')}_response" if _METHOD.fullmatch(method) else "error_response"
        raw = encode_node(node)
        key, cert_sn = signer
        sign = rsa2_sign(key, raw)
        named = f',"alipay_cert_sn":"{cert_sn}"' if cert_sn else ""
        body = b'{"' + name.encode() + b'":' + raw + f'{named},"sign":"{sign}"}}'.encode()
        return web.Response(body=body, content_type="text/html", charset="utf-8")


async def _read(request: web.Request) -> tuple[dict[str, str], bytes]:
    """The parameters of a call, and the file beside them (image_content), which no signature covers."""
    params, file = dict(request.query), b""
    if request.content_type == "multipart/form-data":
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                file = value.file.read()
            else:
                params[name] = str(value)
    elif request.method == "POST":
        if (length := request.content_length or 0) > MAX_BODY_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, length)
        body = await request.read()
        params.update(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=100))
    return params, file


def encode_node(node: dict[str, object]) -> bytes:
    """The node as the real gateway writes it: compact, Chinese unescaped, ``/`` escaped."""
    return json.dumps(node, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/").encode()
