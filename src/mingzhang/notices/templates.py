"""The words of the notices, Chinese first. Nothing here may name an account, a card code, a cost or a margin.

Placeholders: shop, order, title, amount (with ¥), reason, place, code (one-time), until (Beijing time). An arrival is always
the supplier's word, a refund always the channel's (screens: "sent" is never called "arrived").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mingzhang.kit.beijing import write_beijing
from mingzhang.kit.money import format_yuan
from mingzhang.notices import templates_case
from mingzhang.notices.model import Audience, Facts, Template
from mingzhang.notices.templates_case import Words

AUDIENCES: Final[dict[Template, tuple[Audience, ...]]] = {
    Template.PAID: (Audience.BUYER, Audience.SHOP),
    Template.DELIVERED: (Audience.BUYER,),
    Template.REFUSED: (Audience.BUYER, Audience.SHOP),
    Template.REFUNDED: (Audience.BUYER,),
    Template.CHOICE_OPEN: (Audience.BUYER,),
    Template.NEEDS_BUYER: (Audience.BUYER,),
    Template.NEEDS_PERSON: (Audience.STAFF, Audience.SHOP),
    Template.REMEDY_CHOICE: (Audience.BUYER,),
    Template.PAYEE_NEEDED: (Audience.BUYER, Audience.STAFF, Audience.SHOP),
    Template.PREFUND_LOW: (Audience.STAFF, Audience.SHOP),
    Template.PREFUND_STOP: (Audience.STAFF, Audience.SHOP),
    Template.KEY_ENDS: (Audience.STAFF, Audience.SHOP),
    Template.STOCK_LOW: (Audience.STAFF, Audience.SHOP),
    Template.COVERAGE_SHORT: (Audience.STAFF, Audience.SHOP),
    Template.LICENCE_ENDS: (Audience.STAFF, Audience.SHOP),
    Template.SIGN_IN_CODE: (Audience.BUYER,),
    Template.DISPUTE_OPENED: (Audience.BUYER, Audience.STAFF, Audience.SHOP),
    Template.DISPUTE_ANSWERED: (Audience.BUYER,),
    Template.DISPUTE_PRESSES: (Audience.STAFF, Audience.SHOP),
    Template.DISPUTE_SETTLED: (Audience.BUYER,),
    Template.WIND_DOWN: (Audience.BUYER,),
    Template.WEBHOOK_DEAD: (Audience.STAFF, Audience.SHOP),
    Template.WEBHOOK: (Audience.WEBHOOK,),
}

BUYER: Final[dict[tuple[Template, str], Words]] = {
    **templates_case.BUYER,
    (Template.PAID, "zh"): (
        "【{shop}】已收到付款 {amount}",
        "您的订单 {order}({title})已付款 {amount}。\n付款成功不等于充值到账:到账后会再通知您。",
    ),
    (Template.PAID, "en"): (
        "[{shop}] Payment of {amount} received",
        "Your order {order} ({title}) is paid: {amount}.\nPaid does not mean delivered: we tell you when it arrives.",
    ),
    (Template.DELIVERED, "zh"): (
        "【{shop}】供应商确认到账:{title}",
        "您的订单 {order}({title}):供应商确认到账成功。\n如果没有收到,请打开订单页,点“显示成功但没收到?”。",
    ),
    (Template.DELIVERED, "en"): (
        "[{shop}] Delivered, says the supplier: {title}",
        "Your order {order} ({title}): the supplier confirms delivery.\n"
        "If nothing arrived, open the order's page and say so there.",
    ),
    (Template.REFUSED, "zh"): (
        "【{shop}】充值失败,{amount} 正在原路退回",
        "您的订单 {order}({title})被供应商拒绝,原因:{reason}。\n"
        "{amount} 正在原路退回,无需您操作,最晚 {until}(北京时间)前办完。退款到账后会再通知您。",
    ),
    (Template.REFUSED, "en"): (
        "[{shop}] Top-up refused, {amount} is on its way back",
        "Your order {order} ({title}) was refused by the supplier. Reason: {reason}.\n"
        "{amount} goes back the way you paid by {until} (Beijing time) at the latest; you need not do anything. "
        "We tell you when it is done.",
    ),
    (Template.REFUNDED, "zh"): (
        "【{shop}】渠道已退款 {amount}",
        "您的订单 {order}({title}):支付渠道已退款 {amount}。\n银行入账可能另需 1–3 个工作日;退款单号见订单页。",
    ),
    (Template.REFUNDED, "en"): (
        "[{shop}] {amount} refunded by the channel",
        "Your order {order} ({title}): the payment channel has refunded {amount}.\n"
        "Your bank may take another 1–3 working days; the reference is on the order's page.",
    ),
    (Template.CHOICE_OPEN, "zh"): (
        "【{shop}】请您选择:退款或继续等待",
        "您的订单 {order}({title})已过承诺时间,供应商仍无结果。\n"
        "请打开订单页选择退款或继续等待。若到 {until}(北京时间)没有选择,由客服处理。",
    ),
    (Template.CHOICE_OPEN, "en"): (
        "[{shop}] Your choice: refund or wait",
        "Your order {order} ({title}) is past its promised time and the supplier has given no result.\n"
        "Open the order's page and choose a refund or to wait on. Without a choice by {until} (Beijing time) "
        "our staff take over.",
    ),
    (Template.NEEDS_BUYER, "zh"): (
        "【{shop}】请修改充值账号,{amount} 还没有花出去",
        "您的订单 {order}({title})停在充值之前,原因:{reason}。\n"
        "请打开订单页修改充值账号,订单随即继续;也可以选择退款。"
        "到 {until}(北京时间)没有修改,{amount} 全额原路退回。",
    ),
    (Template.NEEDS_BUYER, "en"): (
        "[{shop}] Please correct the account; {amount} is not spent",
        "Your order {order} ({title}) stopped before the top-up. Reason: {reason}.\n"
        "Open the order's page and correct the account, and the order goes on; or choose a refund there. "
        "Without a correction by {until} (Beijing time) all of {amount} goes back the way you paid.",
    ),
    (Template.REMEDY_CHOICE, "zh"): (
        "【{shop}】请您选择:退款或补发",
        "您的订单 {order}({title})被供应商拒绝,原因:{reason}。\n"
        "请打开订单页选择退款,或由另一家供应商补发。到 {until}(北京时间)没有选择,{amount} 全额原路退回。",
    ),
    (Template.REMEDY_CHOICE, "en"): (
        "[{shop}] Your choice: refund or another supplier",
        "Your order {order} ({title}) was refused by the supplier. Reason: {reason}.\n"
        "Open the order's page and choose the refund, or another supplier. Without a choice by {until} (Beijing time) "
        "all of {amount} goes back the way you paid.",
    ),
    (Template.PAYEE_NEEDED, "zh"): (
        "【{shop}】请填写收款账户,{amount} 由银行转账退给您",
        "您的订单 {order}({title})的退款没有办成,原因:{reason}。\n"
        "请打开订单页填写您本人的收款账户,本店两个人核对后由银行转账给您。{amount} 仍在原处,没有动。",
    ),
    (Template.PAYEE_NEEDED, "en"): (
        "[{shop}] Please name an account; {amount} is refunded by bank transfer",
        "The refund of your order {order} ({title}) did not go through. Reason: {reason}.\n"
        "Open the order's page and name a bank account of your own; two of us check it and the bank sends the money. "
        "{amount} is where it was.",
    ),
    (Template.SIGN_IN_CODE, "zh"): (
        "【{shop}】验证码 {code}",
        "您的验证码是 {code},用来查看您在本店的订单,{until}(北京时间)前有效,只能用一次。\n"
        "如果不是您本人操作,请不用理会,也不要把它告诉任何人:本店不会向您索要验证码。",
    ),
    (Template.SIGN_IN_CODE, "en"): (
        "[{shop}] Your code: {code}",
        "Your code is {code}. It opens the list of your orders, holds until {until} (Beijing time) and works once.\n"
        "If you did not ask for it, ignore this letter and tell the code to nobody: we never ask for it.",
    ),
}
SHOP: Final[dict[tuple[Template, str], Words]] = {
    **templates_case.SHOP,
    (Template.PAID, "zh"): ("新订单已付款 {amount}", "{order} {title} {amount}"),
    (Template.PAID, "en"): ("New paid order {amount}", "{order} {title} {amount}"),
    (Template.REFUSED, "zh"): ("供应商拒绝,退款中 {amount}", "{order} {title} 原因:{reason}"),
    (Template.REFUSED, "en"): (
        "Refused by the supplier, refunding {amount}",
        "{order} {title}. Reason: {reason}",
    ),
    (Template.NEEDS_PERSON, "zh"): (
        "需要人工处理 {amount}",
        "{order} {title}\n原因:{reason};钱在:{place};期限 {until}(北京时间)。",
    ),
    (Template.NEEDS_PERSON, "en"): (
        "Needs a person: {amount}",
        "{order} {title}\nReason: {reason}. The money is at: {place}. By {until} (Beijing time).",
    ),
    (Template.PAYEE_NEEDED, "zh"): (
        "退款没有办成 {amount}",
        "{order} {title}\n原因:{reason};钱在:{place};期限 {until}(北京时间)。已请买家填写收款账户。",
    ),
    (Template.PAYEE_NEEDED, "en"): (
        "A refund did not go through: {amount}",
        "{order} {title}\nReason: {reason}. The money is at: {place}. By {until} (Beijing time). "
        "The buyer is asked for a bank account.",
    ),
    (Template.PREFUND_LOW, "zh"): (
        "预存款告警:{title}",
        "本店在供应商 {title} 的预存款不多了。按近来的用量预计用到 {until}(北京时间)。请尽快充值预存款。",
    ),
    (Template.PREFUND_LOW, "en"): (
        "Prefund alarm: {title}",
        "Our prefund at the supplier {title} runs low. At the recent rate it lasts until {until} (Beijing time). "
        "Please top it up.",
    ),
    (Template.PREFUND_STOP, "zh"): (
        "预存款即将用完,已暂停销售:{title}",
        "本店在供应商 {title} 的预存款即将用完,预计用到 {until}(北京时间)。没有别家供货的商品已暂停销售,充值后自动恢复。",
    ),
    (Template.PREFUND_STOP, "en"): (
        "Prefund nearly gone, sales stopped: {title}",
        "Our prefund at the supplier {title} is nearly gone; it lasts until {until} (Beijing time). "
        "What nobody else supplies is not sold until it is topped up.",
    ),
    (Template.KEY_ENDS, "zh"): (
        "密钥或证书快到期:{order}",
        "{order} 的有效期到 {until}(北京时间)为止。\n到期后该渠道的通知和查询将无法验证:请提前更换,新旧可同时有效。",
    ),
    (Template.KEY_ENDS, "en"): (
        "A key or certificate ends soon: {order}",
        "{order} is valid until {until} (Beijing time).\nAfter that the channel's notifies and answers cannot be "
        "verified: replace it in time; old and new may be in force together.",
    ),
    (Template.STOCK_LOW, "zh"): (
        "卡密库存不足:{order}",
        "库存商品 {order} 可售只剩 {title} 张。\n卖完即停售,已付款的订单不受影响。",
    ),
    (Template.STOCK_LOW, "en"): (
        "Card stock is low: {order}",
        "{title} cards of {order} are left.\nAt none the sale stops; orders that are paid are not affected.",
    ),
    (Template.LICENCE_ENDS, "zh"): (
        "资质快到期:{title}",
        "{title}({order})的有效期到 {until}(北京时间)为止。\n请在到期前换证,并在资质登记里登记新的一版。",
    ),
    (Template.LICENCE_ENDS, "en"): (
        "A licence ends soon: {title}",
        "{title} ({order}) is valid until {until} (Beijing time).\nHave it renewed before, and enter the new one in the "
        "registry of licences.",
    ),
    (Template.COVERAGE_SHORT, "zh"): (
        "买家款项覆盖不足:差 {amount}",
        "渠道与银行账上属于买家的钱,比应有的少 {amount}。\n毛利划转已停止。请到“覆盖率”页核对逐行依据,补足或查明差额。",
    ),
    (Template.COVERAGE_SHORT, "en"): (
        "Buyers' money is not covered: {amount} short",
        "Channels and bank hold {amount} less than is the buyers'.\nMargin is swept no more. Look at the proof on the page "
        "Coverage, and make good or find the difference.",
    ),
}


def render(
    template: Template,
    audience: Audience,
    language: str,
    facts: Facts,
    shop_name: str,
    words: Callable[[str, str, str], str],
    code: str = "",
) -> Words:
    """Subject (one line) and text in the language ("zh" or "en"); codes go through `words(table, code, language)`."""
    table = BUYER if audience is Audience.BUYER else SHOP
    subject, text = table[template, language]
    values = values_of(language, facts, shop_name, words, code)
    return " ".join(subject.format_map(values).split()), text.format_map(values)


def values_of(
    language: str, facts: Facts, shop_name: str, words: Callable[[str, str, str], str], code: str = ""
) -> dict[str, str]:
    """What is filled into a notice: shop, order, title, amount, reason, place, code, until."""
    return {
        "shop": shop_name,
        "order": facts.order_id,
        "title": facts.title_en if language == "en" and facts.title_en else facts.title_zh,
        "amount": f"¥{format_yuan(facts.amount_fen)}",
        "reason": words("reason", facts.reason, language) if facts.reason else "–",
        "place": words("place", facts.place, language) if facts.place else "–",
        "code": code or "–",
        "until": write_beijing(facts.until)[:16] if facts.until else "–",
    }
