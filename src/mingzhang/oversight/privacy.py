"""How long what is kept, and why: what docs/privacy.md prints and the chores go by (电子商务法 31, 个保法 47)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

YEAR: Final = timedelta(days=366)


class Class(msgspec.Struct, frozen=True, kw_only=True):
    """A class of data. ``keep``: for how long from the end of what it belongs to, None without an end; ``on_request``: what
    a buyer's wish does to it before that; ``how``: what becomes of it."""

    name: str
    zh: str
    what: str
    keep: timedelta | None
    on_request: str
    how: str
    why: str


CONTACT: Final = Class(
    name="contact",
    zh="联系方式(订单、通知、投诉里的)",
    what="contact of a paid order: sealed, masked, by keyed hash; copies in notices and complaints",
    keep=3 * YEAR,
    on_request="erased as soon as nothing about the order is open",
    how="columns emptied, hashes to search by too",
    why="to reach the buyer; no law has it kept once that is over",
)
TRADE: Final = Class(
    name="trade",
    zh="充值账号、对话与图片、供应商的反馈",
    what="target account, corrections, what was written and shown in requests and disputes, suppliers' feedback",
    keep=3 * YEAR,
    on_request="kept, sealed, until the term",
    how="columns emptied, hashes to search by too",
    why="电子商务法 31: information on goods, services and trades, three years from the trade's end; 62: to produce it",
)
MESSAGES: Final = Class(
    name="messages",
    zh="与渠道、供应商往来的原文",
    what="raw messages that tell of the order",
    keep=3 * YEAR,
    on_request="body put away: encrypted, only the SHA-256 in clear, until the term",
    how="body and sealed copy emptied; the SHA-256, which the public record rests on, stays",
    why="as above; 53: instructions intact and traceable",
)
UNPAID: Final = Class(
    name="unpaid",
    zh="从未付款的订单",
    what="account and contact of an order that nobody paid",
    keep=timedelta(days=90),
    on_request="erased at once",
    how="as above, all of it",
    why="there was no trade",
)
NOTICES: Final = Class(
    name="notices",
    zh="已发通知的地址",
    what="where a letter to a buyer was sent",
    keep=timedelta(days=180),
    on_request="erased with the contact",
    how="columns emptied",
    why="to answer whether a letter was sent",
)
CODES: Final = Class(
    name="codes",
    zh="登录验证码",
    what="one-time codes of 我的订单, by hash",
    keep=timedelta(days=1),
    on_request="–",
    how="rows removed",
    why="over within minutes",
)
SESSIONS: Final = Class(
    name="sessions",
    zh="员工登录",
    what="sessions of staff: address and browser",
    keep=timedelta(days=30),
    on_request="–",
    how="rows removed; that somebody signed in stays on record",
    why="to look into a break-in",
)
LIMITS: Final = Class(
    name="limits",
    zh="限购计数与命中",
    what="counts and hits of own limits, by keyed hash",
    keep=timedelta(days=180),
    on_request="–",
    how="rows removed",
    why="to explain a refusal",
)
BOOKS: Final = Class(
    name="books",
    zh="账簿、事件、公开记录",
    what="postings, events, facts, the public record: order numbers, amounts, times; of a person no more "
    "than the payer as the channel masks it (in the fact that money came)",
    keep=None,
    on_request="untouched",
    how="never removed",
    why="会计档案管理办法: 30 years; the public record never",
)
BANK: Final = Class(
    name="bank",
    zh="渠道账单、银行对账单、退款收款账户",
    what="bills, statements and lines as they came (masked payers, counterparties of transfers); sealed payees of refunds "
    "by transfer; lists that tell of many orders at once",
    keep=None,
    on_request="untouched",
    how="not removed by the product",
    why="会计档案管理办法: statements 10 years, vouchers 30; one buyer cannot be taken out of a file and its hash hold",
)
STAFF: Final = Class(
    name="staff",
    zh="员工操作记录",
    what="who did or saw what, with the reason as staff wrote it",
    keep=None,
    on_request="untouched",
    how="never removed",
    why="网络安全法 21, 个人信息保护法 55: at least six months, three years; reasons must not hold personal data",
)
CLASSES: Final = (CONTACT, TRADE, MESSAGES, UNPAID, NOTICES, CODES, SESSIONS, LIMITS, BOOKS, BANK, STAFF)


def days_of(kept: Class) -> int | None:
    """For how many days; None without an end."""
    return None if kept.keep is None else kept.keep.days


def print_table() -> str:
    """Markdown, for docs/privacy.md."""
    lines = [
        "| Class | Holds | Kept | When a buyer asks | At the end | Why |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kept in CLASSES:
        days = days_of(kept)
        term = "without an end" if days is None else f"{days // 366} years" if days >= 366 else f"{days} days"
        lines.append(f"| {kept.zh} | {kept.what} | {term} | {kept.on_request} | {kept.how} | {kept.why} |")
    return "\n".join(lines)
