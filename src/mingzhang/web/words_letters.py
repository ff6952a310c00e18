"""Words of the letters, paragraph by paragraph; see `recourse/letters.py` for which letter has which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


LETTERS: Final[Mapping[str, str]] = {
    "demand": N_("催告函（给本店）"),
    "channel": N_("渠道投诉书"),
    "complaint": N_("12315 投诉书"),
    "report": N_("12315 举报书"),
    "association": N_("消费者协会投诉书"),
}
LETTER_NOTES: Final[Mapping[str, str]] = {
    "demand": N_("先让本店知道您要什么、期限是哪天。发给客服，自己留一份。"),
    "channel": N_("发给您付款的渠道，请它核实交易并协助退款。"),
    "complaint": N_("投诉是请有关部门调解、把钱要回来。12315 要填投诉人、被投诉人、事实和请求。"),
    "report": N_("举报是反映违法线索，不处理退款；要退款请另写投诉书。"),
    "association": N_("请消费者协会调解，不收费。"),
}
FIELDS: Final[Mapping[str, str]] = {
    "name": N_("您的姓名"),
    "phone": N_("您的电话"),
    "address": N_("您的通讯地址"),
    "wish": N_("您要求"),
    "violation": N_("您认为违法的地方"),
    "fraud": N_("本店欺骗了您"),
}
WISHES: Final[Mapping[str, str]] = {
    "refund": N_("退款"),
    "resupply": N_("补发"),
    "either": N_("退款或补发"),
}
BLANK: Final = N_("＿＿＿＿")
IN_BRACKETS: Final = N_("（%(licence)s）")

PARAGRAPHS: Final[Mapping[str, str]] = {
    "to_shop": N_("致：%(shop)s%(licence)s"),
    "to_channel": N_("致：%(channel)s客户服务"),
    "to_authority": N_("致：市场监督管理部门（全国 12315 平台）　类别：投诉"),
    "to_authority_report": N_("致：市场监督管理部门（全国 12315 平台）　类别：举报"),
    "to_association": N_("致：消费者协会"),
    "complainant": N_("投诉人：%(name)s　电话：%(phone)s　通讯地址：%(address)s"),
    "reporter": N_("举报人：%(name)s　电话：%(phone)s　通讯地址：%(address)s"),
    "against": N_("对方：%(shop)s%(licence)s　地址：%(shop_address)s　网址：%(site)s"),
    "bought": N_("我于 %(time)s 购买“%(title)s”，付款 %(amount)s。"),
    "numbers": N_("订单号：%(order)s　商户订单号：%(payment)s"),
    "transaction": N_("渠道交易号：%(transaction)s"),
    "state": N_("截至 %(now)s，订单页上写的是：%(state)s。"),
    "reason": N_("商家告知的原因：%(reason)s。"),
    "late": N_("商家承诺的时间是 %(promised)s，已经过了。"),
    "refund_under_way": N_("退款单号：%(refund)s。"),
    "contract": N_(
        "《电子商务法》第四十九条：我选择商品并提交订单成功，合同已经成立。"
        "第五十一条：进入我指定的系统并能检索识别，才算交付。"
    ),
    "no_excuse": N_("系统故障、供应商延迟是商家与他人之间的事，不免除商家对我的责任。"),
    "wish_refund": N_("我的请求：退还 %(amount)s。"),
    "wish_resupply": N_("我的请求：按约定补发。"),
    "wish_either": N_("我的请求：退还 %(amount)s，或按约定补发。"),
    "fraud": N_(
        "我认为商家构成欺诈。依《消费者权益保护法》第五十五条，请求增加赔偿 %(fraud)s"
        "（价款的 %(times)s 倍；不足 %(least)s 的按 %(least)s）。"
    ),
    "term": N_("请在 %(days)s 日内办理并书面答复。逾期我将向支付渠道和 12315 投诉，必要时起诉。"),
    "records": N_("依《电子商务法》第六十二条，请保存并提供本单的原始合同和交易记录。"),
    "ask_channel": N_(
        "请核实这笔交易的去向；交易若已扣款而商家称未收到，请依《电子商务法》第五十五条查明并纠正。"
    ),
    "mediate": N_("请依法受理并组织调解。"),
    "mediate_association": N_("请依《消费者权益保护法》第三十九条予以调解。"),
    "violation": N_("涉嫌违法的事实：%(violation)s"),
    "enclosed": N_("附：交易凭证页、支付记录、与客服的对话。"),
    "sign": N_("%(name)s　%(phone)s　%(today)s"),
}
