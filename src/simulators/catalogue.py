"""Every fault the two parties can inject, its default parameters, and what a sound platform does about it.

``times`` is how often a fault fires per number (0 = always). ``outcome`` is the end a sound platform brings
the order to when this fault is on it: refunded or waiting_for_person; None = it does not change the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from simulators.bank.entries import ROWS as BANK_ROWS
from simulators.complaint_faults import FAULTS as COMPLAINT_FAULTS
from simulators.dtone.entries import ROWS as DTONE_ROWS
from simulators.epay.faults import FAULTS as EPAY_FAULTS
from simulators.wechat.entries import ROWS as WECHAT_ROWS

A, F, K = "alipay", "fulu", "kasushou"


@dataclass(frozen=True)
class Entry:
    """One fault: meaning in both languages, default params, forced end, whether it makes an unknown."""

    party: str
    name: str
    zh: str
    en: str
    params: dict[str, object] = field(default_factory=dict)
    outcome: str | None = None
    unknown: bool = False


_ENTRIES = (
    Entry(A, "notify_duplicate", "同一通知重复送达", "the same notify sent again (same notify_id)", {"n": 2}),
    Entry(
        A, "notify_duplicate_new_id", "同一支付换 notify_id 重复通知", "again under a new notify_id", {"n": 2}
    ),
    Entry(A, "notify_concurrent", "多条通知同时到达", "n copies of the notify at once", {"n": 6}),
    Entry(A, "notify_late_after_close", "通知迟到", "the notify comes late, after our close", {"s": 1800}),
    Entry(
        A, "notify_before_create_returns", "下单返回前已支付并通知", "paid and notified before create answers"
    ),
    Entry(A, "notify_out_of_order", "退款通知先于支付通知", "the refund notify comes first", {"s": 600}),
    Entry(
        A,
        "notify_wrong_amount",
        "金额不符的通知",
        "a notify of another amount comes first",
        {"fen": 1, "signed": True},
    ),
    Entry(A, "notify_wrong_app_id", "app_id 不符的通知", "a signed notify of another app_id comes first"),
    Entry(A, "notify_wrong_seller", "seller_id 不符的通知", "a signed notify of another seller comes first"),
    Entry(
        A, "notify_forged", "伪造签名的通知", "a success under a foreign key, right after create", {"s": 0}
    ),
    Entry(A, "notify_stale", "过时的通知", "a signed notify dated 25 hours ago comes first"),
    Entry(A, "notify_lost", "通知丢失", "no payment or refund notify is ever sent"),
    Entry(
        A,
        "notify_refund_shaped",
        "带退款字段的成功通知",
        "a signed success carrying refund_fee, no refund exists",
    ),
    Entry(
        A,
        "notify_for_unpaid",
        "未支付却收到有效签名的成功通知",
        "a signed success for a trade nobody paid",
        {"s": 0},
        "waiting_for_person",
    ),
    Entry(A, "create_timeout", "预下单超时", "create is recorded but never answers", {"times": 1}),
    Entry(A, "create_unknown", "预下单结果未知", "create is recorded and answers 20000", {"times": 1}),
    Entry(A, "query_unknown", "查询结果未知", "query answers 20000 isp.unknow-error", {"times": 2}),
    Entry(A, "query_timeout", "查询超时", "query never answers", {"times": 1}),
    Entry(
        A, "close_race_pay", "关单瞬间买家付款", "the buyer pays in the instant of our close", {"times": 1}
    ),
    Entry(
        A,
        "refund_unknown_then_success",
        "退款结果未知，实际成功",
        "refund answers 20000 but was made",
        {"times": 1},
    ),
    Entry(
        A, "refund_timeout_executed", "退款超时，实际成功", "refund never answers but was made", {"times": 1}
    ),
    Entry(A, "refund_timeout_lost", "退款请求丢失", "refund never answers and was not made", {"times": 1}),
    Entry(
        A,
        "refund_refused",
        "退款被拒",
        "refund answers 40004",
        {"times": 0, "sub_code": "ACQ.SELLER_BALANCE_NOT_ENOUGH"},
        None,
    ),
    Entry(A, "two_payments", "同一订单号两次付款", "the buyer's one action makes two trades on one number"),
    Entry(
        A,
        "paid_other_amount",
        "实付金额与订单不符",
        "what is paid, and told ever after, differs by fen from what was asked",
        {"fen": -1},
    ),
    Entry(
        A,
        "cert_unknown_serial",
        "未知证书序列号的应答",
        "an answer under a certificate nobody issued",
        {"times": 1},
    ),
    Entry(A, "slow", "响应缓慢", "every answer is late by s virtual seconds", {"s": 3, "times": 0}),
    Entry(
        F,
        "timeout_before_acceptance",
        "受理前超时",
        "never accepted, never answered",
        {"times": 0},
        "waiting_for_person",
        unknown=True,
    ),
    Entry(
        F,
        "timeout_after_acceptance",
        "受理后超时",
        "accepted and made, never answered",
        {"times": 1},
        unknown=True,
    ),
    Entry(
        F, "unknown_http500", "受理后返回 HTTP 500", "accepted, answers HTTP 500", {"times": 1}, unknown=True
    ),
    Entry(F, "unknown_non_json", "受理后返回非 JSON", "accepted, answers text", {"times": 1}, unknown=True),
    Entry(
        F,
        "unknown_html404_after_acceptance",
        "受理后返回 HTML 404",
        "accepted, answers an HTML 404 page",
        {"times": 1},
        unknown=True,
    ),
    Entry(
        F,
        "unknown_9999",
        "受理后返回 9999 未知异常",
        "accepted, answers code 9999",
        {"times": 1},
        unknown=True,
    ),
    Entry(
        F,
        "query_not_found_then_found",
        "查询先无后有",
        "the first n queries say no such order",
        {"times": 2},
        unknown=True,
    ),
    Entry(F, "query_unknown", "查询返回 9999", "the first n queries answer 9999", {"times": 2}),
    Entry(F, "late_success", "迟到的成功", "success only after s virtual seconds", {"s": 90}, unknown=True),
    Entry(
        F,
        "success_then_reversed",
        "成功后冲正",
        "success, reversed after s virtual seconds",
        {"s": 60},
        "refunded",
    ),
    Entry(
        F,
        "success_after_failure",
        "失败后又成功",
        "after a failure: success all the same, after s virtual seconds",
        {"s": 60},
    ),
    Entry(
        F,
        "duplicate_number",
        "首单即报订单号重复",
        "accepted, but answers 'number exists'",
        {"times": 1},
        unknown=True,
    ),
    Entry(
        F,
        "done_without_cards",
        "成功但暂无卡密",
        "success without cards for the first n queries",
        {"times": 2},
    ),
    Entry(
        F,
        "too_few_cards",
        "卡密数量不足",
        "success with one card too few",
        {"times": 0},
        "waiting_for_person",
    ),
    Entry(F, "same_card_twice", "重复卡密", "a card handed out before", {"times": 0}, "waiting_for_person"),
    Entry(
        F,
        "partial_refund",
        "失败只退部分",
        "failed, and only part of the cost comes back",
        {"percent": 50},
        "waiting_for_person",
    ),
    Entry(
        F,
        "price_above_safe",
        "涨价超过安全价",
        "the cost is up by percent; refused over the safe price",
        {"percent": 20},
        "refunded",
    ),
    Entry(
        F,
        "insufficient_balance",
        "平台余额不足",
        "refused: our balance there is short",
        {"times": 0},
        "refunded",
    ),
    Entry(F, "maintenance", "商品维护中", "refused: maintenance", {"times": 0}, "refunded"),
    Entry(F, "rate_limited_429", "限流 429", "HTTP 429, not accepted", {"times": 1}),
    Entry(F, "account_banned", "充值账号被封禁", "accepted, then failed: account banned", {}, "refunded"),
    Entry(F, "velocity_refused", "充值过于频繁", "accepted, then failed: too frequent", {}, "refunded"),
    Entry(F, "wrong_account", "充值账号错误", "refused: no such account", {"times": 0}, "refunded"),
    Entry(F, "region_refused", "充值区服/归属地不支持", "accepted, then failed: region", {}, "refunded"),
    Entry(F, "stock_out", "库存不足", "refused: out of stock", {"times": 0}, "refunded"),
    Entry(
        F,
        "forged_callback",
        "伪造（同字符重排）回调",
        "a false success callback whose signature verifies",
        {"signed": True},
    ),
    Entry(F, "callback_lost", "回调丢失", "no callback is sent"),
    Entry(F, "callback_duplicate", "回调重复", "n callbacks", {"n": 3}),
    Entry(
        F,
        "silent",
        "一直处理中",
        "processing for ever, until decided through control",
        {},
        "waiting_for_person",
        unknown=True,
    ),
    Entry(F, "slow", "响应缓慢", "every answer is late by s virtual seconds", {"s": 3, "times": 0}),
    *(Entry("dtone", *row) for row in DTONE_ROWS),
    *(Entry("epay", *row) for row in EPAY_FAULTS),
    *(Entry("wechat", *row) for row in WECHAT_ROWS),
    *(Entry("bank", *row) for row in BANK_ROWS),
)

_KASUSHOU = (
    *(
        replace(entry, party=K)
        for entry in _ENTRIES
        if entry.party == F and entry.name not in ("unknown_9999", "query_unknown", "forged_callback")
    ),
    Entry(
        K,
        "unknown_9999",
        "受理后返回 500 未知错误",
        "accepted, answers the vendor's unknown code, 500",
        {"times": 1},
        unknown=True,
    ),
    Entry(K, "query_unknown", "查询返回 500", "the first n queries answer code 500", {"times": 2}),
    Entry(
        K,
        "forged_callback",
        "伪造的成功回调（带假卡密）",
        "a false success callback with false cards, under the shared key",
        {"signed": True},
    ),
    Entry(
        K,
        "callback_cards_swapped",
        "回调中的卡密被替换（不在签名内）",
        "a genuine callback whose unsigned cards are other ones",
    ),
    Entry(
        K,
        "unpaid_at_first",
        "刚受理时显示未支付（-1）",
        "accepted and paid, but the first n queries still tell status -1",
        {"times": 1},
    ),
    Entry(K, "accepted_unpaid", "受理但未支付（-1）", "accepted, status -1: never paid", {}, "refunded"),
    Entry(
        K,
        "part_delivered",
        "部分到账，其余已退款",
        "done, but `lacking` of several units are not, and their cost came back",
        {"lacking": 1},
        "refunded",
    ),
)
# Bills and lists (wrong_bills.py); `bill_truncated` is put on BILL and the day (BILL20261122), and fires once.
_BILLS = tuple(
    Entry(party, name, zh, en, dict[str, object](params))
    for party in (A, "wechat", F, K)
    for name, zh, en, params in (
        ("bill_row_missing", "账单缺行", "the line is missing in the bill", {"times": 0}),
        ("bill_row_extra", "账单多行", "a line of another shop's sale stands beside it", {"times": 0}),
        ("bill_amount_off", "账单金额不符", "the line's amount is off by `fen`", {"fen": 1, "times": 0}),
        ("bill_fee_off", "账单手续费不符", "the line's fee is off by `fen`", {"fen": 1, "times": 0}),
        ("bill_row_twice", "账单重复行", "the line stands there twice", {"times": 0}),
        ("bill_wrong_day", "账单日期不符", "the line is dated three days before", {"times": 0}),
        ("bill_truncated", "账单被截断", "the file is cut short, once", {"times": 1}),
    )
    if (party, name) != ("wechat", "bill_row_missing")  # among WeChat's own
)
# Complaints (complaints.py); they are put on the trade's number and change nothing of its end.
_COMPLAINTS = tuple(
    Entry(party, name, zh, en, dict(params))
    for party in (A, "wechat")
    for name, zh, en, params in COMPLAINT_FAULTS
)
_ALL = (*_ENTRIES, *_KASUSHOU, *_BILLS, *_COMPLAINTS)

CATALOGUE: dict[tuple[str, str], Entry] = {(entry.party, entry.name): entry for entry in _ALL}


def default_params(party: str, name: str) -> dict[str, object]:
    """The parameters a fault has when none are given."""
    return dict(CATALOGUE[party, name].params)


def describe() -> list[dict[str, object]]:
    """The catalogue as JSON rows."""
    return [
        {
            "party": e.party,
            "name": e.name,
            "zh": e.zh,
            "en": e.en,
            "params": e.params,
            "expected": e.outcome or "unchanged",
            "unknown": e.unknown,
        }
        for e in _ALL
    ]
