"""What a page says when a step is refused, for codes that have no better place: title and what to do now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


_LOOK: Final = N_("它的状态可能刚刚变了。请回到订单页看最新情况。")
_AGAIN: Final = N_("没有扣款。请过一会儿再试，或在订单页换一种付款方式。")
_FORM: Final = N_("没有下单，也没有扣款。请回到商品页改好再提交。")
_STAFF: Final = N_("什么都没有改。请返回刷新再看。")

# By code: title, next step.
REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    "order_not_payable": (N_("这张订单现在不能付款"), _LOOK),
    "no_choice_open": (N_("现在没有要您选择的"), _LOOK),
    "unknown_choice": (N_("没有这个选项"), _LOOK),
    "channel_refused": (N_("支付渠道没有接受"), _AGAIN),
    "channel_unavailable": (N_("支付渠道暂时没有回应"), _AGAIN),
    "unknown_channel": (N_("没有这种付款方式"), _AGAIN),
    "bad_method": (N_("没有这种付款方式"), _AGAIN),
    "too_many_payments": (N_("这张订单开了太多次付款"), _AGAIN),
    "key_reused": (N_("同一次提交里出现了不同内容"), N_("没有重复下单。请回到商品页重新填写。")),
    "bad_quantity": (N_("数量不对"), _FORM),
    "bad_account": (N_("充值账号不对"), _FORM),
    "bad_contact": (N_("联系方式不对"), _FORM),
    "bad_password": (N_("查询密码不对"), _FORM),
    "number_not_in_use": (N_("这个号码是空号"), _FORM),
    "no_rules": (N_("本店还没有开始营业"), N_("没有下单，也没有扣款。请稍后再来。")),
    "not_found_or_wrong_contact": (
        N_("没有找到订单，或核对信息不符"),
        N_("请检查单号和下单时留的联系方式；支付宝的交易号、商户订单号也可以。"),
    ),
    "database_unavailable": (N_("系统正忙"), N_("您的款项没有变动。请过一会儿再试。")),
    "busy": (N_("系统正忙"), N_("您的款项没有变动。请过一会儿再试。")),
    "shutting_down": (N_("系统正在更新"), N_("您的款项没有变动。请过一会儿再试。")),
    "supplier_unavailable": (N_("供应商暂时没有回应"), _STAFF),
    "opening_too_late": (
        N_("已与这家供应商有过往来，现在的余额不再是期初余额"),
        N_("没有入账。请按供应商的账单对账，把差额交给财务核对。"),
    ),
    "unknown_claim": (N_("没有这件凭证"), _STAFF),
    "unknown_action": (N_("没有这个操作"), _STAFF),
    "state_refused": (N_("现在不能做这一步"), _STAFF),
    "unknown_staff": (N_("没有这个员工"), _STAFF),
    "approval_own": (N_("不能批准自己提出的，需要另一个人"), _STAFF),
}
