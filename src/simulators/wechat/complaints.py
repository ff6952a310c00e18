"""消费者投诉 2.0 over WeChat's wire: list, detail, negotiation history, reply, complete, refund progress, images.

States PENDING → PROCESSING (first reply) → PROCESSED; a buyer who complains again opens it anew. The payer's phone
number is RSA-OAEP under the merchant's own key. Uploads sign their ``meta`` alone; downloads bear no seal.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from simulators.complaints import MERCHANT, PLATFORM, Board, Complaint, Line, Trade
from simulators.wechat import tell
from simulators.wechat.methods import Answer, RefusedError
from simulators.wechat.model import SUCCESS, Order, Refund, WechatParty
from simulators.wechat.notify import RETRY_AFTER_S
from simulators.wechat.wire import encrypt, seal
from simulators.world import BEIJING

PATH: Final = "/v3/merchant-service"
UPLOAD: Final = f"{PATH}/images/upload"
_ONE = re.compile(rf"{PATH}/complaints-v2/([0-9A-Za-z]{{1,64}})(?:/([a-z-]+))?")
_IMAGE = re.compile(rf"{PATH}/images/([0-9A-Za-z_]{{1,64}})")
DAYS_MAX, LIST_MAX, HISTORY_MAX = 30, 50, 300
IMAGE_BYTES_MAX = 2 * 1024 * 1024
TEXT_MAX = 200
_KINDS = {"refund": "REFUND", "service": "SERVICE_NOT_WORK", "other": "OTHERS"}
_OPERATIONS = {
    "created": "USER_CREATE_COMPLAINT",
    "again": "USER_CONTINUE_COMPLAINT",
    "say": "USER_RESPONSE",
    "platform": "PLATFORM_RESPONSE",
    "platform_end": "PLATFORM_SERVICE_FINISHED",
    "replied": "MERCHANT_RESPONSE",
    "completed": "MERCHANT_CONFIRM_COMPLETE",
    "approved": "MERCHANT_APPROVE_REFUND",
    "rejected": "MERCHANT_REFUSE_RERUND",
    "refunded": "COMPLAINT_FULL_REFUNDED_SYSTEM_MESSAGE",
    "satisfied": "USER_COMFIRM_COMPLAINT",
    "withdraw": "USER_REVOKE_COMPLAINT",
}
_ACTIONS = {
    "created": "CREATE_COMPLAINT",
    "again": "CONTINUE_COMPLAINT",
    "say": "USER_RESPONSE",
    "platform": "RESPONSE_BY_PLATFORM",
    "platform_end": "PLATFORM_SERVICE_FINISHED",
    "replied": "MERCHANT_RESPONSE",
    "completed": "MERCHANT_CONFIRM_COMPLETE",
    "approved": "MERCHANT_APPROVE_REFUND",
    "rejected": "MERCHANT_REJECT_REFUND",
    "refunded": "REFUND_SUCCESS",
}


class Complaints(Board):
    """The board and its calls."""

    party = "wechat"
    retry_after_s = RETRY_AFTER_S
    opened = "PENDING"
    moves: ClassVar[Mapping[str, str]] = {
        "again": "PENDING",
        "replied": "PROCESSING",
        "approved": "PROCESSING",
        "rejected": "PROCESSING",
        "completed": "PROCESSED",
        "refunded": "PROCESSED",
        "satisfied": "PROCESSED",
        "withdraw": "PROCESSED",
    }
    final = frozenset({"PROCESSED"})

    def __init__(self, side: WechatParty) -> None:
        super().__init__(side.world)
        self.side = side
        self.url = ""

    def trade(self, number: str) -> Trade | None:
        order = self.side.orders.get(number)
        if order is None or not order.paid_fen:
            return None
        return Trade(number, order.transaction_id, order.paid_fen, order.payer)

    def new_no(self) -> str:
        return f"2002{self.world.now().astimezone(BEIJING):%y%m%d%H%M%S}{self.world.next_number():013d}"

    # -- calls

    def call(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer | None:
        """The answer to one of these calls; None for any other path. Raises RefusedError."""
        if path == f"{PATH}/complaint-notifications":
            return self._address(method, body)
        if path == f"{PATH}/complaints-v2" and method == "GET":
            return self._list(query)
        found = _ONE.fullmatch(path)
        if found is None:
            return None
        complaint, end = self.complaints.get(found[1]), found[2] or ""
        if complaint is None:
            raise RefusedError(404, "RESOURCE_NOT_EXISTS", "投诉单不存在")
        if method == "GET" and end == "":
            return self._detail(complaint)
        if method == "GET" and end == "negotiation-historys":
            return self._history(complaint, query)
        deed = {"response": self._reply, "complete": self._complete, "update-refund-progress": self._refund}
        if method != "POST" or end not in deed:
            return None
        if end != "update-refund-progress" and body.get("complainted_mchid") != self.side.mchid:
            raise _wrong("complainted_mchid")
        return deed[end](complaint, body)

    def image(self, path: str) -> bytes | None:
        """The bytes of an image's address."""
        found = _IMAGE.fullmatch(path)
        return self.images.get(found[1]) if found else None

    def upload(self, meta: str, content: bytes, name: str) -> Answer:
        """商户上传反馈图片: JPG, PNG or BMP of at most 2 MB, whose hash the signed `meta` names."""
        try:
            told = json.loads(meta)
        except ValueError:
            told = None
        if not isinstance(told, dict) or told.get("sha256") != hashlib.sha256(content).hexdigest():
            raise _wrong("sha256")
        if (
            not str(told.get("filename")).lower().endswith((".jpg", ".png", ".bmp"))
            or name != told["filename"]
        ):
            raise _wrong("filename")
        if not 0 < len(content) <= IMAGE_BYTES_MAX or not content.startswith(
            (b"\xff\xd8", b"\x89PNG", b"BM")
        ):
            raise _wrong("file")
        return Answer({"media_id": self.keep_image(content)})

    def refund_ended(self, order: Order, made: Refund) -> None:
        """A refund of the trade arrived: WeChat itself writes it into its complaints."""
        done = sum(each.fen for each in order.refunds.values() if each.status == SUCCESS)
        for complaint in self.complaints.values():
            if (
                complaint.trade.number == order.out_trade_no
                and made.status == SUCCESS
                and done >= order.paid_fen
            ):
                self.line(complaint, PLATFORM, "refunded", "该投诉单已全额退款")
                if complaint.approved:
                    self.move(complaint, "refunded")
                self.tell(complaint, "refunded")

    def _address(self, method: str, body: dict[str, Any]) -> Answer:
        if method in ("POST", "PUT"):
            url = body.get("url")
            if not isinstance(url, str) or not url.startswith(("http://", "https://")):
                raise _wrong("url")
            if method == "POST" and self.url:
                raise RefusedError(400, "INVALID_REQUEST", "投诉通知回调地址已存在")
            self.url = url
        if not self.url:
            raise RefusedError(404, "RESOURCE_NOT_EXISTS", "没有投诉通知回调地址")
        if method == "DELETE":
            self.url = ""
            return Answer(status=204)
        return Answer({"mchid": self.side.mchid, "url": self.url})

    def _list(self, query: dict[str, str]) -> Answer:
        begin, end = _day(query, "begin_date"), _day(query, "end_date")
        limit, offset = _count(query, "limit", 10, LIST_MAX), _count(query, "offset", 0, 10**6)
        if not 0 <= (end - begin).days <= DAYS_MAX:
            raise _wrong("end_date")
        if query.get("complainted_mchid", self.side.mchid) != self.side.mchid:
            raise _wrong("complainted_mchid")
        found = [
            each
            for each in reversed(self.complaints.values())
            if begin <= each.at.astimezone(BEIJING).date() <= end
        ]
        data = [self._told(each) for each in found[offset : offset + limit]]
        return Answer({"data": data, "limit": limit, "offset": offset, "total_count": len(found)})

    def _detail(self, complaint: Complaint) -> Answer:
        if self.takes(complaint, "complaint_unknown"):
            raise RefusedError(500, "SYSTEM_ERROR", "系统错误")
        return Answer(self._told(complaint), number=complaint.trade.number)

    def _history(self, complaint: Complaint, query: dict[str, str]) -> Answer:
        limit, offset = _count(query, "limit", 100, HISTORY_MAX), _count(query, "offset", 0, 10**6)
        newest_first = complaint.lines[::-1]
        data = [self._line_told(line) for line in newest_first[offset : offset + limit]]
        return Answer({"data": data, "limit": limit, "offset": offset, "total_count": len(newest_first)})

    def _reply(self, complaint: Complaint, body: dict[str, Any]) -> Answer:
        text, images = body.get("response_content"), body.get("response_images") or []
        if not isinstance(text, str) or not 0 < len(text) <= TEXT_MAX:
            raise _wrong("response_content")
        if not isinstance(images, list) or len(images) > 4 or not set(images) <= self.images.keys():
            raise _wrong("response_images")
        if self.takes(complaint, "complaint_reply_lost"):
            return Answer(never=True)
        self.line(complaint, MERCHANT, "replied", text, images)
        complaint.waiting = False
        if complaint.state == "PENDING":
            self.move(complaint, "replied")
        self.tell(complaint, "replied")
        return Answer(status=204, never=self.takes(complaint, "complaint_reply_timeout"))

    def _complete(self, complaint: Complaint, _: dict[str, Any]) -> Answer:
        if complaint.state != "PROCESSING":
            raise RefusedError(400, "INVALID_REQUEST", "投诉单当前状态不允许反馈处理完成")
        self.line(complaint, MERCHANT, "completed", "")
        self.move(complaint, "completed")
        self.tell(complaint, "completed")
        return Answer(status=204, number=complaint.trade.number)

    def _refund(self, complaint: Complaint, body: dict[str, Any]) -> Answer:
        action, days = body.get("action"), body.get("launch_refund_day")
        if complaint.kind != "refund" or complaint.state == "PROCESSED" or complaint.approved:
            raise RefusedError(400, "INVALID_REQUEST", "投诉单当前状态不允许更新退款审批结果")
        if action == "APPROVE" and (not isinstance(days, int) or not 0 <= days <= 30):
            raise _wrong("launch_refund_day")
        if action == "REJECT" and not 0 < len(str(body.get("reject_reason") or "")) <= TEXT_MAX:
            raise _wrong("reject_reason")
        if action not in ("APPROVE", "REJECT"):
            raise _wrong("action")
        deed = "approved" if action == "APPROVE" else "rejected"
        complaint.approved, complaint.waiting = deed == "approved", False
        self.line(complaint, MERCHANT, deed, str(body.get("reject_reason") or body.get("remark") or ""))
        self.move(complaint, deed)
        self.tell(complaint, deed)
        return Answer(status=204, number=complaint.trade.number)

    # -- how it is told

    def _told(self, complaint: Complaint) -> dict[str, Any]:
        order = self.side.orders.get(complaint.trade.number)
        done = sum(each.fen for each in order.refunds.values() if each.status == SUCCESS) if order else 0
        told = {
            "complaint_id": complaint.no,
            "complaint_time": tell.rfc3339(complaint.at),
            "complaint_detail": complaint.words,
            "complaint_state": complaint.state,
            "complainted_mchid": self.side.mchid,
            "payer_phone": self._hidden(complaint.phone),
            "payer_openid": complaint.trade.payer,
            "complaint_order_info": [
                {
                    "transaction_id": complaint.trade.trade_no,
                    "out_trade_no": complaint.trade.number,
                    "amount": complaint.trade.fen,
                }
            ],
            "complaint_full_refunded": order is not None and done >= order.paid_fen,
            "incoming_user_response": complaint.waiting,
            "problem_description": "充值未到账",
            "user_complaint_times": complaint.times,
            "problem_type": _KINDS[complaint.kind],
            "user_tag_list": [],
            "in_platform_service": complaint.outside,
            "need_immediate_service": False,
        }
        if complaint.kind == "refund":
            told["apply_refund_amount"] = complaint.asked_fen
        if complaint.images:
            told["complaint_media_list"] = [
                {"media_type": "USER_COMPLAINT_IMAGE", "media_url": self._urls(complaint.images)}
            ]
        return told

    def _line_told(self, line: Line) -> dict[str, Any]:
        told: dict[str, Any] = {
            "log_id": line.id,
            "operator": {MERCHANT: "商户", PLATFORM: "微信支付"}.get(line.role, "投诉人"),
            "operate_time": tell.rfc3339(line.at),
            "operate_type": _OPERATIONS[line.kind],
            "operate_details": line.text,
            "image_list": self._urls(line.images) if line.role != "USER" else [],
        }
        if line.images:
            kind = "USER_COMPLAINT_IMAGE" if line.role == "USER" else "OPERATION_IMAGE"
            told["complaint_media_list"] = {"media_type": kind, "media_url": self._urls(line.images)}
        return told

    def _urls(self, images: list[str]) -> list[str]:
        return [f"{self.side.base_url}{PATH}/images/{image}" for image in images]

    def _hidden(self, phone: str) -> str:
        key = self.side.merchant_keys.get(self.side.merchant_serial)
        if key is None:
            return ""
        oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - WeChat's own choice
        return base64.b64encode(key.encrypt(phone.encode(), oaep)).decode()

    # -- the notify

    async def send(self, complaint: Complaint, deed: str, notify_id: str) -> bool:
        if not self.url or deed not in _ACTIONS or self.world.down["wechat"]:
            return not self.url or deed not in _ACTIONS
        plain = json.dumps({"complaint_id": complaint.no, "action_type": _ACTIONS[deed]}).encode()
        secret, nonce = self.side.api_v3_key, self.side.nonce()
        created = deed == "created"
        envelope = {
            "id": notify_id,
            "create_time": tell.rfc3339(self.world.now()),
            "resource_type": "encrypt-resource",
            "event_type": "COMPLAINT.CREATE" if created else "COMPLAINT.STATE_CHANGE",
            "summary": "产生新投诉" if created else "投诉单状态变化",
            "resource": {"original_type": "complaint", **encrypt(plain, secret, nonce[:12], "complaint")},
        }
        body = json.dumps(envelope, ensure_ascii=False).encode()
        headers = seal(self.side.signer(), body, int(self.world.now().timestamp()), self.side.nonce())
        return await self.world.post(self.url, json_bytes=body, headers=headers) is not None


def _day(query: dict[str, str], name: str) -> date:
    try:
        return datetime.strptime(query.get(name, ""), "%Y-%m-%d").replace(tzinfo=BEIJING).date()
    except ValueError:
        raise _wrong(name) from None


def _count(query: dict[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal() or not int(name != "offset") <= int(text) <= most:
        raise _wrong(name)
    return int(text)


def _wrong(name: str) -> RefusedError:
    return RefusedError(400, "PARAM_ERROR", f"参数错误：{name}")
