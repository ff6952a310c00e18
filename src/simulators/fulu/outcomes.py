"""Why 福禄 refuses or fails an order, and outcomes picked by the account's last four digits, as sandboxes do.

Codes 0, 1004, 1016, 1018, 2002, 3001, 3003, 3005, 3008, 4000-4002, 4010, 4011 and 9999 are the vendor's. None
is known for a short balance, a risen price or a wrong account: 4005, 4006 and 4007 stand for them here, and
the Chinese words carry the meaning.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """A refusal in the answer: the order was not accepted, nothing was charged."""

    code: int
    message: str


OK = Refusal(0, "接口调用成功")
BAD_TIME = Refusal(1004, "时间戳已过期")
BAD_SIGN = Refusal(1016, "无效的签名")
MISSING = Refusal(1018, "缺少必要参数或参数格式错误")
BAD_METHOD = Refusal(1005, "无效的接口方法")
BAD_APP = Refusal(2002, "无效的商户或应用")
NO_PRODUCT = Refusal(3001, "商品不存在或无法购买")
WRONG_TYPE = Refusal(3008, "商品类型错误")
NO_NUMBER = Refusal(4000, "必须传入外部订单号")
NO_QUANTITY = Refusal(4001, "购买数量必须大于0")
NO_ACCOUNT = Refusal(4002, "必须传入充值账号")
DUPLICATE = Refusal(4010, "外部订单号已存在")
NOT_FOUND = Refusal(4011, "订单不存在")
UNKNOWN = Refusal(9999, "接口发生未知异常，请联系客服")
BALANCE_SHORT = Refusal(4005, "商户余额不足")
PRICE_RISEN = Refusal(4006, "商品价格已变动，高于客户传入的购买价")

AT_ACCEPTANCE: dict[str, Refusal] = {
    "wrong_account": Refusal(4007, "充值账号错误，请核对后重新提交"),
    "stock_out": Refusal(3005, "商品库存不足"),
    "maintenance": Refusal(3003, "商品维护中"),
    "insufficient_balance": BALANCE_SHORT,
}
AFTER_ACCEPTANCE: dict[str, str] = {
    "account_banned": "充值失败：充值账号被封禁",
    "velocity_refused": "充值失败：该账号充值过于频繁，触发风控",
    "region_refused": "充值失败：充值区服或号码归属地不支持",
    "partial_refund": "充值失败：部分退款",
}

# Last four digits of the charge account → fault. 9000 always succeeds; everything else is ordinary.
BY_SUFFIX: dict[str, str] = {
    "9001": "account_banned",
    "9002": "velocity_refused",
    "9003": "wrong_account",
    "9004": "region_refused",
    "9005": "stock_out",
    "9006": "maintenance",
    "9007": "silent",
    "9008": "late_success",
    "9009": "unknown_http500",
    "9010": "unknown_non_json",
    "9011": "timeout_before_acceptance",
    "9012": "timeout_after_acceptance",
    "9013": "unknown_9999",
    "9014": "query_not_found_then_found",
    "9015": "success_then_reversed",
    "9016": "rate_limited_429",
    "9017": "insufficient_balance",
    "9018": "unknown_html404_after_acceptance",
}
