"""Words about money in doubt, money given to its order, and an order that two people give back (`words.py` merges them)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


EVENTS: Final[Mapping[str, str]] = {
    "payment_found": N_("%(channel)s确认了先前否认的付款，款项找到了"),
    "payment_unpaid": N_("已和%(channel)s查明：这笔款从未付出，没有扣您的钱"),
    "made_good": N_("%(channel)s还没有找到这笔款，【%(shop)s】先用自己的钱垫上，订单继续"),
    "claim_given_up": N_("%(channel)s一直没有找到这笔款，【%(shop)s】不再追，损失由本店承担，与您无关"),
    "money_matched": N_("%(channel)s的一笔 %(amount)s 已核实是为本单付的，归入本单"),
    "match_decided": N_("已决定归入订单，先再问一次渠道"),
    "refund_decided": N_("【%(shop)s】决定把款项原路退回给您"),
    "went_ahead": N_("已核实联系方式，本单排在新订单之前处理"),
    "excess_found": N_("%(channel)s确认了先前否认的 %(amount)s"),
    "excess_unpaid": N_("已和%(channel)s查明：多出的 %(amount)s 从未付出"),
    "excess_unfrozen": N_("%(channel)s解除了对 %(amount)s 的冻结"),
    "excess_payee_named": N_("登记了收款账户 %(account)s"),
    "excess_transfer_asked": N_("经两人复核，把多付或重复的 %(amount)s 由银行转账退回"),
    "excess_transferred": N_("多付或重复的 %(amount)s 已由银行转账退回"),
    "excess_matched": N_("%(amount)s 已归入订单"),
}
REASONS: Final[Mapping[str, str]] = {
    "proved_unpaid": N_("已查明没有付款"),
    "staff_refund": N_("本店决定原路退款"),
}
MONEY_ACTIONS: Final[Mapping[str, str]] = {
    "refund_order": N_("原路全额退款"),
    "make_good": N_("由本店垫付，订单继续"),
    "prove_unpaid": N_("查明从未付款"),
    "write_off": N_("不再追讨，作为本店损失"),
}
MONEY_NOTES: Final[Mapping[str, str]] = {
    "deliver_at_shop_cost": N_("再给买家充一次（或发一次卡），费用由本店承担；买家付的钱不动。"),
    "refund_suspense": N_("先再问渠道这笔交易，渠道确认后原路退回。"),
    "refund_order": N_("把本单还没退的钱按原路退给买家，不再充值。"),
    "refund_at_risk": N_(
        "供应商还没有给出结果：现在退款，供应商之后仍可能充值成功，那份成本由本店承担，不能再向买家收回。"
    ),
    "make_good": N_(
        "渠道否认收到过这笔款。用本店自己的钱补上缺口，订单照常继续；渠道以后认了，这笔钱归还本店。"
    ),
    "prove_unpaid": N_(
        "与渠道核对后确定买家从未付出这笔款。账上的这笔款转销，订单按未付款关闭；已经花掉的成本由本店承担。"
    ),
    "write_off": N_("本店垫付的款渠道一直不认：不再追讨，从待核实转为本店损失。渠道以后认了，损失自动冲回。"),
}
SUSPENSE_STATES: Final[Mapping[str, str]] = {"unpaid": N_("查明从未付款")}
SUPPORTS: Final[Mapping[str, str]] = {
    "number": N_("渠道记录里写的就是这张订单的单号"),
    "claim": N_("这张订单的买家提交过这个交易号"),
    "payer": N_("付款人与这张订单先前的付款人相同"),
}
PROBLEMS: Final[Mapping[str, str]] = {
    "ahead_not_open": N_("本单已经发出，或者不在等待发出，不需要优先处理"),
    "not_in_doubt": N_("现在没有待核实的款项，或已经处理过"),
    "own_money_short": N_("本店在存管账户和该渠道的自有资金都不够垫付"),
    "posting_refused": N_("这笔账现在记不了，请刷新再看"),
    "supply_open": N_("供应商的结果还没出来：请先向供应商查询，或者按“供应商未答复时先行退款”处理"),
    "supply_not_open": N_("没有等待结果的供应商指令，请按普通退款处理"),
    "refund_open": N_("已有退款在途中，请先等它的结果"),
    "refund_not_open": N_("现在不能这样退款：订单要在等人处理，并且还有没退的钱"),
    "money_held": N_("款项被渠道冻结或待核实，先等渠道答复"),
    "match_not_open": N_("这张订单现在不能收这笔钱：它已付款、正在处理，或者这笔钱是另一张订单的"),
    "match_amount": N_("金额和订单不符，不能归入"),
    "match_unsupported": N_("没有凭据说明这笔钱是为这张订单付的，不能归入"),
}
