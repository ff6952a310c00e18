"""WeChat Pay's own list of a day's trades (交易账单): fetched, held against its hash and its own totals, read.

Ready at 10:00 on the next day, Beijing time. CSV: a header, rows whose every value begins with a backtick, a
header of totals, the totals. The file itself bears no seal: the hash inside the sealed answer vouches for it.
"""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from mingzhang.evidence.messages import Message, Standing
from mingzhang.kit.beijing import BEIJING, read_beijing
from mingzhang.kit.clock import Clock
from mingzhang.kit.errors import Problem
from mingzhang.kit.money import Fen, parse_yuan
from mingzhang.payments.channels.base import BillAnswer, Outcome, TradeAnswer, TradesAnswer, TradeState
from mingzhang.payments.channels.wechat_client import MALFORMED, Called, Client
from mingzhang.payments.channels.wechat_states import CURRENCY, mask_openid, text_of

READY_AT: Final = timedelta(hours=10)
PLAIN_BYTES_MAX: Final = 64 * 1024 * 1024
"""A bill that unpacks to more is not read: about two hundred thousand rows."""

NO_TRADES: Final = "NO_STATEMENT_EXIST"
_PAID: Final = "SUCCESS"
_REFUND: Final = "REFUND"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a payment, or with `refund_no` a refund of one; fen. `fee_fen` is negative when it comes back."""

    at: datetime
    transaction_id: str
    payment_no: str
    buyer_mask: str
    amount_fen: Fen
    fee_fen: int
    refund_no: str = ""
    refund_id: str = ""


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """A day's trades as WeChat lists them."""

    outcome: Outcome
    rows: tuple[Row, ...] = ()
    code: str = ""
    text: str = ""
    messages: tuple[Message, ...] = ()


class Bills:
    """Fetches bills; keeps the last one, so that reading it page by page costs one download."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._kept: tuple[date, Bill] | None = None

    async def list_trades(self, offset: int, limit: int) -> TradesAnswer:
        """The payments of the last day whose bill is ready, newest first; what went back the same day with them."""
        day = last_day(self._clock.now())
        bill = self._kept[1] if self._kept is not None and self._kept[0] == day else await self.read(day)
        if bill.outcome is Outcome.OK:
            # What was fetched once is evidence once.
            self._kept = (day, msgspec.structs.replace(bill, messages=()))
        trades = sorted(_trades(bill.rows), key=lambda trade: trade.transaction_id, reverse=True)
        trades.sort(key=lambda trade: trade.paid_at or self._clock.now(), reverse=True)
        return TradesAnswer(
            outcome=bill.outcome,
            trades=tuple(trades[max(0, offset) : max(0, offset) + max(0, limit)]),
            code=bill.code,
            text=bill.text,
            messages=bill.messages,
        )

    async def read(self, day: date) -> Bill:
        """One day's bill. A day without trades is an empty bill; one that is not ready is unknown."""
        target = f"/v3/bill/tradebill?bill_date={day.isoformat()}&bill_type=ALL&tar_type=GZIP"
        called = await self._client.call("wechat.bill", "GET", target)
        if called.outcome is Outcome.REFUSED and called.code == NO_TRADES:
            return Bill(outcome=Outcome.OK, code=called.code, text=called.text, messages=called.messages)
        if called.outcome is not Outcome.OK:
            outcome = Outcome.UNKNOWN if called.outcome is Outcome.REFUSED else called.outcome
            return Bill(outcome=outcome, code=called.code, text=called.text, messages=called.messages)
        packed, why, message = await self._client.file("wechat.bill", text_of(called.fields, "download_url"))
        messages = (*called.messages, *message)
        if packed is None:
            return Bill(outcome=Outcome.UNKNOWN, code=why, messages=messages)
        rows = _checked(called, packed)
        if rows is None:
            return Bill(outcome=Outcome.UNKNOWN, code=MALFORMED, messages=messages)
        return Bill(outcome=Outcome.OK, rows=rows, messages=messages)

    async def fetch(self, kind: str, day: date) -> BillAnswer:
        """A day's `tradebill` or `fundflowbill` as it is, unpacked and held against the hash of the sealed answer."""
        more = "bill_type=ALL" if kind == "tradebill" else "account_type=BASIC"
        target = f"/v3/bill/{kind}?bill_date={day.isoformat()}&{more}&tar_type=GZIP"
        called = await self._client.call("wechat.bill", "GET", target)
        if called.outcome is Outcome.REFUSED and called.code == NO_TRADES:
            return BillAnswer(outcome=Outcome.OK, code=called.code, messages=called.messages)
        if called.outcome is not Outcome.OK:
            outcome = Outcome.UNKNOWN if called.outcome is Outcome.REFUSED else called.outcome
            return BillAnswer(outcome=outcome, code=called.code, text=called.text, messages=called.messages)
        packed, why, message = await self._client.file("wechat.bill", text_of(called.fields, "download_url"))
        plain = _genuine(called, packed) if packed is not None else None
        if plain is None:
            messages = (*called.messages, *message)
            return BillAnswer(outcome=Outcome.UNKNOWN, code=why or MALFORMED, messages=messages)
        # The file itself is kept whole elsewhere; what vouches for it is the sealed answer before it.
        return BillAnswer(
            outcome=Outcome.OK,
            name=f"wechat-{kind}-{day:%Y%m%d}.csv",
            content=plain,
            standing=Standing.VERIFIED,
            messages=called.messages,
        )


def last_day(now: datetime) -> date:
    """The last Beijing day whose bill is ready."""
    return (now.astimezone(BEIJING) - READY_AT - timedelta(days=1)).date()


def read_rows(text: str) -> tuple[Row, ...] | None:
    """The rows of a bill; None when a row cannot be read, or its own totals do not fit."""
    lines = [line for line in text.removeprefix("\ufeff").splitlines() if line]
    if len(lines) < 3:
        return None
    names = lines[0].split(",")
    sums = dict(zip(lines[-2].split(","), _cells(lines[-1]), strict=False))
    rows: list[Row] = []
    paid_fen = 0
    for line in lines[1:-2]:
        cells = _cells(line)
        if len(cells) != len(names) or not line.startswith("`"):
            return None
        told = dict(zip(names, cells, strict=True))
        row = _row(told)
        if row is None:
            return None
        rows.append(row)
        paid_fen += 0 if row.refund_no else row.amount_fen
    total = _yuan(sums.get("订单总金额", ""))
    return tuple(rows) if sums.get("总交易单数") == str(len(rows)) and total == paid_fen else None


def _checked(called: Called, packed: bytes) -> tuple[Row, ...] | None:
    """Rows of a file whose plain text has the hash that the sealed answer named."""
    plain = _genuine(called, packed)
    try:
        return None if plain is None else read_rows(plain.decode())
    except ValueError:
        return None


def _genuine(called: Called, packed: bytes) -> bytes | None:
    """A file's plain bytes, if they have the hash that the sealed answer named."""
    try:
        unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
        plain = unpacking.decompress(packed, PLAIN_BYTES_MAX)
    except zlib.error:
        return None
    if not unpacking.eof or text_of(called.fields, "hash_type") != "SHA1":
        return None
    found = hashlib.sha1(plain, usedforsecurity=False).hexdigest()
    return plain if hmac.compare_digest(found, text_of(called.fields, "hash_value").lower()) else None


def _row(told: dict[str, str]) -> Row | None:
    at = read_beijing(told.get("交易时间"))
    refund_no = told.get("商户退款单号", "") if told.get("交易状态") == _REFUND else ""
    amount_fen = _yuan(told.get("申请退款金额" if refund_no else "订单金额", ""))
    fee_fen = _fee(told.get("手续费", ""))
    row = Row(
        at=at or datetime.max.replace(tzinfo=BEIJING),
        transaction_id=told.get("微信订单号", ""),
        payment_no=told.get("商户订单号", ""),
        buyer_mask=mask_openid(told.get("用户标识", "")),
        amount_fen=amount_fen or 0,
        fee_fen=fee_fen or 0,
        refund_no=refund_no,
        refund_id=told.get("微信退款单号", "") if refund_no else "",
    )
    known = told.get("交易状态") in (_PAID, _REFUND) and told.get("货币种类") == CURRENCY
    if not known or at is None or amount_fen is None or fee_fen is None:
        return None
    return row if row.transaction_id and row.payment_no else None


def _trades(rows: tuple[Row, ...]) -> Iterator[TradeAnswer]:
    back: dict[str, Fen] = {}
    for row in rows:
        if row.refund_no:
            back[row.transaction_id] = back.get(row.transaction_id, 0) + row.amount_fen
    for row in rows:
        if row.refund_no:
            continue
        refunded_fen = min(back.get(row.transaction_id, 0), row.amount_fen)
        yield TradeAnswer(
            state=TradeState.REFUNDED if refunded_fen == row.amount_fen else TradeState.PAID,
            payment_no=row.payment_no,
            transaction_id=row.transaction_id,
            amount_fen=row.amount_fen,
            refunded_fen=refunded_fen,
            paid_at=row.at,
            buyer_mask=row.buyer_mask,
        )


def _cells(line: str) -> list[str]:
    return line.removeprefix("`").split(",`")


def _yuan(text: str) -> Fen | None:
    try:
        return parse_yuan(text)
    except Problem:
        return None


def _fee(text: str) -> int | None:
    """A fee in yuan with up to five decimals, negative when it comes back; None unless it is whole fen."""
    try:
        fen = Decimal(text) * 100
        return int(fen) if fen == fen.to_integral_value() and abs(fen) < 10**12 else None
    except InvalidOperation:
        return None
