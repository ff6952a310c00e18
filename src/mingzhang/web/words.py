"""From codes to words: every code a page may meet, in Chinese, which is also the gettext message id.

The tables are closed lists. A code that is not in its table gives the table's visible general wording,
never an error and never the raw code; `tests/unit/test_web_words.py` holds the tables against the model.
English lives in `locale/en`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mingzhang.web import (
    words_complaints,
    words_disputes,
    words_doubt,
    words_money,
    words_notices,
    words_people,
    words_refunds,
    words_returns,
    words_status,
)


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


GENERAL: Final = N_("详情请联系客服")

PAY_BADGES: Final[Mapping[str, str]] = {
    "awaiting": N_("待支付"),
    "confirming": N_("支付确认中"),
    "paid": N_("已支付"),
    "closed": N_("已关闭"),
    "refunding": N_("退款中"),
    "partly_refunded": N_("部分退款"),
    "refunded": N_("已退款"),
}
SUPPLY_BADGES: Final[Mapping[str, str]] = {
    "none": N_("尚未发送"),
    "sent": N_("已发送供应商"),
    "processing": N_("供应商处理中"),
    "arrived": N_("到账成功"),
    "partly_arrived": N_("部分到账"),
    "refused": N_("充值失败（供应商拒绝）"),
    "confirming": N_("结果确认中"),
    "needs_you": N_("待您处理"),
}
CARD_SUPPLY_BADGES: Final[Mapping[str, str]] = {
    "none": N_("尚未取卡"),
    "sent": N_("已向供应商取卡"),
    "processing": N_("取卡中"),
    "arrived": N_("已发卡"),
    "partly_arrived": N_("部分发卡"),
    "refused": N_("取卡失败（供应商拒绝）"),
}

# What is going on, after the clause that says where the money is. Keys: shop, party, channel.
SENTENCES: Final[Mapping[str, str]] = {
    "awaiting_payment": N_("等待您支付；过时自动关闭，不会扣款。"),
    "confirming_payment": N_("【%(shop)s】正在向%(channel)s核实这笔付款，不需要您重付。"),
    "paid_waiting_dispatch": N_("【%(shop)s】正在处理，即将发送给供应商。"),
    "sent_to_supplier": N_("已发送给%(supplier)s，等待对方受理。发送不等于到账。"),
    "supplier_processing": N_("%(supplier)s正在处理您的充值。"),
    "confirming_result": N_("%(supplier)s暂时没有结果，【%(shop)s】正在反复查询，不会重复充值。"),
    "waiting_prefund": N_("【%(shop)s】在%(supplier)s的预存款不足，正在补足；补足后立即发送，逾时自动退款。"),
    "waiting_supplier": N_(
        "%(supplier)s暂停服务（维护或故障），指令尚未发出；【%(shop)s】等它恢复或改由别家供货，逾时自动退款。"
    ),
    "choose_refund_or_wait": N_("已过承诺时间仍无结果，请您选择：退款，或继续等待。"),
    "delivered": N_("%(supplier)s确认：到账成功。"),
    "refund_asked": N_("【%(shop)s】已为您申请原路退款。"),
    "refund_processing": N_("%(channel)s正在办理原路退款。"),
    "refund_arrived": N_("%(channel)s已退款；到您的银行卡可能还需 1–3 个工作日。"),
    "partly_refund_asked": N_("%(supplier)s只到账一部分；未到账的部分【%(shop)s】已为您申请原路退款。"),
    "partly_refund_processing": N_("%(supplier)s只到账一部分；未到账的部分%(channel)s正在原路退款。"),
    "partly_refund_arrived": N_("%(supplier)s只到账一部分；未到账的部分%(channel)s已退款。"),
    **words_refunds.SENTENCES,
    **words_returns.SENTENCES,
    "closed_unpaid": N_("订单已关闭，没有收取任何款项。"),
    "needs_person": N_("需要人工核实，【%(shop)s】的客服正在处理。"),
    "needs_buyer": N_("请您修改充值账号，或选择退款。"),
    "money_in_doubt": N_("%(channel)s前后说法不一致，【%(shop)s】正在核实，暂停后续步骤。"),
}
SENTENCE_GENERAL: Final = N_("【%(shop)s】正在处理。")

ACTORS: Final[Mapping[str, str]] = {
    "shop": N_("【%(shop)s】"),
    "buyer": N_("您"),
    "channel": N_("支付通道"),
    "supplier": N_("供应商"),
    "person": N_("人工客服"),
    "": N_("【%(shop)s】"),
}

STEPS: Final[Mapping[str, str]] = {
    "paid": N_("已支付"),
    "sent": N_("已发送供应商"),
    "processing": N_("供应商处理中"),
    "arrived": N_("到账成功"),
    "fetching": N_("取卡中"),
    "issued": N_("已发卡"),
    "refused": N_("供应商拒绝"),
    "refunding": N_("退款中"),
    "refunded": N_("渠道已退款"),
}
# The same steps while they are going on: a step that is not reached is not called by its done name.
STEPS_NOW: Final[Mapping[str, str]] = {
    "paid": N_("等待支付"),
    "sent": N_("正在发送"),
    "arrived": N_("等待到账"),
    "issued": N_("等待发卡"),
    "refunded": N_("等待渠道退款"),
}
REFUND_STEPS_NOW: Final[Mapping[str, str]] = {
    "asked": N_("正在申请退款"),
    "accepted": N_("等待渠道受理"),
    "arrived": N_("等待渠道退款"),
    **words_returns.REFUND_STEPS_NOW,
}
REFUND_STEPS: Final[Mapping[str, str]] = {
    "asked": N_("已申请退款"),
    "accepted": N_("渠道已受理"),
    "arrived": N_("渠道已退款"),
    **words_returns.REFUND_STEPS,
}
STEP_STATES: Final[Mapping[str, str]] = {
    "done": N_("已完成"),
    "now": N_("进行中"),
    "todo": N_("尚未开始"),
    "failed": N_("未成功"),
}

PARTIES: Final[Mapping[str, str]] = {
    "alipay": N_("支付宝"),
    "wechat": N_("微信支付"),
    "epay": N_("易支付"),
    "fulu": N_("福禄"),
    "dtone": N_("DT One"),
    "kasushou": N_("卡速售"),
    "stock": N_("本店卡库"),
    "manual": N_("本店人工"),
    "bank": N_("存管银行"),
    "self": N_("商家自有账户（未存管）"),
    "custody": N_("存管银行"),
    "shop": N_("本店"),
    "platform": N_("本店"),
    "staff": N_("客服"),
    "buyer": N_("您"),
    **words_returns.PARTIES,
}
PARTY_GENERAL: Final = N_("合作方")
CHANNEL_GENERAL: Final = N_("支付通道")
SUPPLIER_GENERAL: Final = N_("供应商")

# A channel and how it is paid, as the buyer chooses it.
WAYS: Final[Mapping[str, str]] = {
    "alipay.qr": N_("支付宝扫码或本机支付"),
    "alipay.page": N_("支付宝网页支付"),
    "alipay.wap": N_("支付宝（本机打开）"),
    "wechat.qr": N_("微信扫码支付"),
    "wechat.jsapi": N_("微信支付（微信内）"),
    "wechat.h5": N_("微信支付（本机浏览器）"),
    "wechat.wap": N_("微信支付（本机打开）"),
    "epay.page": N_("易支付收银台"),
    "epay.wap": N_("易支付收银台（本机打开）"),
    "epay.h5": N_("易支付（本机打开）"),
    "epay.qr": N_("易支付扫码"),
}
WAY_GENERAL: Final = N_("其他付款方式")

# Places as the buyer reads them (ledger.md, "What the buyer is shown"). Key: party.
PLACES: Final[Mapping[str, str]] = {
    "channel": N_("%(party)s"),
    "hold": N_("争议锁定（%(party)s）"),
    "transit.settlement": N_("结算中（%(party)s）"),
    "custody": N_("存管账户"),
    "custody.self": N_("商家自有账户（未存管）"),
    "supplier.reserved": N_("供应商%(party)s（处理中）"),
    "supplier.settled": N_("已用于本单（%(party)s）"),
    "refunding": N_("退款处理中（%(party)s）"),
    "refund.transit": N_("退款处理中（%(party)s）"),
    "refund.arrived": N_("渠道已退款（%(party)s）"),
    "refund.chargeback": N_("渠道已退回（%(party)s）"),
    "missing": N_("待核实款项（%(party)s）"),
    "suspense": N_("待核实款项（%(party)s）"),
}
# The same places inside "¥100.00 目前在…"; the others stand by themselves: "¥100.00 退款处理中（支付宝）".
SENTENCE_AT: Final[Mapping[str, str]] = {
    "channel": N_("%(party)s"),
    "custody": N_("第三方存管账户"),
    "custody.self": N_("商家的自有账户（未存管）"),
    "supplier.reserved": N_("供应商%(party)s"),
}
SENTENCE_STANDS: Final[Mapping[str, str]] = {
    "supplier.settled": N_("已用于本单"),
    "refund.arrived": N_("渠道已退款"),
    **words_returns.SENTENCE_STANDS,
}
PLACE_GENERAL: Final = N_("核实中的位置")

# Places that only books and staff see (finance, not the buyer).
BOOK_PLACES: Final[Mapping[str, str]] = {
    "channel": N_("支付通道"),
    "hold": N_("争议锁定"),
    "refunding": N_("退款处理中"),
    "transit.settlement": N_("结算中"),
    "custody": N_("存管账户"),
    "refund.transit": N_("退款在途"),
    "refund.arrived": N_("渠道已退款"),
    "refund.chargeback": N_("拒付退回"),
    "fee": N_("手续费"),
    "missing": N_("待核实款项"),
    "supplier.free": N_("供应商预存款（可用）"),
    "supplier.reserved": N_("供应商（处理中）"),
    "supplier.settled": N_("已用于订单"),
    "transit.topup": N_("预存款在途"),
    "operator": N_("商家自有账户（利润）"),
    "source.payer": N_("买家付款（来源）"),
    "source.unexplained": N_("来源不明"),
    "source.capital": N_("商家投入（来源）"),
    "source.platform": N_("商家垫付（来源）"),
    "source.margin": N_("利润（来源）"),
    "spent.loss": N_("商家承担的损失"),
    "spent.margin": N_("已计利润"),
}

REASONS: Final[Mapping[str, str]] = {
    "account_banned": N_("目标账号被封禁或停用"),
    "velocity": N_("充值过于频繁，触发供应商风控"),
    "wrong_account": N_("充值账号不存在或不支持"),
    "account_incomplete": N_("充值账号不完整"),
    "wrong_region": N_("账号所在地区不支持此商品"),
    "number_suspended": N_("充值号码已停机或注销"),
    "stock_out": N_("供应商暂时缺货"),
    "off_sale": N_("商品已在供应商处下架"),
    "maintenance": N_("供应商或运营商系统维护"),
    "price_changed": N_("供应商调价，本店按下单价不再采购"),
    "prefund_short": N_("本店在供应商的预存款不足（本店的责任）"),
    "duplicate": N_("供应商称订单号重复"),
    "supplier_error": N_("供应商系统错误"),
    "supplier_refused": N_("供应商拒绝"),
    "buyer_chose_refund": N_("您选择退款"),
    "paid_late": N_("订单关闭后才付款"),
    "excess_money": N_("重复付款或多付"),
    "wrong_amount": N_("付款金额与订单不符"),
    "reversed": N_("供应商到账后又撤回"),
    "late_success": N_("供应商迟到的成功"),
    "partly_delivered": N_("只到账一部分，其余退款"),
    "cost_above_money": N_("进价高于售价，本店需要人工处理"),
    "unknown_outcome": N_("对方一直没有明确结果"),
    "no_result": N_("对方一直没有明确结果"),
    "deadline_passed": N_("超过承诺时间"),
    "payment_contradicted": N_("渠道前后说法不一致"),
    "payment_frozen": N_("支付渠道冻结了这笔款项"),
    "conflict": N_("同一笔交易有两种说法"),
    "no_order": N_("款项找不到对应订单"),
    "cards_missing": N_("供应商称成功但没有给出卡密"),
    "price_expired": N_("下单时的价格已失效"),
    "waiting_float": N_("退款备付金不足"),
    "refund_refused": N_("渠道拒绝退款"),
    "no_answer": N_("供应商在承诺时间内没有答复"),
    "no_choice_made": N_("没有收到您的选择"),
    "partial_credit": N_("供应商只退回了一部分"),
    "supplier_reversed": N_("供应商到账后又撤回"),
    "second_payment": N_("同一订单付了两次"),
    "short_payment": N_("付款少于订单金额"),
    "over_payment": N_("付款多于订单金额"),
    "payment_of_refunded_order": N_("订单已退款后又付了款"),
    "payment_beside_doubt": N_("前一笔付款存疑时又付了款"),
    "unknown_order_number": N_("付款的订单号在本店不存在"),
    "other_currency": N_("付款币种与订单不符"),
    "denied_by_channel": N_("支付渠道否认这笔付款"),
    "no_longer_sold": N_("付款时该商品已停售或改价"),
    "expired": N_("超过付款时间"),
    "float_short": N_("退款备付金不足"),
    "claim_not_found": N_("买家提交的付款，在渠道查不到"),
    "claim_other_order": N_("买家给的单号属于另一张订单"),
    "claim_unknown_order": N_("买家给的付款在渠道有，但不是本店的单号"),
    "deadline_missed": N_("超过规定时间"),
    "refund_abnormal": N_(
        "退款异常：原账户收不了款。请在渠道的商户平台改退到买家的其他账户，办好后点“查询退款结果”"
    ),
    "payer_limit": N_("同一付款人当天付款次数超过本店上限"),
    "notice_failed": N_("通知没有发出去"),
    **words_doubt.REASONS,
    **words_returns.REASONS,
    **words_disputes.REASONS,
    "buyer_request": N_("买家申请退款、补发或其他处理"),
    "key_ends": N_("密钥或证书快到期"),
    "resupply_refused": N_("补发被供应商拒绝"),
}
# Why a product is not sold now (暂停销售), as the buyer reads it before paying.
CLOSURES: Final[Mapping[str, str]] = {
    "maintenance": N_("供应商或运营商系统维护"),
    "paused": N_("本店暂停了销售"),
    "supplier_down": N_("供应商系统暂时没有回应"),
    "prefund": N_("本店在供应商的预存款需要补足"),
    **words_status.CLOSURES,
}
# As staff enter and read them.
PAUSE_CAUSES: Final[Mapping[str, str]] = {
    "maintenance": N_("维护"),
    "paused": N_("暂停"),
    **words_status.PAUSE_CAUSES,
}
ROUTE_MODES: Final[Mapping[str, str]] = {"ordered": N_("按顺序"), "scored": N_("按评分")}
PREFUNDS: Final[Mapping[str, str]] = {
    "unknown": N_("未知"),
    "fine": N_("充足"),
    "low": N_("不多了"),
    "stop": N_("已暂停销售"),
}
CLOSURE_GENERAL: Final = N_("暂时无法供货")

REASON_GENERAL: Final = N_("其他原因，客服可以为您说明")

# The rest of the vocabulary (kit/vocabulary.py): where the cause lies, what happens next.
RESPONSIBLE: Final[Mapping[str, str]] = {
    "buyer": N_("下单时所填，或付款时所付"),
    "shop": N_("本店"),
    "supplier": N_("供应商（对您由本店负责）"),
    "channel": N_("支付渠道（由本店跟进）"),
}
NEXT: Final[Mapping[str, str]] = {
    "next_supplier": N_("本店自动改由下一家供应商充值；都不行就全额原路退款，不需要您做什么。"),
    "correct": N_("请修改充值账号，或选择退款；逾时未改，全额原路退款。"),
    "wait_prefund": N_("本店补足预存款后自动发送；逾时全额原路退款。"),
    "ask_on": N_("本店按同一单号继续查询，不会重复充值。"),
    "choose": N_("本店继续查询；过了承诺时间，您可以选择退款或继续等待。"),
    "refund": N_("款项原路退回，不需要您做什么。"),
    "refund_rest": N_("未到账的部分原路退回，不需要您做什么。"),
    "wait_float": N_("退款排队，备付金补足后自动发出。"),
    "go_on": N_("订单继续；商品已停售或改价的，全额原路退款。"),
    "order_again": N_("没有扣款，可以重新下单；已付款的，本店会查到并继续。"),
    "shop_bears": N_("费用由本店承担，您的退款不受影响。"),
    "person": N_("客服核实后处理，结果写在订单页上。"),
}
ORDER_STATES: Final[Mapping[str, str]] = {
    "awaiting_payment": N_("待支付"),
    "closed": N_("已关闭"),
    "paid": N_("已支付"),
    "supplying": N_("充值中"),
    "needs_buyer": N_("待您处理"),
    "needs_person": N_("待客服处理"),
    "delivered": N_("到账成功"),
    "refunding": N_("退款中"),
    "refunded": N_("已退款"),
}
SUPPLY_STATES: Final[Mapping[str, str]] = {
    "ready": N_("准备发送"),
    "sending": N_("已发送供应商"),
    "processing": N_("供应商处理中"),
    "unknown": N_("结果确认中"),
    "succeeded": N_("到账成功"),
    "refused": N_("供应商拒绝"),
    "reversed": N_("供应商到账后又撤回"),
    "cancelled": N_("没有发出，已取消"),
}

PAID_ASKED: Final = N_("经本店主动查询，%(channel)s确认收到您的 %(amount)s")
# Keys: channel, supplier, amount, shop.
EVENTS: Final[Mapping[str, str]] = {
    "placed": N_("订单已提交"),
    "payment_opened": N_("已在%(channel)s开出付款单"),
    "payment_asked": N_("已向%(channel)s查询付款结果"),
    "payment_hint": N_("收到一条未经验证的付款消息，未采信，改为直接向%(channel)s查询"),
    "payment_forged": N_("收到一条伪造或不符的付款消息，已存证，未采信"),
    "paid": N_("%(channel)s确认收到您的 %(amount)s"),
    "paid_confirmed": N_("%(channel)s再次确认同一笔付款，没有重复入账"),
    "paid_late": N_("订单关闭后，%(channel)s告知收到您的付款"),
    "payment_contradicted": N_("%(channel)s前后说法不一致，款项列为待核实"),
    "payment_frozen": N_("%(channel)s冻结了这笔款项：钱还在，暂时动不了"),
    "payment_unfrozen": N_("%(channel)s解除了冻结"),
    "payment_closed": N_("付款单已在%(channel)s关闭"),
    "expired": N_("超过付款时间，订单关闭"),
    "dispatched": N_("已为本单向%(supplier)s备好充值款"),
    "sent": N_("充值指令已发送给%(supplier)s"),
    "supplier_processing": N_("%(supplier)s已受理，处理中"),
    "supplier_unknown": N_("%(supplier)s没有给出明确结果；不重发，改为反复查询"),
    "supplier_asked": N_("已向%(supplier)s查询结果"),
    "supplier_hint": N_("%(supplier)s发来一条通知，先查询核实，不直接采信"),
    "delivered": N_("%(supplier)s确认到账成功"),
    "cards_issued": N_("卡密已取到并交给您"),
    "supplier_refused": N_("%(supplier)s拒绝了这笔充值"),
    "supplier_reversed": N_("%(supplier)s撤回了先前的到账"),
    "partly_delivered": N_("%(supplier)s确认部分到账，其余部分退款"),
    "rerouted": N_("改由%(supplier)s供货，不需要您做什么"),
    "waiting_prefund": N_("【%(shop)s】在%(supplier)s的预存款不足，订单排队等待，已告警"),
    "waiting_supplier": N_("%(supplier)s暂停服务（维护或故障），指令暂不发出，订单排队等待"),
    "supply_withdrawn": N_("给%(supplier)s的指令没有发出，已取消"),
    "late_success": N_("%(supplier)s迟到的成功：已到账，费用由【%(shop)s】承担"),
    "refund_asked": N_("已申请把 %(amount)s 原路退回"),
    "refund_sent": N_("退款指令已发送给%(channel)s"),
    "refund_accepted": N_("%(channel)s已受理退款"),
    "refund_unknown": N_("%(channel)s没有给出退款结果；不重退，改为查询"),
    "refund_arrived": N_("%(channel)s确认已退款 %(amount)s"),
    "refund_refused": N_("%(channel)s拒绝了退款，转人工处理"),
    "refund_waiting_float": N_("退款备付金不足，退款排队等待，已告警"),
    "choice_open": N_("已到承诺时间仍无结果，您可以选择退款或继续等待"),
    "buyer_chose_refund": N_("您选择了退款"),
    "buyer_chose_wait": N_("您选择了继续等待"),
    "needs_person": N_("转交人工客服处理"),
    "deadline_missed": N_("超过规定时间，已记录并交由人工处理"),
    "refund_abnormal": N_("%(channel)s无法把退款打入原账户（如卡已注销），转人工处理"),
    "correction_asked": N_("请您修改充值账号，订单随即继续"),
    "account_corrected": N_("您把充值账号改为 %(account)s"),
    "correction_expired": N_("到期没有修改充值账号，款项原路退回"),
    "excess_money": N_("收到多付或重复的付款 %(amount)s，单独登记，将退还"),
    "excess_refund_asked": N_("已把多付或重复的 %(amount)s 向%(channel)s申请原路退回"),
    "excess_refunded": N_("多付或重复的 %(amount)s 已由%(channel)s退回"),
    "excess_needs_person": N_("多付或重复的 %(amount)s 需由人工处理"),
    "staff_asked": N_("客服发起了一次查询"),
    "claim_made": N_("您提交了付款凭证，马上去支付渠道查"),
    "claim_found": N_("按您的凭证，在支付渠道查到了付款"),
    "claim_needs_person": N_("多次查询没有查到您的付款，转人工核对"),
    "claim_answered": N_("客服答复了您的付款凭证"),
    "resupply_started": N_("【%(shop)s】为您补发一次，费用由本店承担"),
    **words_doubt.EVENTS,
    **words_returns.EVENTS,
    **words_disputes.EVENTS,
    "request_made": N_("您向本店提出申请，24 小时内答复"),
    "request_answered": N_("本店答复了您的申请"),
}
EVENT_GENERAL: Final = N_("订单有一项新记录")

NUMBERS: Final[Mapping[str, str]] = {
    "order": N_("订单号"),
    "order_id": N_("订单号"),
    "payment": N_("商户订单号"),
    "payment_no": N_("商户订单号"),
    "out_trade_no": N_("商户订单号"),
    "transaction": N_("渠道交易号"),
    "transaction_id": N_("渠道交易号"),
    "attempt": N_("发给供应商的单号"),
    "attempt_no": N_("发给供应商的单号"),
    "supplier": N_("供应商订单号"),
    "supplier_order": N_("供应商订单号"),
    "supplier_order_id": N_("供应商订单号"),
    "refund": N_("退款单号"),
    "refund_no": N_("退款单号"),
    "reference": N_("退款凭证号"),
    "refund_reference": N_("退款凭证号"),
    "serial": N_("运营商流水号"),
}
NUMBER_GENERAL: Final = N_("其他单号")

# The supplier's own words (R40): allow-listed field names.
FEEDBACK: Final[Mapping[str, str]] = {
    "code": N_("返回码"),
    "message": N_("返回说明"),
    "order_id": N_("供应商订单号"),
    "customer_order_no": N_("发给供应商的单号"),
    "order_state": N_("状态"),
    "order_status": N_("状态"),
    "recharge_description": N_("充值说明"),
    "description": N_("充值说明"),
    "operator_serial_number": N_("运营商流水号"),
    "charge_finish_time": N_("完成时间"),
    "finish_time": N_("完成时间"),
    "create_time": N_("受理时间"),
    "charge_account": N_("充值账号"),
    "product_id": N_("商品编号"),
    "product_name": N_("商品名称"),
    "buy_num": N_("数量"),
    "text": N_("返回说明"),
    "state": N_("状态"),
}
FEEDBACK_GENERAL: Final = N_("反馈")

STANDINGS: Final[Mapping[str, str]] = {
    "verified": N_("对方签名，已验证"),
    "answer": N_("对我方查询的答复"),
    "hint": N_("未经验证，仅作线索"),
    "forged": N_("验证不符，未采信"),
    "own": N_("本店记录"),
}

KINDS: Final[Mapping[str, str]] = {
    "direct": N_("直充"),
    "mobile": N_("话费直充"),
    "card": N_("卡密"),
}
KIND_NOTES: Final[Mapping[str, str]] = {
    "direct": N_("直充：直接充进您填写的账号，不会给您卡号。账号填错，钱会充给别人。"),
    "mobile": N_("直充：话费直接充进您填写的手机号，不会给您卡号。号码填错，钱会充给别人。"),
    "card": N_("卡密：给您卡号和密码，由您自己去官方兑换；不会直接充进任何账号。"),
}
TEMPLATES: Final[Mapping[str, str]] = {
    "phone_cn": N_("充值手机号"),
    "qq": N_("充值 QQ 号"),
    "steam64": N_("SteamID64"),
    "game_id": N_("游戏账号 ID"),
    "email": N_("充值邮箱账号"),
    "region": N_("大区"),
    "server": N_("服务器"),
    "none": N_("无需账号"),
}
TEMPLATE_HINTS: Final[Mapping[str, str]] = {
    "phone_cn": N_("11 位中国大陆手机号，请确认未停机"),
    "qq": N_("5–11 位数字，不以 0 开头"),
    "steam64": N_("17 位数字，以 7656119 开头"),
    "game_id": N_("请在游戏内“个人资料”里复制"),
    "email": N_("登录该服务用的邮箱"),
    "region": N_("请按游戏登录界面填写"),
    "server": N_("请按游戏登录界面填写"),
}
TEMPLATE_GENERAL: Final = N_("充值账号")
# Fields beside the account, where the product gives them no label of its own.
FIELD_NAMES: Final[Mapping[str, str]] = {"region": N_("区"), "server": N_("服务器")}
FIELD_GENERAL: Final = N_("补充信息")

# Where a large amount is better bought (R46), where the product itself names nothing. Key: kind or field kind.
OFFICIAL: Final[Mapping[str, str]] = {
    "phone_cn": N_("运营商官方渠道（中国移动 / 联通 / 电信 / 广电 App，或 10086、10010、10000、10099）"),
    "qq": N_("腾讯官方充值中心"),
    "steam64": N_("Steam 官方商店"),
}
OFFICIAL_GENERAL: Final = N_("该商品的官方充值渠道")
LISTING_RULES: Final[Mapping[str, str]] = {
    "instant_arrival": N_("承诺了秒到账、立即到账"),
    "high_return": N_("承诺了低价高返、充值返利"),
    "certain_success": N_("承诺了百分百到账、永不失败"),
    "hidden_source": N_("声称内部渠道或绕过风控"),
    "earnings": N_("承诺了赚钱"),
    "below_floor": N_("价格低于下限"),
}

CATALOGUE_COLUMNS: Final[Mapping[str, str]] = {
    "on_sale": N_("在售"),
    "category": N_("分类"),
    "family": N_("商品系列（编号）"),
    "family_zh": N_("系列名称（中文）"),
    "family_en": N_("系列名称（英文）"),
    "variant_zh": N_("规格（中文）"),
    "variant_en": N_("规格（英文）"),
    "kind": N_("类型"),
    "title_zh": N_("名称（中文）"),
    "title_en": N_("名称（英文）"),
    "face_value": N_("面值（元）"),
    "price": N_("售价（元）"),
    "tiers": N_("阶梯价，如 5:9.80;10:9.60"),
    "cost": N_("进价（元）"),
    "min_quantity": N_("最少数量"),
    "max_quantity": N_("最多数量"),
    "step_quantity": N_("数量步长"),
    "account_template": N_("账号模板"),
    "fields": N_("账号字段（JSON）"),
    "double_entry": N_("账号填两次"),
    "supplier": N_("供应商"),
    "supplier_product": N_("供应商商品编号"),
    "promise": N_("承诺时间，如 15m、72h"),
    "promise_from": N_("承诺时间从，如 24h"),
    "position": N_("排序（小的在前）"),
    "official": N_("大额时提示的官方渠道"),
    "description_zh": N_("说明（中文）"),
    "description_en": N_("说明（英文）"),
    "notice_zh": N_("注意事项（中文）"),
    "notice_en": N_("注意事项（英文）"),
    "picture": N_("图片（指纹）"),
    "product_id": N_("商品编号"),
    "file": N_("文件"),
}
CATALOGUE_GROUPS: Final[Mapping[str, str]] = {
    "sale": N_("售卖"),
    "texts": N_("文字"),
    "place": N_("位置与规格"),
    "order": N_("下单要求"),
    "supply": N_("供货"),
}
CATALOGUE_FAULTS: Final[Mapping[str, str]] = {
    **LISTING_RULES,
    "missing": N_("缺少这一项"),
    "bad_money": N_("金额不对：用元，最多两位小数"),
    "bad_number": N_("不是范围内的整数"),
    "bad_choice": N_("不是可选的值"),
    "bad_span": N_("时间不对：如 15m、72h，最长 72 小时，起点要早于终点"),
    "bad_tiers": N_("阶梯价不对：数量要递增且在范围内，价格不能变高"),
    "bad_fields": N_("账号字段不对：第一项要叫 account，名称不能重复"),
    "bad_template": N_("没有这个账号模板"),
    "template_unfit": N_("卡密不需要账号，其他类型需要"),
    "bad_quantity": N_("最多数量小于最少数量"),
    "bad_id": N_("编号只能用小写字母、数字、- 和 _"),
    "bad_picture": N_("不是图片指纹"),
    "unknown_picture": N_("没有这张图片，请先上传"),
    "unknown_category": N_("没有这个分类"),
    "unknown_column": N_("不认识这一列"),
    "family_differs": N_("同一系列的名称前后不一"),
    "family_unnamed": N_("系列要有中英文名称，规格也要"),
    "twice_in_file": N_("同一个商品编号出现两次"),
    "too_long": N_("太长"),
    "not_printable": N_("含有不能显示的字符"),
    "formula_in_cell": N_("单元格里是公式，请改成值"),
    "sheet_invalid": N_("读不出来：要 CSV 或 XLSX，第一行是列名，含 product_id"),
    "too_large": N_("文件太大：最多 1 MB、5000 行"),
    "catalogue_changed": N_("预览之后商品又变了，请重新看一遍再导入"),
}
IMPORT_OUTCOMES: Final[Mapping[str, str]] = {
    "new": N_("新增"),
    "changed": N_("修改"),
    "same": N_("不变"),
    "refused": N_("有错"),
}

REFUND_STATES: Final[Mapping[str, str]] = {
    "ready": N_("准备退款"),
    "sending": N_("正在发送退款指令"),
    "unknown": N_("退款结果确认中"),
    "accepted": N_("渠道已受理"),
    "arrived": N_("渠道已退款"),
    "refused": N_("渠道拒绝，人工处理中"),
    "waiting_float": N_("退款排队中"),
    **words_returns.REFUND_STATES,
}
PAYMENT_STATES: Final[Mapping[str, str]] = {
    "intent": N_("正在开出付款单"),
    "open": N_("等待付款"),
    "paid": N_("已支付"),
    "closed": N_("已关闭"),
    "failed": N_("付款单开出失败"),
    "contradicted": N_("待核实"),
    "unpaid": words_doubt.SUSPENSE_STATES["unpaid"],
}

ACTIONS: Final[Mapping[str, str]] = {
    "pay": N_("重新获取付款码"),
    "cancel": N_("取消订单"),
    "check_payment": N_("已付款，订单未更新"),
    "choose_refund": N_("选择退款"),
    "keep_waiting": N_("继续等待"),
    "change_account": N_("修改充值账号"),
    "ask_refund": N_("申请退款/补发"),
    "download_proof": N_("下载交易凭证"),
    **words_returns.ACTIONS,
}
ACTION_GENERAL: Final = N_("继续处理")

CLAIM_STATES: Final[Mapping[str, str]] = {
    "asking": N_("正在查"),
    "waiting": N_("还没查到，继续查"),
    "person": N_("人工核对中"),
    "found": N_("已查到"),
    "answered": N_("已答复"),
}
CLAIM_SAID: Final[Mapping[str, str]] = {
    "": N_("还没有答复。"),
    "not_paid": N_("渠道说本单没有成功的付款。"),
    "unknown": N_("渠道没有给出答复。"),
    "paid": N_("渠道说已付款，正在入账。"),
}
CLAIM_ANSWERS: Final[Mapping[str, str]] = {
    "no_payment": N_("核对了渠道账目，本单没有收到这笔付款；您的账单若显示“支付成功”，请联系渠道客服。"),
    "back_at_bank": N_("这笔付款已由渠道退回您的账户；到账一般 1–2 小时，部分银行次日。"),
    "handled": N_("已处理，最新情况见本页。"),
}
WORK_KINDS: Final[Mapping[str, str]] = {
    "order": N_("订单"),
    "payment": N_("付款"),
    "supply": N_("供应商指令"),
    "hint": N_("有人告知的付款"),
    "fact": N_("没能入账的消息"),
    "refund": N_("退款"),
    "suspense": N_("待核实款项（挂账）"),
    "conflict": N_("说法冲突"),
    "claim": N_("付款凭证"),
    "notice": N_("没发出去的通知"),
    "key": N_("密钥与证书"),
    "manual": N_("人工充值"),
    "request": N_("买家申请"),
    **words_money.WORK_KINDS,
    "dispute": N_("纠纷"),
    "complaint": N_("渠道投诉"),
}
SUSPENSE_STATES: Final[Mapping[str, str]] = {
    "open": N_("单独放着"),
    "refunding": N_("退款中"),
    "refunded": N_("渠道已退款"),
    "matched": N_("已归入订单"),
    **words_doubt.SUSPENSE_STATES,
}
WORK_ACTIONS: Final[Mapping[str, str]] = {
    "ask_channel": N_("补发回调（再问渠道）"),
    "ask_supplier": N_("向供应商查询"),
    "ask_refund": N_("查询退款结果"),
    "ask_claim": N_("再问渠道"),
}
CLAIM_FLAGS: Final[Mapping[str, str]] = {
    "other_order": N_("这个单号属于另一张订单：买家不知道，请核实身份"),
    "unknown_order": N_("渠道有这笔付款，但不是本店的单号"),
}
NOTICE_TEMPLATES: Final[Mapping[str, str]] = {
    "paid": N_("已收到付款"),
    "delivered": N_("供应商确认到账"),
    "refused": N_("充值失败，退款中"),
    "refunded": N_("渠道已退款"),
    "choice_open": N_("请买家选择"),
    "needs_buyer": N_("请买家修改账号"),
    "needs_person": N_("需要人工"),
    "payee_needed": words_returns.NOTICE,
    "remedy_choice": words_returns.CHOICE_NOTICE,
    "prefund_low": N_("预存款告警"),
    "prefund_stop": N_("预存款即将用完"),
    "key_ends": N_("密钥或证书快到期"),
    "stock_low": N_("卡密库存不足"),
    "coverage_short": N_("买家款项覆盖不足"),
    "licence_ends": N_("资质快到期"),
    "sign_in_code": N_("验证码"),
    **words_notices.TEMPLATES,
}
NOTICE_AUDIENCES: Final[Mapping[str, str]] = {
    "buyer": N_("买家"),
    "shop": N_("店主"),
    "staff": N_("员工"),
    **words_notices.AUDIENCES,
}
NOTICE_CHANNELS: Final[Mapping[str, str]] = {
    "email": N_("电子邮件"),
    "telegram": N_("Telegram"),
    "bark": N_("Bark"),
    "wecom": N_("企业微信"),
    "dingtalk": N_("钉钉"),
    "feishu": N_("飞书"),
    **words_notices.CHANNELS,
}
NOTICE_STATES: Final[Mapping[str, str]] = {
    "waiting": N_("等待发送"),
    "sending": N_("正在发送"),
    "retrying": N_("没发出去，稍后重试"),
    "sent": N_("对方已接收"),
    "failed": N_("没发出去，已放弃"),
}
# The state of each kind of row on the work list, as "kind:state".
WORK_STATES: Final[Mapping[str, str]] = {
    f"{kind}:{state}": said
    for kind, table in (
        ("order", ORDER_STATES),
        ("payment", PAYMENT_STATES),
        ("supply", SUPPLY_STATES),
        ("refund", REFUND_STATES),
        ("suspense", SUSPENSE_STATES),
        ("claim", CLAIM_STATES),
        ("notice", NOTICE_STATES),
        ("dispute", words_disputes.STATES),
        ("complaint", words_complaints.STATES),
        ("hint", {"waiting": N_("渠道没有答复")}),
        ("key", {"ending": N_("快到期"), "ended": N_("已到期")}),
    )
    for state, said in table.items()
}
MONEY_ACTIONS: Final[Mapping[str, str]] = {
    "refund_at_risk": N_("供应商未答复时先行退款"),
    "deliver_at_shop_cost": N_("商家承担补发"),
    "refund_suspense": N_("待核实款项原路退回"),
    "match_suspense": N_("待核实款项归入订单"),
    "refund_by_transfer": N_("银行转账退款"),
    "settle_difference": N_("了结对账差异"),
    "move_float": N_("调拨备用金"),
    "confirm_by_hand": N_("确认人工充值已办好"),
    **words_doubt.MONEY_ACTIONS,
    **words_people.MONEY_ACTIONS,
    **words_refunds.MONEY_ACTIONS,
    **words_disputes.MONEY_ACTIONS,
}
APPROVAL_STATES: Final[Mapping[str, str]] = {
    "proposed": N_("等第二个人决定"),
    "approved": N_("已批准，待执行"),
    "rejected": N_("已否决"),
    "withdrawn": N_("已撤回"),
    "used": N_("已执行"),
}
WORK_GENERAL: Final = N_("待处理")

SCENARIOS: Final[Mapping[str, str]] = {
    "normal": N_("正常充值"),
    "callback_lost": N_("回调丢失"),
    "refused": N_("供应商拒绝"),
    "silent": N_("供应商不回应"),
    "six_callbacks": N_("六个回调同时到"),
    "kill_worker": N_("强杀进程"),
}
SCENARIO_NOTES: Final[Mapping[str, str]] = {
    "normal": N_("付款、发送、受理、到账，四步实时推送，每一步都有凭证。"),
    "callback_lost": N_(
        "支付宝的成功通知被丢掉，头几次查询也没有答复。买家点“已付款，订单未更新”，本店一直问到查出付款。"
    ),
    "refused": N_("供应商拒绝充值。页面写明原因，款项原路退回，跟到退款完成。"),
    "silent": N_("供应商收单后没有回音。绝不重发；到时由您决定供应商怎样回答。"),
    "six_callbacks": N_("同一个成功通知同时到达六次。只入账一次，只发货一次。"),
    "kill_worker": N_("处理到一半，用 kill -9 杀掉进程。重启后从原处继续。"),
}
SCENARIO_TYPICAL: Final[Mapping[str, str]] = {
    "normal": N_("常见系统此时：只显示“支付成功”，不说到账没有"),
    "callback_lost": N_("常见系统此时：停在“待支付”"),
    "refused": N_("常见系统此时：只显示“充值失败”，没有原因，等人工退款"),
    "silent": N_("常见系统此时：一直转圈，或重发一次，充了两次"),
    "six_callbacks": N_("常见系统此时：发出几份卡密"),
    "kill_worker": N_("常见系统此时：订单永远停在“处理中”"),
}
OUTCOMES: Final[Mapping[str, str]] = {
    "success": N_("回答成功"),
    "failure": N_("回答失败"),
    "silence": N_("继续沉默"),
}


def word(table: Mapping[str, str], code: str, general: str = GENERAL) -> str:
    """The Chinese wording of `code`, of its family ("bank.*"), or the general one when the code is unknown."""
    return table.get(code) or table.get(f"{code.partition('.')[0]}.*", general)
