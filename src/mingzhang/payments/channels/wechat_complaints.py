"""消费者投诉 2.0 at WeChat Pay: complaints are read, answered and settled under ``/v3/merchant-service``.

PENDING → PROCESSING → PROCESSED; the first reply is due after 24 h, the end after 72 h. The phone number comes encrypted
for our key. A picture's address is taken for its id alone: the call is signed, so it goes to our own gateway only.
Source: wire.md, WeChat Pay v3; docs/complaints.md says what had to be guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

from mingzhang.evidence.messages import Direction, HttpMessage, Message, Standing
from mingzhang.kit.beijing import BEIJING
from mingzhang.kit.clock import Clock
from mingzhang.kit.money import FEN_MAX
from mingzhang.kit.outbound import ANSWER_BYTES_MAX
from mingzhang.payments.channels.base import Outcome
from mingzhang.payments.channels.complaints import (
    COMPLETE,
    IMAGE_BYTES_MAX,
    REFUND,
    WORDS_MAX,
    ActAnswer,
    Complaint,
    ComplaintAnswer,
    ComplaintNews,
    ComplaintReply,
    ComplaintsAnswer,
    ComplaintState,
    ImageAnswer,
    Line,
    LineBy,
    Terms,
    Wish,
)
from mingzhang.payments.channels.wechat_client import MALFORMED, Called, Client
from mingzhang.payments.channels.wechat_keys import PlatformKeys, standing_of
from mingzhang.payments.channels.wechat_notify import PARTY
from mingzhang.payments.channels.wechat_states import read_time, text_of
from mingzhang.payments.channels.wechat_wire import (
    SEALED_TYPE,
    Signer,
    open_resource,
    read_json,
    read_seal,
    with_seal,
)

KIND: Final = "wechat.complaint"
NOTIFY: Final = "wechat.complaint_notify"
_PATH: Final = "/v3/merchant-service"
_PAGE: Final = 50
_HISTORY: Final = 300
_NUMBER: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_IMAGE: Final = re.compile(rf"{_PATH}/images/([^/?#]{{1,256}})")
_EVENTS: Final = frozenset({"COMPLAINT.CREATE", "COMPLAINT.STATE_CHANGE"})
_STATES: Final = {
    "PENDING": ComplaintState.WAITING,
    "PROCESSING": ComplaintState.ANSWERED,
    "PROCESSED": ComplaintState.DONE,
}
_WISHES: Final = {"REFUND": Wish.REFUND, "SERVICE_NOT_WORK": Wish.DELIVERY}
_OPENS: Final = "USER_CREATE_COMPLAINT"
_DEEDS: Final = {
    "MERCHANT_APPROVE_REFUND": REFUND,
    "MERCHANT_REFUSE_RERUND": REFUND,  # WeChat's own spelling
    "MERCHANT_CONFIRM_COMPLETE": COMPLETE,
}
_WITHDRAWN: Final = "USER_REVOKE_COMPLAINT"


class WechatComplaints:
    """The calls. `signer` holds the key that opens a phone number."""

    terms = Terms(first_s=24 * 3600, solved_s=72 * 3600)

    def __init__(
        self,
        client: Client,
        clock: Clock,
        mchid: str,
        signer: Signer,
        keys: PlatformKeys,
        secrets: Sequence[bytes],
    ) -> None:
        self._client = client
        self._clock = clock
        self._mchid = mchid
        self._signer = signer
        self._keys = keys
        self._secrets = secrets

    async def list_complaints(self, since: datetime, until: datetime, page: int) -> ComplaintsAnswer:
        """By Beijing days, fifty a page; what changed in an older complaint is not in it."""
        begin, end = (moment.astimezone(BEIJING).date().isoformat() for moment in (since, until))
        offset = (page - 1) * _PAGE
        query = f"limit={_PAGE}&offset={offset}&begin_date={begin}&end_date={end}"
        called = await self._client.call(f"{KIND}_list", "GET", f"{_PATH}/complaints-v2?{query}")
        rows, total = called.fields.get("data"), called.fields.get("total_count", 0)
        if called.outcome is not Outcome.OK or not isinstance(rows, list) or not isinstance(total, int):
            return ComplaintsAnswer(outcome=_unsure(called), code=called.code, messages=called.messages)
        read = [self._read(row, ()) for row in rows if isinstance(row, dict)]
        return ComplaintsAnswer(
            outcome=Outcome.OK,
            complaints=tuple(each for each in read if each is not None),
            more=bool(rows) and offset + len(rows) < total,
            messages=called.messages,
        )

    async def read_complaint(self, complaint_no: str) -> ComplaintAnswer:
        """Detail and negotiation: two calls; without the second it is not read."""
        if not _NUMBER.fullmatch(complaint_no):
            return ComplaintAnswer(outcome=Outcome.REFUSED, code="no_number")
        target = f"{_PATH}/complaints-v2/{complaint_no}"
        detail = await self._client.call(KIND, "GET", target)
        if detail.outcome is not Outcome.OK:
            return _unread(detail, ())
        said = await self._client.call(
            f"{KIND}_history", "GET", f"{target}/negotiation-historys?limit={_HISTORY}&offset=0"
        )
        rows = said.fields.get("data", [])
        if said.outcome is not Outcome.OK or not isinstance(rows, list):
            return _unread(said, detail.messages)
        read = [_line(row) for row in rows if isinstance(row, dict)]
        lines = tuple(
            sorted((line for line in read if line is not None), key=lambda line: (line.at, line.line_id))
        )
        complaint = self._read(detail.fields, lines)
        messages = detail.messages + said.messages
        if complaint is None or complaint.complaint_no != complaint_no:
            return ComplaintAnswer(outcome=Outcome.UNKNOWN, code=MALFORMED, messages=messages)
        return ComplaintAnswer(outcome=Outcome.OK, complaint=complaint, lines=lines, messages=messages)

    async def reply(self, reply: ComplaintReply) -> ActAnswer:
        """提交回复: at most 200 characters and four pictures."""
        payload: dict[str, object] = {
            "complainted_mchid": self._mchid,
            "response_content": reply.text[: self.terms.reply_max],
        }
        if reply.images:
            payload["response_images"] = list(reply.images)[: self.terms.images_max]
        return await self._act(f"{KIND}_reply", reply.complaint_no, "response", payload)

    async def complete(self, complaint_no: str, text: str) -> ActAnswer:  # noqa: ARG002 - this wire has no place for it
        """反馈处理完成; possible once there was a reply."""
        payload: dict[str, object] = {"complainted_mchid": self._mchid}
        return await self._act(f"{KIND}_complete", complaint_no, "complete", payload)

    async def tell_refund(self, complaint_no: str, *, approved: bool, days: int, text: str) -> ActAnswer:
        """更新退款审批结果, for a complaint that asks for a refund (申请退款单)."""
        payload: dict[str, object] = (
            {"action": "APPROVE", "launch_refund_day": days, "remark": text[:200]}
            if approved
            else {"action": "REJECT", "reject_reason": text[: self.terms.reply_max]}
        )
        return await self._act(f"{KIND}_refund", complaint_no, "update-refund-progress", payload)

    async def upload_image(self, jpeg: bytes) -> ActAnswer:
        """商户上传反馈图片: at most 2 MB."""
        called = await self._client.upload(f"{KIND}_upload", f"{_PATH}/images/upload", "picture.jpg", jpeg)
        reference = text_of(called.fields, "media_id")
        if called.outcome is Outcome.OK and not 0 < len(reference) <= 256:
            return ActAnswer(outcome=Outcome.UNKNOWN, code=MALFORMED, messages=called.messages)
        return _acted(called, reference)

    async def fetch_image(self, reference: str) -> ImageAnswer:
        """图片下载. Whatever host the address names, its id alone is asked for, at our own gateway."""
        found = _IMAGE.fullmatch(urlsplit(reference).path)
        if found is None:
            return ImageAnswer(outcome=Outcome.REFUSED, code="image_address")
        target = f"{_PATH}/images/{quote(found[1], safe='%~')}"
        content, why, message = await self._client.picture(f"{KIND}_image", target, IMAGE_BYTES_MAX)
        outcome = Outcome.UNKNOWN if content is None else Outcome.OK
        return ImageAnswer(outcome=outcome, content=content or b"", code=why, messages=(message,))

    async def subscribe(self, url: str) -> ActAnswer:
        """创建投诉通知回调地址, or change it where there is another."""
        target = f"{_PATH}/complaint-notifications"
        asked = await self._client.call(f"{KIND}_address", "GET", target)
        if asked.outcome is Outcome.OK and asked.fields.get("url") == url:
            return _acted(asked)
        if asked.outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT):
            return _acted(asked)
        method = "PUT" if asked.outcome is Outcome.OK else "POST"
        return _acted(await self._client.call(f"{KIND}_address", method, target, {"url": url}))

    def read_notify(self, http: HttpMessage) -> ComplaintNews:
        """Sealed and encrypted as every notify of WeChat's; it names the complaint and what was done."""
        if len(http.body) > ANSWER_BYTES_MAX or http.method != "POST":
            return _news(http, Standing.FORGED, "too_large" if http.method == "POST" else "wrong_method")
        seal = read_seal(http.headers)
        doubt = self._keys.check(seal, http.body, self._clock.now())
        envelope = read_json(http.body) or {}
        fields = read_json(open_resource(envelope.get("resource"), self._secrets)) or {}
        number = text_of(fields, "complaint_id")
        if doubt is not None:
            # A fitting number under a doubtful seal can only come from somebody with our APIv3 key: worth asking.
            return _news(http, standing_of(doubt), doubt.value, number)
        if not fields:
            return _news(http, Standing.FORGED, "not_decrypted")
        if text_of(envelope, "event_type") not in _EVENTS or not _NUMBER.fullmatch(number):
            return _news(http, Standing.HINT, "unknown_event")
        return _news(http, Standing.VERIFIED, "", number, seal.sent_at if seal else None)

    async def _act(self, kind: str, complaint_no: str, end: str, payload: Mapping[str, object]) -> ActAnswer:
        if not _NUMBER.fullmatch(complaint_no):
            return ActAnswer(outcome=Outcome.REFUSED, code="no_number")
        return _acted(
            await self._client.call(kind, "POST", f"{_PATH}/complaints-v2/{complaint_no}/{end}", payload)
        )

    def _read(self, fields: Mapping[str, Any], lines: Sequence[Line]) -> Complaint | None:
        """None without number, time, or when it is another merchant's."""
        made_at, number = read_time(fields.get("complaint_time")), text_of(fields, "complaint_id")
        if made_at is None or not _NUMBER.fullmatch(number) or fields.get("complainted_mchid") != self._mchid:
            return None
        word = text_of(fields, "complaint_state")
        state = _STATES.get(word, ComplaintState.UNKNOWN)
        if state is ComplaintState.DONE and lines and lines[-1].kind == _WITHDRAWN:
            state = ComplaintState.WITHDRAWN
        if fields.get("in_platform_service") is True and state is not ComplaintState.DONE:
            state = ComplaintState.OUTSIDE
        orders = fields.get("complaint_order_info")
        order = orders[0] if isinstance(orders, list) and orders and isinstance(orders[0], dict) else {}
        return Complaint(
            complaint_no=number,
            state=state,
            word=word[:64],
            made_at=made_at,
            changed_at=lines[-1].at if lines else None,
            wish=_WISHES.get(text_of(fields, "problem_type"), Wish.OTHER),
            words=text_of(fields, "complaint_detail")[:WORDS_MAX],
            phone=self._signer.open_field(text_of(fields, "payer_phone"))[:32],
            transaction_id=text_of(order, "transaction_id")[:64],
            payment_no=text_of(order, "out_trade_no")[:64],
            amount_fen=_whole(order.get("amount")),
            asked_fen=_whole(fields.get("apply_refund_amount")),
            waits=fields.get("incoming_user_response") is True,
            times=_whole(fields.get("user_complaint_times")) or 1,
            refunded=fields.get("complaint_full_refunded") is True,
            images=_media(fields.get("complaint_media_list")),
        )


def _line(fields: Mapping[str, Any]) -> Line | None:
    at, line_id, kind = (
        read_time(fields.get("operate_time")),
        text_of(fields, "log_id"),
        text_of(fields, "operate_type"),
    )
    if at is None or not line_id:
        return None
    by = LineBy.CHANNEL
    if not kind.endswith("_SYSTEM_MESSAGE"):
        by = LineBy.BUYER if kind.startswith("USER_") else LineBy.SHOP if kind.startswith("MERCHANT_") else by
    images = _texts(fields.get("image_list")) + _media(fields.get("complaint_media_list"))
    return Line(
        line_id=line_id[:64],
        by=by,
        kind=_DEEDS.get(kind, kind[:64]),
        at=at,
        text=text_of(fields, "operate_details")[:WORDS_MAX],
        images=tuple(dict.fromkeys(images)),
        opens=kind == _OPENS,
    )


def _media(found: object) -> tuple[str, ...]:
    """The addresses of a media list: an object in the negotiation, a list of them in the detail."""
    parts = found if isinstance(found, list) else [found]
    return tuple(url for part in parts if isinstance(part, dict) for url in _texts(part.get("media_url")))[
        :16
    ]


def _texts(found: object) -> tuple[str, ...]:
    return (
        tuple(each[:1024] for each in found[:16] if isinstance(each, str)) if isinstance(found, list) else ()
    )


def _whole(found: object) -> int:
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= FEN_MAX else 0


def _acted(called: Called, reference: str = "") -> ActAnswer:
    return ActAnswer(
        outcome=called.outcome,
        reference=reference,
        code=called.code,
        text=called.text,
        messages=called.messages,
    )


def _unread(called: Called, before: tuple[Message, ...]) -> ComplaintAnswer:
    return ComplaintAnswer(
        outcome=_unsure(called), code=called.code, text=called.text, messages=before + called.messages
    )


def _unsure(called: Called) -> Outcome:
    """What a verified answer without its content is worth: nothing."""
    return Outcome.UNKNOWN if called.outcome is Outcome.OK else called.outcome


def _news(
    http: HttpMessage, standing: Standing, refusal: str, number: str = "", sent_at: datetime | None = None
) -> ComplaintNews:
    message = Message(
        party=PARTY,
        kind=NOTIFY,
        direction=Direction.IN,
        standing=standing,
        body=with_seal(http.headers, http.body, ANSWER_BYTES_MAX),
        content_type=SEALED_TYPE,
        occurred_at=sent_at,
        note=refusal,
    )
    known = number if _NUMBER.fullmatch(number) and standing is not Standing.FORGED else ""
    return ComplaintNews(message=message, complaint_no=known, refusal=refusal)
