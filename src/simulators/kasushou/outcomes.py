"""Why 卡速售 refuses or fails an order. The vendor has three codes and leaves the rest to free words.

200, 400 and 500 are the vendor's; of the words only "订单已取消，资金已退回商城余额" is. Outcomes are also
picked by the account's last four digits, by the same table as at 福禄.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """An answer that is not a success: the order was not accepted, nothing was charged."""

    code: int
    msg: str


OK = Refusal(200, "成功")
BAD_SIGN = Refusal(400, "签名错误")
BAD_TIME = Refusal(400, "时间戳已过期")
BAD_USER = Refusal(400, "用户不存在")
MISSING = Refusal(400, "参数错误")
BAD_PATH = Refusal(400, "接口参数错误，接口不存在")
NO_PRODUCT = Refusal(400, "商品不存在或已下架")
NO_QUANTITY = Refusal(400, "下单数量不正确")
NO_ACCOUNT = Refusal(400, "请填写充值账号")
DUPLICATE = Refusal(400, "外部订单号已存在，请勿重复提交")
NOT_FOUND = Refusal(400, "订单不存在")
UNKNOWN = Refusal(500, "未知错误")
BALANCE_SHORT = Refusal(400, "账户余额不足，请先充值")
PRICE_RISEN = Refusal(400, "安全价格小于商品售价，商品已调价")

AT_ACCEPTANCE: dict[str, Refusal] = {
    "wrong_account": Refusal(400, "充值账号格式错误，请核对后重新提交"),
    "stock_out": Refusal(400, "商品库存不足"),
    "maintenance": Refusal(400, "商品维护中，暂停下单"),
    "insufficient_balance": BALANCE_SHORT,
}
_BACK = "订单已取消，资金已退回商城余额！"
AFTER_ACCEPTANCE: dict[str, str] = {
    "account_banned": f"充值账号被封禁，{_BACK}",
    "velocity_refused": f"该账号充值过于频繁，触发风控，{_BACK}",
    "region_refused": f"区服或号码归属地不支持，{_BACK}",
    "partial_refund": "充值失败，部分金额已退回商城余额",
}
REVERSED = f"售后处理：充值已冲正，{_BACK}"
UNPAID = "余额不足，订单未支付"
PART_DELIVERED = "部分到账，其余金额已退回商城余额"
DONE = "订单处理完成，期待您的下次光临"
