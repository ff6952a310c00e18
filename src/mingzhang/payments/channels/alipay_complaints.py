"""交易投诉 at Alipay: ``alipay.merchant.tradecomplain.*``, ``alipay.merchant.image.upload``, message tradecomplain.changed.

MERCHANT_PROCESSING → MERCHANT_FEEDBACKED → FINISHED; PLATFORM_PROCESSING while Alipay's own people decide. A line of the
negotiation has no number: it is known by its writer, time and words. Pictures lie at plain addresses, fetched over https
alone, from Alipay's hosts. Source: wire.md, Alipay; docs/complaints.md says what had to be guessed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from mingzhang.evidence.messages import Direction, HttpMessage, Message, Standing
from mingzhang.kit.beijing import read_beijing, write_beijing
from mingzhang.kit.clock import Clock
from mingzhang.kit.outbound import ANSWER_BYTES_MAX, Outbound, Silence
from mingzhang.payments.channels.alipay_client import Called, Client
from mingzhang.payments.channels.alipay_notify import PARTY, STALE_AFTER
from mingzhang.payments.channels.alipay_states import read_fen, text_of
from mingzhang.payments.channels.alipay_wire import Verifier, read_form, signed_text
from mingzhang.payments.channels.base import Outcome
from mingzhang.payments.channels.complaints import (
    IMAGE_BYTES_MAX,
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

NOTIFY: Final = "alipay.complaint_notify"
CHANGED: Final = "alipay.merchant.tradecomplain.changed"
_METHOD: Final = "alipay.merchant.tradecomplain"
_UPLOAD: Final = "alipay.merchant.image.upload"
_PAGE: Final = 20
_IMAGE_TIMEOUT_S: Final = 20.0
_NUMBER: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_MILLISECONDS: Final = re.compile(r"[0-9]{13}")
_HOSTS: Final = (".alipay.com", ".alipayobjects.com")
_SETTLED: Final = "05"  # 已完成售后服务
_STATES: Final = {
    "MERCHANT_PROCESSING": ComplaintState.WAITING,
    "MERCHANT_FEEDBACKED": ComplaintState.ANSWERED,
    "PLATFORM_PROCESSING": ComplaintState.OUTSIDE,
    "PLATFORM_FINISH": ComplaintState.DONE,
    "FINISHED": ComplaintState.DONE,
    "CANCELLED": ComplaintState.WITHDRAWN,
    "CLOSED": ComplaintState.WITHDRAWN,
}
_ROLES: Final = {"USER": LineBy.BUYER, "MERCHANT": LineBy.SHOP}
# A refusal that says nothing certain: it may have been done.
_UNCERTAIN: Final = ("SYSTEM_ERROR", "isp.", "aop.")


class AlipayComplaints:
    """The calls. `gateway`: its host may serve pictures, too (a simulator's does)."""

    def __init__(
        self,
        client: Client,
        http: Outbound,
        clock: Clock,
        verifier: Verifier,
        gateway: str,
        app_id: str,
        terms: Terms,
    ) -> None:
        self._client = client
        self._http = http
        self._clock = clock
        self._verifier = verifier
        self._gateway = gateway
        self._app_id = app_id
        self.terms = terms

    async def list_complaints(self, since: datetime, until: datetime, page: int) -> ComplaintsAnswer:
        """``batchquery``, twenty a page."""
        biz = {
            "begin_time": write_beijing(since),
            "end_time": write_beijing(until),
            "page_num": str(page),
            "page_size": str(_PAGE),
        }
        called = await self._client.call(f"{_METHOD}.batchquery", biz)
        rows, pages = called.fields.get("trade_complain_infos", []), called.fields.get("total_page_num", 0)
        if called.outcome is not Outcome.OK or not isinstance(rows, list) or not isinstance(pages, int):
            return ComplaintsAnswer(outcome=Outcome.UNKNOWN, code=called.code, messages=called.messages)
        read = [_complaint(row, ()) for row in rows if isinstance(row, dict)]
        return ComplaintsAnswer(
            outcome=Outcome.OK,
            complaints=tuple(each for each in read if each is not None),
            more=bool(rows) and page < pages,
            messages=called.messages,
        )

    async def read_complaint(self, complaint_no: str) -> ComplaintAnswer:
        """``query``: the complaint and its negotiation in one."""
        called = await self._client.call(f"{_METHOD}.query", {"complain_event_id": complaint_no[:64]})
        if called.outcome is not Outcome.OK:
            outcome, code, text = _judged(called)
            return ComplaintAnswer(outcome=outcome, code=code, text=text, messages=called.messages)
        lines = _lines(called.fields.get("reply_detail_infos"))
        complaint = _complaint(called.fields, lines)
        if complaint is None or complaint.complaint_no != complaint_no:
            return ComplaintAnswer(outcome=Outcome.UNKNOWN, code="malformed_answer", messages=called.messages)
        return ComplaintAnswer(outcome=Outcome.OK, complaint=complaint, lines=lines, messages=called.messages)

    async def reply(self, reply: ComplaintReply) -> ActAnswer:
        """``reply.submit``; while Alipay decides, ``supplement.submit``."""
        name = "supplement" if reply.state is ComplaintState.OUTSIDE else "reply"
        biz = {
            "complain_event_id": reply.complaint_no,
            f"{name}_content": reply.text[: self.terms.reply_max],
        }
        if reply.images:
            biz[f"{name}_images"] = ",".join(list(reply.images)[: self.terms.images_max])
        return _acted(await self._client.call(f"{_METHOD}.{name}.submit", biz))

    async def complete(self, complaint_no: str, text: str) -> ActAnswer:
        """``feedback.submit``: its fields stand beside ``biz_content``, not in it."""
        extra = {
            "complain_event_id": complaint_no,
            "feedback_code": _SETTLED,
            "feedback_content": text[: self.terms.reply_max],
        }
        return _acted(await self._client.call(f"{_METHOD}.feedback.submit", {}, extra))

    async def upload_image(self, jpeg: bytes) -> ActAnswer:
        """``alipay.merchant.image.upload``: at most 5 MB."""
        called = await self._client.upload(
            _UPLOAD, {"image_type": "jpg"}, "image_content", jpeg, "image/jpeg"
        )
        reference = text_of(called.fields, "image_id")
        if called.outcome is Outcome.OK and not 0 < len(reference) <= 256:
            return ActAnswer(outcome=Outcome.UNKNOWN, code="malformed_answer", messages=called.messages)
        return _acted(called, reference)

    async def fetch_image(self, reference: str) -> ImageAnswer:
        """A plain address of Alipay's own hosts; nothing of ours goes along."""
        try:
            parts, home = urlsplit(reference), urlsplit(self._gateway)
            host = parts.hostname or ""
        except ValueError:
            return ImageAnswer(outcome=Outcome.REFUSED, code="image_address")
        own = (parts.scheme, parts.netloc) == (home.scheme, home.netloc)
        if not own and (parts.scheme != "https" or parts.port or not host.endswith(_HOSTS)):
            return ImageAnswer(outcome=Outcome.REFUSED, code="image_address")
        ended = await self._http.get(reference, _IMAGE_TIMEOUT_S, bytes_max=IMAGE_BYTES_MAX)
        if isinstance(ended, Silence):
            return ImageAnswer(outcome=Outcome.UNKNOWN, code=ended.why.value)
        if ended.status != 200:
            return ImageAnswer(outcome=Outcome.UNKNOWN, code=f"http_{ended.status}")
        return ImageAnswer(outcome=Outcome.OK, content=ended.body)

    async def subscribe(self, url: str) -> ActAnswer:  # noqa: ARG002 - it is set in the console (应用网关, 消息订阅)
        """Nothing to call here."""
        return ActAnswer(outcome=Outcome.OK, code="in_console")

    def read_notify(self, http: HttpMessage) -> ComplaintNews:
        """The message names the complaint alone; ``sign_type`` may be signed along or not, both are heard."""
        if len(http.body) > ANSWER_BYTES_MAX or http.method != "POST":
            return _news(http, Standing.FORGED, "too_large" if http.method == "POST" else "wrong_method")
        fields = read_form(http.body)
        if fields is None or not fields.get("sign"):
            return _news(http, Standing.FORGED, "malformed")
        if not self._fits(dict(fields)):
            return _news(http, Standing.FORGED, "bad_signature")
        if fields.get("app_id") != self._app_id:
            return _news(http, Standing.FORGED, "wrong_app")
        number = _named(fields.get("biz_content", ""))
        if fields.get("msg_method") != CHANGED or not number:
            return _news(http, Standing.HINT, "unknown_event")
        sent = fields.get("utc_timestamp", "")
        sent_at = datetime.fromtimestamp(int(sent) / 1000, UTC) if _MILLISECONDS.fullmatch(sent) else None
        if sent_at is None or self._clock.now() - sent_at > STALE_AFTER:
            return _news(http, Standing.HINT, "stale", number)
        return _news(http, Standing.VERIFIED, "", number, sent_at)

    def _fits(self, fields: dict[str, str]) -> bool:
        sign, named = fields.pop("sign"), fields.get("alipay_cert_sn", "")
        bare = {name: text for name, text in fields.items() if name != "sign_type"}
        return fields.get("sign_type", "RSA2") == "RSA2" and any(
            self._verifier.fits(signed_text(each).encode(), sign, named) for each in (bare, fields)
        )


def _complaint(fields: Mapping[str, Any], lines: tuple[Line, ...]) -> Complaint | None:
    """None without number or time."""
    number, made_at = text_of(fields, "complain_event_id"), read_beijing(fields.get("gmt_create"))
    if made_at is None or not _NUMBER.fullmatch(number):
        return None
    word, wish = text_of(fields, "status"), text_of(fields, "leaf_category_name")
    return Complaint(
        complaint_no=number,
        state=_STATES.get(word, ComplaintState.UNKNOWN),
        word=word[:64],
        made_at=made_at,
        changed_at=read_beijing(fields.get("gmt_modified")),
        wish=Wish.REFUND if "退款" in wish else Wish.OTHER,
        words="\n".join(
            text for name in ("complain_reason", "content") if (text := text_of(fields, name)[:WORDS_MAX])
        ),
        phone=text_of(fields, "phone_no")[:32],
        transaction_id=text_of(fields, "trade_no")[:64],
        payment_no=text_of(fields, "merchant_order_no")[:64],
        amount_fen=read_fen(fields, "trade_amount") or 0,
        waits=bool(lines) and lines[-1].by is LineBy.BUYER,
        images=_texts(fields.get("images")),
    )


def _lines(found: object) -> tuple[Line, ...]:
    """The negotiation, oldest first; the oldest, if the buyer's, is the complaint itself."""
    read = [_line(row) for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    known = {line.line_id: line for line in read if line is not None}
    lines = sorted(known.values(), key=lambda line: line.at)
    if lines and lines[0].by is LineBy.BUYER:
        first = lines[0]
        lines[0] = Line(
            line_id=first.line_id,
            by=first.by,
            kind=first.kind,
            at=first.at,
            text=first.text,
            images=first.images,
            opens=True,
        )
    return tuple(lines)


def _line(fields: Mapping[str, Any]) -> Line | None:
    at, role, text = (
        read_beijing(fields.get("gmt_create")),
        text_of(fields, "replier_role"),
        text_of(fields, "content"),
    )
    if at is None:
        return None
    told = f"{role}\n{fields.get('gmt_create')}\n{text}".encode()
    return Line(
        line_id=hashlib.sha256(told).hexdigest()[:32],
        by=_ROLES.get(role, LineBy.CHANNEL),
        kind=role[:64],
        at=at,
        text=text[:WORDS_MAX],
        images=_texts(fields.get("images")),
    )


def _texts(found: object) -> tuple[str, ...]:
    return (
        tuple(each[:1024] for each in found[:16] if isinstance(each, str)) if isinstance(found, list) else ()
    )


def _named(content: str) -> str:
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    number = told.get("complain_event_id") if isinstance(told, dict) else None
    return number if isinstance(number, str) and _NUMBER.fullmatch(number) else ""


def _judged(called: Called) -> tuple[Outcome, str, str]:
    """A business failure is a refusal here, whatever its name begins with, unless it says that it is unsure."""
    refused = called.fields.get("code") == "40004" and not called.code.startswith(_UNCERTAIN)
    certain = called.outcome is Outcome.UNKNOWN and refused and bool(called.code)
    return Outcome.REFUSED if certain else called.outcome, called.code, called.text


def _acted(called: Called, reference: str = "") -> ActAnswer:
    outcome, code, text = _judged(called)
    return ActAnswer(outcome=outcome, reference=reference, code=code, text=text, messages=called.messages)


def _news(
    http: HttpMessage, standing: Standing, refusal: str, number: str = "", sent_at: datetime | None = None
) -> ComplaintNews:
    message = Message(
        party=PARTY,
        kind=NOTIFY,
        direction=Direction.IN,
        standing=standing,
        body=http.body[:ANSWER_BYTES_MAX],
        content_type=http.headers.get("content-type", "")[:200] or "application/octet-stream",
        occurred_at=sent_at,
        note=refusal,
    )
    return ComplaintNews(message=message, complaint_no=number, refusal=refusal)
