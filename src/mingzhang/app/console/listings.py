"""The console's lists, one declaration each. A further list is one more `Listing` here and its statements."""

from __future__ import annotations

from typing import Final

from mingzhang.app.console.listing import Listing
from mingzhang.kit.sql import load
from mingzhang.orders.limit_rules import RULES
from mingzhang.staff.rights import Right
from mingzhang.web import words, words_console, words_disputes
from mingzhang.web.model_console import Column, Filter
from mingzhang.web.words import N_

SQL: Final = load("mingzhang.app.console", "lists")
_ORDER: Final = "/staff/orders/{order_id}"
_COSTS: Final = Right.VIEW_COSTS.value


def _col(
    name: str, title: str, kind: str = "text", table: str = "", right: str = "", link: str = ""
) -> Column:
    return Column(name=name, title=title, kind=kind, table=table, right=right, link=link)


def _one_of(name: str, title: str, table: str, choices: tuple[str, ...]) -> Filter:
    return Filter(name=name, title=title, table=table, choices=choices)


def _typed(name: str, title: str, kind: str = "word") -> Filter:
    return Filter(name=name, title=title, kind=kind)


CHANNEL: Final = Filter(name="channel", title=N_("支付通道"), kind="channel")
SUPPLIER: Final = Filter(name="supplier", title=N_("供应商"), kind="supplier")
NEXT: Final = _col("next_actor", N_("下一步"), "word", "staff_actor")
DEADLINE: Final = _col("deadline_at", N_("期限"), "time")
REASON: Final = _col("reason", N_("原因"), "word", "reason")

LISTINGS: Final[tuple[Listing, ...]] = (
    Listing(
        name="orders",
        path="/staff/orders",
        title=N_("全部订单"),
        right=Right.VIEW_ORDERS,
        walk=SQL.walk_orders,
        reach=SQL.reach_orders,
        few=SQL.list_open_orders,
        columns=(
            _col("order_id", N_("订单号"), "code", link=_ORDER),
            _col("title", N_("商品"), "title"),
            _col("price_fen", N_("金额"), "yuan"),
            _col("cost_fen", N_("进价"), "yuan", right=_COSTS),
            _col("state", N_("状态"), "word", "staff_order_state"),
            REASON,
            _col("supplier", N_("供应商"), "supplier"),
            _col("account_mask", N_("充值账号"), "person"),
            _col("contact_mask", N_("联系方式"), "person"),
            NEXT,
            DEADLINE,
            _col("placed_at", N_("下单"), "time"),
            _col("paid_at", N_("付款"), "time"),
            _col("finished_at", N_("完成"), "time"),
        ),
        filters=(
            _one_of("state", N_("状态"), "staff_order_state", tuple(words.ORDER_STATES)),
            _typed("product", N_("商品编号")),
            SUPPLIER,
        ),
        sealed={"account_mask": "account_enc", "contact_mask": "contact_enc"},
    ),
    Listing(
        name="payments",
        path="/staff/payments",
        title=N_("付款单"),
        right=Right.VIEW_ORDERS,
        walk=SQL.walk_payments,
        reach=SQL.reach_payments,
        few=SQL.list_open_payments,
        columns=(
            _col("payment_no", N_("商户订单号"), "code", link=_ORDER),
            _col("channel", N_("支付通道"), "channel"),
            _col("method", N_("方式"), "word", "pay_method"),
            _col("amount_fen", N_("金额"), "yuan"),
            _col("paid_fen", N_("实付"), "yuan"),
            _col("state", N_("状态"), "word", "payment_state"),
            _col("transaction_id", N_("渠道交易号"), "code"),
            _col("buyer_mask", N_("付款人"), "person"),
            _col("asked", N_("问过几次")),
            NEXT,
            DEADLINE,
            _col("opened_at", N_("开单"), "time"),
            _col("paid_at", N_("付款"), "time"),
        ),
        filters=(
            _one_of("state", N_("状态"), "payment_state", tuple(words.PAYMENT_STATES)),
            CHANNEL,
            _typed("method", N_("方式")),
        ),
    ),
    Listing(
        name="attempts",
        path="/staff/attempts",
        title=N_("供货单"),
        right=Right.VIEW_ORDERS,
        walk=SQL.walk_attempts,
        reach=SQL.reach_attempts,
        few=SQL.list_open_attempts,
        columns=(
            _col("attempt_no", N_("发给供应商的单号"), "code", link=_ORDER),
            _col("supplier", N_("供应商"), "supplier"),
            _col("supplier_product", N_("供应商商品")),
            _col("quantity", N_("数量")),
            _col("cost_fen", N_("进价"), "yuan", right=_COSTS),
            _col("state", N_("状态"), "word", "supply_state"),
            REASON,
            _col("code", N_("返回码"), "code"),
            _col("supplier_order_id", N_("供应商订单号"), "code"),
            _col("asked", N_("问过几次")),
            NEXT,
            DEADLINE,
            _col("sent_at", N_("发出"), "time"),
            _col("finished_at", N_("完成"), "time"),
        ),
        filters=(
            _one_of("state", N_("状态"), "supply_state", tuple(words.SUPPLY_STATES)),
            SUPPLIER,
            _one_of("reason", N_("原因"), "reason", tuple(words.REASONS)),
        ),
    ),
    Listing(
        name="refunds",
        path="/staff/refunds",
        title=N_("退款单"),
        right=Right.VIEW_ORDERS,
        walk=SQL.walk_refunds,
        reach=SQL.reach_refunds,
        few=SQL.list_open_refunds,
        letters=("M", "S"),
        columns=(
            _col("refund_no", N_("退款单号"), "code", link=_ORDER),
            _col("channel", N_("支付通道"), "channel"),
            _col("amount_fen", N_("金额"), "yuan"),
            _col("cause", N_("原因"), "word", "reason"),
            _col("state", N_("状态"), "word", "refund_state"),
            _col("destination", N_("退到"), "person"),
            _col("reference", N_("退款凭证号"), "code"),
            NEXT,
            DEADLINE,
            _col("promised_at", N_("承诺"), "time"),
            _col("planned_at", N_("申请"), "time"),
            _col("accepted_at", N_("受理"), "time"),
            _col("arrived_at", N_("退回"), "time"),
        ),
        filters=(
            _one_of("state", N_("状态"), "refund_state", tuple(words.REFUND_STATES)),
            CHANNEL,
            _typed("cause", N_("原因代码")),
        ),
    ),
    Listing(
        name="suspense",
        path="/staff/lists/suspense",
        title=N_("全部挂账"),
        right=Right.VIEW_ORDERS,
        walk=SQL.walk_suspense,
        reach=SQL.reach_suspense,
        letters=("S",),
        columns=(
            _col("item_id", N_("单号"), "code", link="/staff/suspense/{item_id}"),
            _col("order_id", N_("订单号"), "code", link=_ORDER),
            _col("amount_fen", N_("金额"), "yuan"),
            _col("cause", N_("原因"), "word", "reason"),
            _col("state", N_("状态"), "word", "suspense_state"),
            _col("channel", N_("支付通道"), "channel"),
            _col("transaction_id", N_("渠道交易号"), "code"),
            NEXT,
            DEADLINE,
            _col("known_at", N_("发现"), "time"),
        ),
        filters=(
            _one_of("state", N_("状态"), "suspense_state", tuple(words.SUSPENSE_STATES)),
            CHANNEL,
            _typed("cause", N_("原因代码")),
        ),
    ),
    Listing(
        name="claims",
        path="/staff/lists/claims",
        title=N_("全部付款凭证"),
        right=Right.VIEW_ORDERS,
        walk=SQL.walk_claims,
        reach=SQL.reach_claims,
        columns=(
            _col("claim_id", N_("凭证"), "code", link=_ORDER + "#claims"),
            _col("number", N_("交易号"), "code"),
            _col("state", N_("状态"), "word", "claim_state"),
            _col("flag", N_("标记"), "word", "claim_flag"),
            _col("said", N_("渠道说"), "word", "claim_said"),
            _col("answer", N_("答复"), "word", "claim_answer"),
            _col("answered_by", N_("谁答复")),
            NEXT,
            DEADLINE,
            _col("made_at", N_("提交"), "time"),
            _col("finished_at", N_("了结"), "time"),
        ),
        filters=(
            _one_of("state", N_("状态"), "claim_state", tuple(words.CLAIM_STATES)),
            _one_of("flag", N_("标记"), "claim_flag", tuple(words.CLAIM_FLAGS)),
            _one_of("said", N_("渠道说"), "claim_said", tuple(code for code in words.CLAIM_SAID if code)),
        ),
    ),
    Listing(
        name="disputes",
        path="/staff/lists/disputes",
        title=N_("全部纠纷"),
        right=Right.VIEW_ORDERS,
        walk=SQL.walk_disputes,
        reach=SQL.reach_disputes,
        columns=(
            _col("dispute_id", N_("纠纷"), "code", link="/staff/disputes/{dispute_id}"),
            _col("order_id", N_("订单号"), "code", link=_ORDER),
            _col("kind", N_("买家说"), "word", "dispute_kind"),
            _col("source", N_("来源"), "word", "dispute_source"),
            _col("state", N_("状态"), "word", "dispute_state"),
            _col("outcome", N_("结局"), "word", "dispute_outcome"),
            _col("amount_fen", N_("金额"), "yuan"),
            NEXT,
            DEADLINE,
            _col("opened_at", N_("开始"), "time"),
            _col("first_at", N_("首次答复"), "time"),
            _col("finished_at", N_("了结"), "time"),
        ),
        filters=(
            _one_of("outcome", N_("结局"), "dispute_outcome", tuple(words_disputes.OUTCOMES)),
            _one_of("kind", N_("买家说"), "dispute_kind", tuple(words_disputes.KINDS)),
            _one_of("state", N_("状态"), "dispute_state", tuple(words_disputes.STATES)),
        ),
    ),
    Listing(
        name="alike",
        path="/staff/lists/alike",
        title=N_("同一个联系方式或账号的订单"),
        right=Right.VIEW_ORDERS,
        walk=SQL.walk_alike,
        reach=SQL.reach_orders,
        columns=(
            _col("order_id", N_("订单号"), "code", link=_ORDER),
            _col("title", N_("商品"), "title"),
            _col("price_fen", N_("金额"), "yuan"),
            _col("state", N_("状态"), "word", "staff_order_state"),
            REASON,
            _col("account_mask", N_("充值账号"), "person"),
            _col("contact_mask", N_("联系方式"), "person"),
            NEXT,
            _col("placed_at", N_("下单"), "time"),
            _col("paid_at", N_("付款"), "time"),
            _col("finished_at", N_("完成"), "time"),
        ),
        filters=(
            _typed("contact", N_("联系方式（散列）")),
            _typed("account", N_("充值账号（散列）")),
            _one_of("state", N_("状态"), "staff_order_state", tuple(words.ORDER_STATES)),
        ),
        note=N_("从风险页进来；按散列找，不显示原文。"),
        sealed={"account_mask": "account_enc", "contact_mask": "contact_enc"},
    ),
    Listing(
        name="notices",
        path="/staff/notices",
        title=N_("通知"),
        right=Right.VIEW_ORDERS,
        walk=SQL.walk_notices,
        reach=SQL.reach_notices,
        letters=("",),
        columns=(
            _col("template", N_("内容"), "word", "notice_template", link="/staff/orders/{order_id}#notices"),
            _col("order_id", N_("单号"), "code"),
            _col("audience", N_("对象"), "word", "notice_audience"),
            _col("channel", N_("方式"), "word", "notice_channel"),
            _col("address_mask", N_("地址"), "person"),
            _col("state", N_("状态"), "word", "notice_state"),
            _col("attempts", N_("试了几次")),
            _col("last_error", N_("最后的错误"), "code"),
            DEADLINE,
            _col("queued_at", N_("排队"), "time"),
            _col("sent_at", N_("送出"), "time"),
        ),
        filters=(
            _one_of("state", N_("状态"), "notice_state", tuple(words.NOTICE_STATES)),
            _one_of("channel", N_("方式"), "notice_channel", tuple(words.NOTICE_CHANNELS)),
            _one_of("template", N_("内容"), "notice_template", tuple(words.NOTICE_TEMPLATES)),
        ),
    ),
    Listing(
        name="ageing",
        path="/staff/ageing",
        title=N_("未了结的，按时间"),
        right=Right.VIEW_ORDERS,
        few=SQL.list_ageing,
        dated=True,
        columns=(
            _col("number", N_("单号"), "code", link=_ORDER),
            _col("kind", N_("种类"), "word", "work_kind"),
            _col("state", N_("状态"), "word", "work_state"),
            _col("amount_fen", N_("金额"), "yuan"),
            _col("place", N_("钱在"), "word", "book_place"),
            _col("age", N_("多久了"), "word", "age"),
            _col("since", N_("自"), "time"),
            NEXT,
            DEADLINE,
        ),
        filters=(
            _one_of("kind", N_("种类"), "work_kind", ("order", "supply", "refund", "suspense", "claim")),
            _one_of("place", N_("钱在"), "book_place", words_console.STUCK_PLACES),
            _one_of("age", N_("多久了"), "age", tuple(words_console.AGES)),
        ),
        note=N_("还没有到头的每一件，最老的在前。"),
    ),
    Listing(
        name="missing",
        path="/staff/missing",
        title=N_("渠道没有的钱"),
        right=Right.VIEW_COSTS,
        few=SQL.list_missing,
        columns=(
            _col("subject", N_("单号"), "code", link="/staff/orders/{subject}"),
            _col("party", N_("在哪里没找到"), "channel"),
            _col("owner", N_("谁的"), "word", "missing_owner"),
            _col("amount_fen", N_("金额"), "yuan"),
            _col("state", N_("订单现在"), "word", "staff_order_state"),
            _col("since", N_("自"), "time"),
        ),
        filters=(
            _typed("party", N_("在哪里没找到")),
            _one_of("owner", N_("谁的"), "missing_owner", tuple(words_console.MISSING_OWNERS)),
            _typed("subject", N_("单号")),
        ),
        note=N_(
            "账上有、渠道或银行那里没有的每一笔，最早的在前。买家的：垫付，或查明从未付款；本店应收的（垫付或成本）：渠道认了自动回来，否则两个人决定不再追讨（订单页，双人复核）。"
        ),
    ),
    Listing(
        name="hits",
        path="/staff/limits",
        title=N_("限购命中"),
        right=Right.VIEW_ORDERS,
        few=SQL.list_newest_hits,
        columns=(
            _col("rule", N_("规则"), "word", "limit_rule"),
            _col("order_id", N_("订单号"), "code", link=_ORDER),
            _col("subject", N_("对象（散列）"), "code"),
            _col("seen", N_("已有")),
            _col("most", N_("上限")),
            _col("at", N_("时间"), "time"),
        ),
        filters=(
            _one_of("rule", N_("规则"), "limit_rule", tuple(rule.name for rule in RULES)),
            _typed("order", N_("订单号")),
            _typed("subject", N_("对象（散列）")),
        ),
        note=N_("谁被自己的限额拦下：同一个对象只显示散列，不显示账号。"),
    ),
    Listing(
        name="breaches",
        path="/staff/breaches",
        title=N_("超时记录"),
        right=Right.VIEW_ORDERS,
        few=SQL.list_newest_breaches,
        columns=(
            _col("kind", N_("种类"), "word", "work_kind"),
            _col("number", N_("单号"), "code"),
            _col("subject", N_("订单号"), "code", link="/staff/orders/{subject}"),
            _col("late_actor", N_("谁超时"), "word", "staff_actor"),
            NEXT,
            DEADLINE,
            _col("at", N_("记录"), "time"),
        ),
        filters=(
            _one_of("kind", N_("种类"), "work_kind", words_console.LATE_KINDS),
            _one_of("late", N_("谁超时"), "staff_actor", tuple(words.ACTORS)),
            _typed("state", N_("状态代码")),
        ),
        note=N_("错过的期限，每一次都留下记录。"),
    ),
    Listing(
        name="records",
        path="/staff/records",
        title=N_("操作记录"),
        right=Right.VIEW_RECORDS,
        walk=SQL.walk_records,
        reach=SQL.reach_records,
        letters=("",),
        bucketed=False,
        columns=(
            _col("at", N_("时间"), "time"),
            _col("name", N_("谁")),
            _col("kind", N_("种类"), "word", "record_kind"),
            _col("action", N_("做了什么"), "deed"),
            _col("subject", N_("对象"), "code"),
            _col("reason", N_("原因")),
            _col("data", N_("内容"), "data"),
            _col("session_id", N_("会话"), "code"),
        ),
        filters=(
            _one_of("kind", N_("种类"), "record_kind", tuple(words_console.RECORD_KINDS)),
            _typed("name", N_("谁")),
            _typed("subject", N_("对象")),
        ),
        note=N_("只增不改：做了什么、看了什么、被拒绝了什么。"),
    ),
)
BY_NAME: Final = {listing.name: listing for listing in LISTINGS}
assert all(len(listing.filters) == 3 for listing in LISTINGS)
