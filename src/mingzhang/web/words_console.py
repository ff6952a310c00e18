"""Words of the console for codes that stand nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mingzhang.web import words, words_money
from mingzhang.web.words import N_

RECORD_KINDS: Final[Mapping[str, str]] = {
    "done": N_("做了"),
    "seen": N_("看了个人信息"),
    "refused": N_("被拒绝"),
    "account": N_("账户与登录"),
    "viewed": N_("监管查看"),
}
LIMIT_RULES: Final[Mapping[str, str]] = {
    "order_units": N_("一单的数量"),
    "order_fen": N_("一单的金额"),
    "repeat": N_("短时间重复下单"),
    "account": N_("同一充值账号的单数"),
    "account_fen": N_("同一充值账号的金额"),
    "contact": N_("同一联系方式的单数"),
    "contact_fen": N_("同一联系方式的金额"),
    "device": N_("同一设备的单数"),
    "ip_minute": N_("同一网络一分钟的单数"),
    "ip": N_("同一网络的单数"),
    "payer": N_("同一付款人的单数"),
}
LATE_KINDS: Final = (
    *("order", "payment", "supply", "refund", "hint", "suspense", "claim", "fact", "dispute"),
    *words_money.WORK_KINDS,
)
LIST_SORTS: Final[Mapping[str, str]] = {
    "deadline": N_("期限近的在前"),
    "newest": N_("新的在前"),
    "amount": N_("金额大的在前"),
}
SEARCH_GROUPS: Final[Mapping[str, str]] = {
    "orders": N_("订单"),
    "payments": N_("付款单"),
    "attempts": N_("供货单"),
    "refunds": N_("退款单"),
    "suspense": N_("挂账"),
    "people": N_("这个账号或联系方式的订单"),
    "products": N_("商品"),
    "batches": N_("卡密批次"),
    "pages": N_("页面"),
}
BULK_ACTIONS: Final[Mapping[str, str]] = {
    "ask_channel": N_("再问支付通道"),
    "ask_supplier": N_("再问供应商"),
    "ask_refund": N_("再问退款结果"),
    "send_again": N_("重发通知"),
}
BULK_RESULTS: Final[Mapping[str, str]] = {
    "will": N_("会做"),
    "done": N_("已做"),
    "skipped": N_("跳过：现在不需要"),
    "unknown": N_("跳过：没有这一行"),
    "failed": N_("没有成功"),
}
OUTCOMES: Final[Mapping[str, str]] = {
    "delivered": N_("到账成功"),
    "partly_delivered": N_("部分到账"),
    "late_success": N_("迟到的成功"),
    "supplier_refused": N_("供应商拒绝"),
    "supplier_reversed": N_("到账后又撤回"),
    "supplier_unknown": N_("供应商没有明确结果"),
    "payment_contradicted": N_("渠道前后说法不一致"),
    "payment_frozen": N_("渠道冻结款项"),
    "needs_person": N_("转人工"),
    "correction_asked": N_("账号有误，待买家修改"),
    "deadline_missed": N_("超过期限"),
    "refund_arrived": N_("渠道已退款"),
    "refund_refused": N_("渠道拒绝退款"),
    "refund_abnormal": N_("退款打不进原账户"),
}
OUTCOME_GENERAL: Final = N_("其他")
AGES: Final[Mapping[str, str]] = {
    "15m": N_("15 分钟内"),
    "1h": N_("1 小时内"),
    "6h": N_("6 小时内"),
    "24h": N_("24 小时内"),
    "72h": N_("3 天内"),
    "more": N_("更久"),
}
# Whose what a channel or bank lacks is, by the ledger's owner.
MISSING_OWNERS: Final[Mapping[str, str]] = {
    "o": N_("订单的"),
    "S": N_("挂账的"),
    "L": N_("本店应收的"),
    "F": N_("本店自己的"),
}
# Where an order's money may wait, in the order of its way.
STUCK_PLACES: Final = (
    "channel",
    "hold",
    "transit.settlement",
    "custody",
    "supplier.reserved",
    "supplier.settled",
    "refunding",
    "refund.transit",
    "missing",
)
BOARDS: Final[Mapping[str, str]] = {
    "flow": N_("到账与失败"),
    "money": N_("钱在哪"),
    "care": N_("要追的"),
    "risk": N_("风险"),
}
RANGES: Final[Mapping[str, str]] = {
    "24h": N_("24 小时"),
    "7d": N_("7 天"),
    "30d": N_("30 天"),
}
# As staff read them: the buyer is somebody else.
PAY_METHODS: Final[Mapping[str, str]] = {
    "qr": N_("扫码"),
    "page": N_("电脑网页"),
    "wap": N_("手机网页"),
    "h5": N_("手机网页"),
    "jsapi": N_("微信内"),
}
PAY_METHOD_OTHER: Final = N_("其他")
STAFF_ACTORS: Final[Mapping[str, str]] = {**words.ACTORS, "buyer": N_("买家")}
STAFF_ORDER_STATES: Final[Mapping[str, str]] = {
    **words.ORDER_STATES,
    "needs_buyer": N_("待买家处理"),
    "needs_person": N_("待人处理"),
}
