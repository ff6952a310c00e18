"""What 福禄's codes, states and words mean: refused with a reason, or unknown.

Only what the vendor's table calls "not accepted" is a refusal. A number that exists already (4010), a failure
while accepting (4008, 4009, 5000, 9999) and everything unlisted is unknown: ask by the same number (F9).
"""

from __future__ import annotations

from typing import Final

from mingzhang.fulfilment.suppliers.base import Reason, SupplyState

OK: Final = "0"
PARTIAL_CREDIT: Final = "partial_credit"
"""Our code for a failure that says only part of the cost came back; how much, the balance tells."""

_NOT_FOUND: Final = "4011"
_DUPLICATE: Final = "4010"
_MAINTENANCE: Final = frozenset({"3003", "3004"})

_REFUSALS: Final[dict[str, Reason]] = {
    **{str(code): Reason.SUPPLIER_ERROR for code in range(1000, 1020)},  # a request that was not accepted
    "2002": Reason.SUPPLIER_ERROR,  # 无效的商户或应用
    "2003": Reason.SUPPLIER_ERROR,  # 商户或应用配置异常
    "3000": Reason.SUPPLIER_ERROR,  # 必须传入商品编号
    "3001": Reason.OFF_SALE,  # 商品不存在或无法购买
    "3002": Reason.OFF_SALE,  # 商品已下架
    "3003": Reason.MAINTENANCE,  # 商品维护中
    "3004": Reason.MAINTENANCE,  # 商品在维护期内
    "3005": Reason.STOCK_OUT,  # 商品库存不足
    "3008": Reason.SUPPLIER_ERROR,  # 商品类型错误
    "4000": Reason.SUPPLIER_ERROR,  # 必须传入外部订单号
    "4001": Reason.SUPPLIER_ERROR,  # 购买数量必须大于0
    "4002": Reason.ACCOUNT_INCOMPLETE,  # 必须传入充值账号
    "4004": Reason.ACCOUNT_BANNED,  # 充值账号在黑名单中
}
_UNCERTAIN: Final = frozenset({"4008", "4009", _NOT_FOUND, "4012", "5000", "9999"})

# First match counts. A short balance is our matter and stands before words about the buyer's account.
_WORDS: Final[tuple[tuple[Reason, tuple[str, ...]], ...]] = (
    (Reason.PREFUND_SHORT, ("余额不足", "预存款不足", "资金不足")),
    (Reason.VELOCITY, ("频繁", "次数超限", "次数上限", "风控")),
    (Reason.ACCOUNT_BANNED, ("封禁", "黑名单", "冻结", "被封")),
    (Reason.MAINTENANCE, ("维护", "系统升级")),
    (Reason.OFF_SALE, ("下架", "停售", "商品不存在")),
    (Reason.STOCK_OUT, ("库存", "缺货")),
    (Reason.PRICE_CHANGED, ("价格", "售价", "亏损", "涨价")),
    (Reason.ACCOUNT_INCOMPLETE, ("必须传入充值账号", "缺少账号", "缺少区服")),
    (Reason.WRONG_REGION, ("归属地", "区服", "地区", "区域")),
    (Reason.NUMBER_SUSPENDED, ("停机", "销号")),
    (Reason.WRONG_ACCOUNT, ("账号", "帐号", "号码", "空号")),
)
_DUPLICATE_WORDS: Final = ("已存在", "重复")
_NOT_FOUND_WORDS: Final = ("订单不存在",)
_REVERSAL_WORD: Final = "冲正"
_PARTIAL_WORD: Final = "部分退款"

_STATES: Final = {
    "success": SupplyState.SUCCEEDED,
    "failed": SupplyState.REFUSED,
    "processing": SupplyState.PROCESSING,
    "untreated": SupplyState.PROCESSING,
}


def refusal_of(code: str, message: str) -> Reason | None:
    """The reason when a submit was certainly not accepted, else None: unknown."""
    if code in _REFUSALS:
        return _REFUSALS[code]
    if code in _UNCERTAIN or is_duplicate(code, message):
        return None
    return reason_in(message)


def reason_in(words: str) -> Reason | None:
    """The reason that the supplier's words name, if they name one."""
    return next((reason for reason, marks in _WORDS if any(mark in words for mark in marks)), None)


def is_duplicate(code: str, message: str) -> bool:
    """Whether the number exists already: sent before, so it is to be asked for (F9)."""
    return code == _DUPLICATE or (code not in _REFUSALS and any(word in message for word in _DUPLICATE_WORDS))


def is_not_found(code: str, message: str) -> bool:
    """Whether a query says that it knows no such order; no proof that none will turn up."""
    return code == _NOT_FOUND or (code not in _REFUSALS and any(w in message for w in _NOT_FOUND_WORDS))


def is_reversal(words: str) -> bool:
    """Whether a failed order says that it was taken back after success (冲正, F19)."""
    return _REVERSAL_WORD in words


def is_partial(words: str) -> bool:
    """Whether a failed order says that only part of its cost came back (部分退款)."""
    return _PARTIAL_WORD in words


def is_maintenance(code: str) -> bool:
    """Whether a code says that the product is under maintenance (R20)."""
    return code in _MAINTENANCE


def state_of(order_state: object) -> SupplyState:
    """An ``order_state``; a word that is not in the vendor's list is unknown."""
    known = _STATES.get(order_state) if isinstance(order_state, str) else None
    return known or SupplyState.UNKNOWN
