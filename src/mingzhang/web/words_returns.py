"""Words about money that goes back another way than planned (merged by the tables of `words.py` and `problems.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


EVENTS: Final[Mapping[str, str]] = {
    "refund_cut": N_("渠道已自行退回一部分，其余 %(amount)s 继续退款"),
    "refund_dropped": N_("渠道已自行退回全部款项，不再重复退款"),
    "remedy_offered": N_("请您选择：退款，或由另一家供应商补发"),
    "buyer_chose_resupply": N_("您选择了补发"),
    "choice_expired": N_("到期没有选择，款项原路退回"),
    "payee_named": N_("您填写了收款账户 %(account)s"),
    "transfer_asked": N_("经两人复核，把 %(amount)s 转账到您的账户 %(account)s"),
    "refund_returned": N_("银行把 %(amount)s 退了回来，没有转成；请您重新填写收款账户"),
}
SENTENCES: Final[Mapping[str, str]] = {
    "choose_remedy": N_("供应商拒绝了这笔充值，请您选择：退款，或由另一家供应商补发。"),
    "payee_needed": N_("原路退不回去。请您填写收款账户，【%(shop)s】核对后转账给您。"),
    "payee_named": N_("已收到您的收款账户，【%(shop)s】两人核对后转账给您。"),
    "transfer_asked": N_("【%(shop)s】已安排银行转账退给您。"),
    "transfer_processing": N_("银行已受理转账，正在汇给您。"),
    "transfer_arrived": N_("银行已把退款转出到您的账户。"),
}
# In place of the place's own words, by the sentence's code.
SENTENCE_STANDS: Final[Mapping[str, str]] = {"transfer_arrived": N_("银行已转出")}
REFUND_STEPS: Final[Mapping[str, str]] = {
    "transfer_asked": N_("已安排转账"),
    "transfer_accepted": N_("银行已受理"),
    "transfer_arrived": N_("银行已转出"),
}
REFUND_STEPS_NOW: Final[Mapping[str, str]] = {
    "transfer_accepted": N_("等待银行受理"),
    "transfer_arrived": N_("等待银行转出"),
}
REFUND_STATES: Final[Mapping[str, str]] = {
    "returned": N_("银行退回，没有转成"),
    "dropped": N_("不用再退"),
}
ACTIONS: Final[Mapping[str, str]] = {"choose_resupply": N_("补发")}
CHOICE_NOTICE: Final = N_("请买家选退款或补发")
NOTICE: Final = N_("请买家填写收款账户")
PARTIES: Final[Mapping[str, str]] = {"bank_transfer": N_("银行")}
MONEY_NOTES: Final[Mapping[str, str]] = {
    "refund_by_transfer": N_(
        "渠道已经拒绝原路退款，凭据如下。把还没退的钱从存管账户转到买家填写的账户；银行对账单上有了这一笔才算转出。"
    ),
}
PROBLEMS: Final[Mapping[str, str]] = {
    "transfer_not_open": N_("没有渠道拒绝原路退款的凭据，不能转账退款"),
    "payee_missing": N_("买家还没有填写收款账户，或者上次填的已经用过"),
    "no_bank_account": N_("本店还没有登记银行账户，无法转账"),
    "payee_not_open": N_("这张订单现在不需要填写收款账户"),
    "too_many_payees": N_("填写收款账户的次数太多了，请联系客服"),
    "payee_name_invalid": N_("请填写收款人的姓名（2 个字以上，不含数字）"),
    "payee_account_invalid": N_("请填写银行账号（8 到 34 位数字或字母）"),
    "manual_given_back": N_("货款已退给买家，退款以后不要再办；退款以前就办好的，请勾选后再报"),
    "payee_differs": N_("两次填写的账号不一致"),
}
REASONS: Final[Mapping[str, str]] = {
    "charged_back": N_("渠道已自行退回（拒付）"),
    "given_back": N_("款项已退回，不再办理"),
    "refund_returned": N_("银行退回了转账：账户收不了款"),
}
