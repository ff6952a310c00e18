"""Words of disputes (纠纷): kinds, states, terms, what was said and done, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


KINDS: Final[Mapping[str, str]] = {
    "not_arrived": N_("付了款，一直没到账"),
    "shown_arrived_not_received": N_("显示到账成功，但没收到"),
    "wrong_amount": N_("扣款金额不对"),
    "wrong_product": N_("充错商品或账号"),
    "unauthorised_payment": N_("不是我本人付的款"),
    "refund_not_arrived": N_("说已退款，但没收到"),
    "card_invalid": N_("卡密无效或已被使用"),
    "reversed": N_("到账后又被收回"),
}
STATES: Final[Mapping[str, str]] = {
    "open": N_("等商家答复"),
    "working": N_("商家处理中"),
    "asked": N_("等买家补充"),
    "offered": N_("等买家决定"),
    "remedy": N_("方案执行中"),
    "closed": N_("已结束"),
}
# The same to the buyer.
STATES_TO_BUYER: Final[Mapping[str, str]] = {
    **STATES,
    "open": N_("等本店答复"),
    "working": N_("本店处理中"),
    "asked": N_("请您补充情况"),
    "offered": N_("请您决定"),
}
OUTCOMES: Final[Mapping[str, str]] = {
    "refunded": N_("已全额退款"),
    "part_refunded": N_("已按约定部分退款"),
    "resupplied": N_("已补发"),
    "delivered": N_("已到账，买家确认"),
    "charged_back": N_("支付渠道已把钱退给买家"),
    "refunded_outside": N_("渠道侧已退款"),
    "nothing_paid": N_("本单没有付款"),
    "withdrawn": N_("买家撤回"),
    "declined": N_("商家不同意，已说明理由"),
    "lapsed": N_("买家未在期限内回应"),
}
REMEDIES: Final[Mapping[str, str]] = {
    "refund": N_("退款"),
    "resupply": N_("补发"),
}
TURNS: Final[Mapping[str, str]] = {
    "your_turn": N_("轮到您"),
    "theirs": N_("等对方"),
    "outside": N_("等外部结果"),
    "closed": N_("已结束"),
}
STAGES: Final[Mapping[str, str]] = {
    "first": N_("首次答复"),
    "solution": N_("给出方案"),
    "final": N_("最终答复"),
    "outside": N_("渠道或机关的期限"),
    "person": N_("人工处理"),
    "remedy": N_("方案执行"),
}
# What became of one of the shop's terms.
TERMS: Final[Mapping[str, str]] = {
    "runs": N_("计时中"),
    "waits": N_("未到"),
    "paused": N_("暂停"),
    "kept": N_("已做到"),
    "missed": N_("逾期"),
    "over": N_("不再计时"),
}
SOURCES: Final[Mapping[str, str]] = {
    "buyer": N_("买家"),
    "staff": N_("本店员工"),
    "channel": N_("支付渠道转来"),
    "regulator": N_("监管机关转来"),
}
SPEAKERS: Final[Mapping[str, str]] = {
    "buyer": N_("买家"),
    "shop": N_("本店"),
    "channel": N_("支付渠道"),
    "regulator": N_("监管机关"),
    "system": N_("系统记录"),
}
SPEAKERS_TO_BUYER: Final[Mapping[str, str]] = {**SPEAKERS, "buyer": N_("您")}
# What a line of the conversation is, beside plain words.
LINES: Final[Mapping[str, str]] = {
    "opened": N_("提出了纠纷"),
    "joined": N_("同一件事由另一方转来，并入本纠纷"),
    "text": N_("留言"),
    "asked": N_("请买家补充；期限暂停，补充后继续"),
    "offered": N_("提出方案，请买家决定；期限暂停"),
    "accepted": N_("买家接受了方案"),
    "refused": N_("买家没有接受方案，期限继续"),
    "decided": N_("双人复核通过，开始执行"),
    "automatic": N_("逾期未解决，系统按规则自动退款"),
    "nothing_to_refund": N_("逾期未解决；现在没有能自动退的款，转人工处理"),
    "missed": N_("商家逾期，已公开记录"),
    "remedy_failed": N_("方案没有执行成功，商家继续处理"),
    "followed": N_("款项已在退回途中，跟到结束"),
    "charged_back": N_("支付渠道把钱退给了买家（拒付）"),
    "chargeback_won": N_("渠道撤销了拒付，款项回到渠道账户"),
    "refunded_outside": N_("款项已在渠道侧退给买家"),
    "declined": N_("商家不同意"),
    "withdrawn": N_("买家撤回"),
    "delivered": N_("买家确认已到账"),
    "reopened": N_("买家重新打开，期限重新计算"),
    "closed": N_("纠纷结束"),
}
ROLES: Final[Mapping[str, str]] = {
    "support": N_("客服"),
    "finance": N_("财务"),
    "operator": N_("运营"),
}
EVENTS: Final[Mapping[str, str]] = {
    "dispute_opened": N_("提出了纠纷，商家的答复期限开始计时"),
    "dispute_joined": N_("支付渠道转来同一件投诉，并入纠纷"),
    "dispute_message": N_("纠纷有新留言"),
    "dispute_asked": N_("【%(shop)s】请您补充情况"),
    "dispute_offered": N_("【%(shop)s】提出解决方案，请您决定"),
    "dispute_accepted": N_("您接受了解决方案"),
    "dispute_refused": N_("您没有接受解决方案"),
    "dispute_remedy": N_("纠纷有了结果，开始执行"),
    "dispute_remedy_failed": N_("纠纷的方案没有执行成功，继续处理"),
    "dispute_due_soon": N_("纠纷期限将到，已提醒商家"),
    "dispute_breached": N_("【%(shop)s】没有在期限内处理纠纷，已公开记录"),
    "dispute_held": N_("纠纷期间 %(amount)s 锁定，不结算也不动用"),
    "dispute_released": N_("%(amount)s 解除争议锁定"),
    "dispute_closed": N_("纠纷结束"),
    "dispute_reopened": N_("您重新打开了纠纷"),
    "charged_back": N_("%(channel)s把 %(amount)s 退给了付款人（拒付）"),
    "chargeback_won": N_("%(channel)s撤销拒付，%(amount)s 回到渠道账户"),
    "refunded_outside": N_("%(channel)s告知：%(amount)s 已在渠道侧退给付款人"),
}
REASONS: Final[Mapping[str, str]] = {
    "dispute": N_("按纠纷处理结果退款"),
    "dispute_open": N_("买家对这笔付款有争议，先不发送"),
}
MONEY_ACTIONS: Final[Mapping[str, str]] = {"solve_dispute": N_("纠纷处理方案")}
PROBLEMS: Final[Mapping[str, str]] = {
    "dispute_closed": N_("这件纠纷已经结束"),
    "no_offer": N_("现在没有等您决定的方案"),
    "too_many_pauses": N_("已经请买家补充或决定过三次，不能再暂停期限"),
    "message_empty": N_("请写明内容"),
    "dispute_full": N_("这件纠纷的留言太多了，请致电客服"),
    "dispute_invalid": N_("请选择一项"),
    "dispute_not_open": N_("这张订单现在不能按这一项提出纠纷"),
    "dispute_already_open": N_("同一件事已经在处理，请在原纠纷里留言"),
    "too_many_disputes": N_("这张订单的纠纷太多了，请联系客服"),
    "reopen_not_open": N_("不能再次打开：只能重开一次，并且要在结束后 15 天内"),
    "over_refund": N_("金额超过还能退的数额"),
    "resupply_refused": N_("现在不能补发：上一次的结果还没出来，或者次数已到上限"),
}
REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    **{code: (said, N_("请回到纠纷页看最新情况。")) for code, said in PROBLEMS.items()},
    "unknown_dispute": (N_("没有这件纠纷"), N_("请从订单页进入。")),
}
# What templates ask for by name (`View.w`).
TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "dispute_kind": KINDS,
    "dispute_state": STATES,
    "dispute_state_to_buyer": STATES_TO_BUYER,
    "dispute_outcome": OUTCOMES,
    "dispute_remedy": REMEDIES,
    "dispute_turn": TURNS,
    "dispute_stage": STAGES,
    "dispute_source": SOURCES,
    "dispute_speaker": SPEAKERS,
    "dispute_speaker_to_buyer": SPEAKERS_TO_BUYER,
    "dispute_line": LINES,
    "dispute_role": ROLES,
    "dispute_term": TERMS,
}
