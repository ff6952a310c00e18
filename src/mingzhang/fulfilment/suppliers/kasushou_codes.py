"""What 卡速售's codes, states and words mean: refused with a reason, or unknown.

The vendor has three codes only: 200, 400 (``msg`` says why) and 500 (unknown). A 400 is a refusal only when
its words name a reason for which no order can have been made; a number that exists already and every wording
that is not listed here is unknown: ask by the same number (F9).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from mingzhang.fulfilment.suppliers.base import GoodsKind, Reason, SupplyState

OK: Final = "200"
FAILED: Final = "400"
PARTIAL_CREDIT: Final = "partial_credit"
"""Our code for an order that is over while only part of its cost came back, or none: a person must look."""

UNPAID: Final = "unpaid"
"""Our code for an order that the site took and has not paid from our balance."""

WORDS_OF_STATUS: Final[dict[int, str]] = {
    -1: "未支付",
    1: "等待处理",
    2: "正在处理",
    3: "交易成功",
    4: "取消交易",
    5: "已退款",
}
_UNPAID, _DONE = -1, 3
_WORKING: Final = frozenset({1, 2})
_GIVEN_BACK: Final = frozenset({4, 5})

# First match counts. A short balance is our matter and stands before words about the buyer's account.
_WORDS: Final[tuple[tuple[Reason, tuple[str, ...]], ...]] = (
    (Reason.PREFUND_SHORT, ("余额不足", "预存款不足", "资金不足")),
    (Reason.VELOCITY, ("频繁", "次数超限", "次数上限", "风控")),
    (Reason.ACCOUNT_BANNED, ("封禁", "黑名单", "冻结", "被封")),
    (Reason.MAINTENANCE, ("维护", "系统升级")),
    (Reason.PRICE_CHANGED, ("安全价", "调价", "售价", "价格", "亏本")),
    (Reason.OFF_SALE, ("下架", "禁售", "停售", "暂停", "商品不存在")),
    (Reason.STOCK_OUT, ("库存", "缺货")),
    (Reason.ACCOUNT_INCOMPLETE, ("请填写充值账号", "缺少账号", "缺少区服")),
    (Reason.WRONG_REGION, ("归属地", "区服", "地区", "区域")),
    (Reason.NUMBER_SUSPENDED, ("停机", "销号")),
    (Reason.WRONG_ACCOUNT, ("账号", "帐号", "号码", "空号")),
)
_OURS: Final = ("签名", "时间戳", "密钥", "用户不存在", "参数", "白名单", "下单数量", "购买数量")
_DUPLICATE_WORDS: Final = ("已存在", "重复")
_NOT_FOUND_WORDS: Final = ("订单不存在", "未找到订单", "没有找到订单", "查询不到")
_PART_WORD: Final = "部分到账"
_AFTER_SUCCESS_WORDS: Final = ("冲正", "售后", "投诉")


class End(msgspec.Struct, frozen=True, kw_only=True):
    """What an order's status comes to."""

    state: SupplyState
    reason: Reason | None = None
    code: str = OK
    units: int | None = None


def refusal_of(code: str, msg: str) -> Reason | None:
    """The reason when an order was certainly not accepted, else None: unknown."""
    if code != FAILED or is_duplicate(code, msg):
        return None
    ours = Reason.SUPPLIER_ERROR if any(mark in msg for mark in _OURS) else None
    return reason_in(msg) or ours


def reason_in(words: str) -> Reason | None:
    """The reason that the supplier's words name, if they name one."""
    return next((reason for reason, marks in _WORDS if any(mark in words for mark in marks)), None)


def is_duplicate(code: str, msg: str) -> bool:
    """Whether the number exists already: sent before, so it is to be asked for (F9)."""
    return code == FAILED and any(word in msg for word in _DUPLICATE_WORDS)


def is_not_found(code: str, msg: str) -> bool:
    """Whether a query says that it knows no such order; no proof that none will turn up."""
    return code == FAILED and any(word in msg for word in _NOT_FOUND_WORDS)


def _units(total: Decimal | None, back: Decimal | None, quantity: int) -> int | None:
    """How many units came when the others' price is back to the cent; None when it fits no number of them."""
    if not total or not back:
        return None
    lacking = back * quantity / total
    return quantity - int(lacking) if lacking == int(lacking) and 0 < lacking < quantity else None


def status_of(value: object) -> int | None:
    """A status as number or text; None when it is not in the vendor's list."""
    text = str(value)
    known = not isinstance(value, bool) and text.removeprefix("-").isdigit() and text.isascii()
    status = int(text) if known and len(text) <= 2 else None
    return status if status in WORDS_OF_STATUS else None


def end_of(
    status: int | None,
    *,
    total: Decimal | None,
    back: Decimal | None,
    words: str,
    kind: GoodsKind,
    quantity: int,
    cards: int,
) -> End:
    """A status with its money. `total`, `back`: yuan charged and given back; `cards`: distinct ones told.

    Cancelled or refunded (4, 5) frees the cost only when all of it is back. Whether the goods had been
    delivered before, only the words or the cards tell (F19). A done order (3) of which part of the money is
    back may lack some of its units, so it is a success only where all its units are known to be there.
    """
    if status in _WORKING:
        return End(state=SupplyState.PROCESSING)
    if status == _UNPAID:
        return End(state=SupplyState.REFUSED, reason=reason_in(words) or Reason.PREFUND_SHORT, code=UNPAID)
    if status == _DONE and not back:
        return End(state=SupplyState.SUCCEEDED)
    if status != _DONE and status not in _GIVEN_BACK:
        return End(state=SupplyState.UNKNOWN, code="status_unknown")
    whole = total is not None and back is not None and back >= total
    reason = reason_in(words) or Reason.SUPPLIER_ERROR
    if status == _DONE:
        if whole:
            return End(state=SupplyState.REVERSED, reason=reason)
        if quantity == 1 or (kind is GoodsKind.CARD and cards >= quantity):
            return End(state=SupplyState.SUCCEEDED)
        units = _units(total, back, quantity)
        if units and (cards == units if kind is GoodsKind.CARD else _PART_WORD in words):
            return End(state=SupplyState.SUCCEEDED, units=units)
        return End(state=SupplyState.REFUSED, reason=reason, code=PARTIAL_CREDIT)
    code = OK if whole else PARTIAL_CREDIT
    if cards or any(word in words for word in _AFTER_SUCCESS_WORDS):
        return End(state=SupplyState.REVERSED, reason=reason, code=code)
    return End(state=SupplyState.REFUSED, reason=reason, code=code)
