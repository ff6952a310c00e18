"""alipay.merchant.tradecomplain.* and alipay.merchant.image.upload: complaints about trades (交易投诉).

States MERCHANT_PROCESSING → MERCHANT_FEEDBACKED (feedback.submit) → FINISHED; CANCELLED, CLOSED, and
PLATFORM_PROCESSING → PLATFORM_FINISH while Alipay's own people decide. The message tradecomplain.changed goes to the
application's gateway address, which is set in the console (PUT /alipay/app-gateway here).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final

from aiohttp import web

from simulators.alipay.methods import UNKNOWN, Answer, RefusedError, ok
from simulators.alipay.model import AlipayParty
from simulators.alipay.notify import RETRY_AFTER_S
from simulators.complaints import MERCHANT, PLATFORM, Board, Complaint, Trade
from simulators.keys import NOTIFY_UNSIGNED, rsa2_sign, sorted_pairs
from simulators.money import yuan
from simulators.refusals import BadRequestError
from simulators.world import BEIJING, beijing, read_beijing

PAGE_MAX: Final = 20
TEXT_MAX: Final = 200
IMAGE_BYTES_MAX: Final = 5 * 1024 * 1024
CODES: Final = frozenset({"02", "03", "04", "05", "06", "194"})
_ROLES: Final = {MERCHANT: "MERCHANT", PLATFORM: "AUDITOR"}
_KINDS: Final = {"refund": "申请退款", "service": "商品或服务未提供", "other": "其他"}


class Complaints(Board):
    """The board and its calls."""

    party = "alipay"
    retry_after_s = RETRY_AFTER_S
    opened = "MERCHANT_PROCESSING"
    moves: ClassVar[Mapping[str, str]] = {
        "again": "MERCHANT_PROCESSING",
        "completed": "MERCHANT_FEEDBACKED",
        "satisfied": "FINISHED",
        "withdraw": "CANCELLED",
        "platform": "PLATFORM_PROCESSING",
        "platform_end": "PLATFORM_FINISH",
    }
    final = frozenset({"FINISHED", "CANCELLED", "CLOSED", "PLATFORM_FINISH"})

    def __init__(self, side: AlipayParty) -> None:
        super().__init__(side.world)
        self.side = side
        self.url = ""
        self.calls = {
            "alipay.merchant.tradecomplain.query": self.query,
            "alipay.merchant.tradecomplain.batchquery": self.batchquery,
            "alipay.merchant.tradecomplain.reply.submit": self.reply,
            "alipay.merchant.tradecomplain.supplement.submit": self.supplement,
            "alipay.merchant.tradecomplain.feedback.submit": self.feedback,
        }

    def trade(self, number: str) -> Trade | None:
        trade = self.side.find(number, "")
        if trade is None or not trade.paid_fen:
            return None
        return Trade(number, trade.trade_no, trade.paid_fen, trade.payer)

    def new_no(self) -> str:
        return f"{self.world.now().astimezone(BEIJING):%Y%m%d}00102000000{self.world.next_number():09d}"

    # -- calls

    async def query(self, _: dict[str, str], biz: dict[str, str]) -> Answer:
        """alipay.merchant.tradecomplain.query."""
        complaint = self._known(biz)
        if self.takes(complaint, "complaint_unknown"):
            raise RefusedError(*UNKNOWN)
        return ok(complaint.trade.number, **self._told(complaint))

    async def batchquery(self, _: dict[str, str], biz: dict[str, str]) -> Answer:
        """alipay.merchant.tradecomplain.batchquery: the newest first, at most twenty a page."""
        size, page = _number(biz, "page_size", 10), _number(biz, "page_num", 1)
        begin, end = _time(biz, "begin_time"), _time(biz, "end_time")
        if size > PAGE_MAX:
            raise _refused("INVALID_PARAMETER", "参数无效：page_size")
        found = [
            each
            for each in reversed(self.complaints.values())
            if (begin is None or each.changed_at >= begin)
            and (end is None or each.at <= end)
            and biz.get("status", each.state) == each.state
        ]
        shown = found[(page - 1) * size : page * size]
        return ok(
            page_num=page,
            page_size=size,
            total_num=len(found),
            total_page_num=-(-len(found) // size),
            trade_complain_infos=[self._told(each) for each in shown],
        )

    async def reply(self, _: dict[str, str], biz: dict[str, str]) -> Answer:
        """alipay.merchant.tradecomplain.reply.submit: 商家留言回复."""
        complaint = self._known(biz)
        if complaint.state not in ("MERCHANT_PROCESSING", "MERCHANT_FEEDBACKED"):
            raise _refused("COMPLAIN_STATUS_ERROR", "投诉单当前状态不允许回复")
        return self._said(complaint, biz.get("reply_content", ""), biz.get("reply_images", ""))

    async def supplement(self, _: dict[str, str], biz: dict[str, str]) -> Answer:
        """alipay.merchant.tradecomplain.supplement.submit: 商家补充凭证, while Alipay decides."""
        complaint = self._known(biz)
        if complaint.state != "PLATFORM_PROCESSING":
            raise _refused("COMPLAIN_STATUS_ERROR", "投诉单当前状态不允许补充凭证")
        return self._said(complaint, biz.get("supplement_content", ""), biz.get("supplement_images", ""))

    async def feedback(self, params: dict[str, str], _: dict[str, str]) -> Answer:
        """alipay.merchant.tradecomplain.feedback.submit; its fields stand beside biz_content, not in it."""
        complaint = self._known(params)
        text = params.get("feedback_content", "")
        if params.get("feedback_code") not in CODES or not 0 < len(text) <= TEXT_MAX:
            raise _refused("INVALID_PARAMETER", "参数无效：feedback_code")
        if complaint.state != "MERCHANT_PROCESSING":
            raise _refused("COMPLAIN_STATUS_ERROR", "投诉单当前状态不允许反馈")
        self.line(complaint, MERCHANT, "completed", text, self._images(params.get("feedback_images", "")))
        complaint.waiting = False
        self.move(complaint, "completed")
        self.tell(complaint, "completed")
        return ok(complaint.trade.number)

    def upload(self, params: dict[str, str], content: bytes) -> Answer:
        """alipay.merchant.image.upload: jpg, jpeg or png of at most 5 MB. The file is no part of the signature."""
        if params.get("image_type") not in ("jpg", "jpeg", "png") or not 0 < len(content) <= IMAGE_BYTES_MAX:
            raise _refused("INVALID_PARAMETER", "参数无效：image_content")
        return ok(image_id=self.keep_image(content))

    async def show_image(self, request: web.Request) -> web.Response:
        """An image of the negotiation, at an address that needs no signature."""
        content = self.images.get(request.match_info["image"])
        if content is None:
            raise web.HTTPNotFound
        return web.Response(body=content, content_type="image/png")

    async def app_gateway(self, request: web.Request) -> web.Response:
        """PUT /alipay/app-gateway {"url"}: where messages go (应用网关)."""
        try:
            self.url = str(json.loads(await request.read())["url"])
        except (ValueError, KeyError, TypeError):
            raise BadRequestError("url_needed") from None
        return web.json_response({"url": self.url})

    def _said(self, complaint: Complaint, text: str, images: str) -> Answer:
        if not 0 < len(text) <= TEXT_MAX:
            raise _refused("INVALID_PARAMETER", "参数无效：reply_content")
        if self.takes(complaint, "complaint_reply_lost"):
            return Answer(never=True)
        self.line(complaint, MERCHANT, "replied", text, self._images(images))
        complaint.waiting = False
        self.tell(complaint, "replied")
        if self.takes(complaint, "complaint_reply_timeout"):
            return Answer(never=True)
        return ok(complaint.trade.number)

    def _images(self, joined: str) -> list[str]:
        images = [each for each in joined.split(",") if each]
        if not set(images) <= self.images.keys():
            raise _refused("INVALID_PARAMETER", "参数无效：图片")
        return images

    def _known(self, fields: dict[str, str]) -> Complaint:
        complaint = self.complaints.get(fields.get("complain_event_id", ""))
        if complaint is None:
            raise _refused("COMPLAIN_NOT_EXIST", "投诉单不存在")
        return complaint

    # -- how it is told

    def _told(self, complaint: Complaint) -> dict[str, object]:
        told: dict[str, object] = {
            "complain_event_id": complaint.no,
            "status": complaint.state,
            "trade_no": complaint.trade.trade_no,
            "merchant_order_no": complaint.trade.number,
            "gmt_create": beijing(complaint.at),
            "gmt_modified": beijing(complaint.changed_at),
            "leaf_category_name": _KINDS[complaint.kind],
            "complain_reason": "未收到商品",
            "content": complaint.words,
            "images": self._urls(complaint.images),
            "phone_no": complaint.phone,
            "trade_amount": yuan(complaint.trade.fen),
            "target_id": self.side.app_id,
            "target_type": "APPID",
            "reply_detail_infos": [
                {
                    "content": line.text,
                    "gmt_create": beijing(line.at),
                    "images": self._urls(line.images),
                    "replier_name": {MERCHANT: "商家", PLATFORM: "支付宝"}.get(line.role, "**明"),
                    "replier_role": _ROLES.get(line.role, "USER"),
                }
                for line in reversed(complaint.lines)
            ],
        }
        if complaint.finished_at is not None:
            told["gmt_finished"] = beijing(complaint.finished_at)
        return told

    def _urls(self, images: list[str]) -> list[str]:
        return [f"{self.side.base_url}/complaint-images/{image}" for image in images]

    # -- the message

    async def send(self, complaint: Complaint, deed: str, notify_id: str) -> bool:  # noqa: ARG002 - one message for all
        if not self.url:
            return True
        if self.world.down["alipay"]:
            return False
        fields = {
            "charset": "utf-8",
            "biz_content": json.dumps({"complain_event_id": complaint.no}),
            "msg_method": "alipay.merchant.tradecomplain.changed",
            "utc_timestamp": str(int(self.world.now().timestamp() * 1000)),
            "version": "1.1",
            "sign_type": "RSA2",
            "notify_id": notify_id,
            "app_id": self.side.app_id,
        }
        signed = fields | {"sign": rsa2_sign(self.side.notify_key, sorted_pairs(fields, NOTIFY_UNSIGNED))}
        answer = await self.world.post(self.url, form=signed)
        return answer is not None and answer.strip() == "success"


def _number(biz: dict[str, str], name: str, default: int) -> int:
    text = biz.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= 10**6:
        raise _refused("INVALID_PARAMETER", f"参数无效：{name}")
    return int(text)


def _time(biz: dict[str, str], name: str) -> datetime | None:
    if not biz.get(name):
        return None
    moment = read_beijing(biz[name])
    if moment is None:
        raise _refused("INVALID_PARAMETER", f"参数无效：{name}")
    return moment


def _refused(sub_code: str, sub_msg: str) -> RefusedError:
    return RefusedError("40004", sub_code, sub_msg)
