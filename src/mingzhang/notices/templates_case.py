"""The words of notices about disputes and about webhooks; see `templates.py`."""

from __future__ import annotations

from typing import Final

from mingzhang.notices.model import Template

Words = tuple[str, str]
"""Subject and text."""

BUYER: Final[dict[tuple[Template, str], Words]] = {
    (Template.DISPUTE_OPENED, "zh"): (
        "【{shop}】已收到您的纠纷:{title}",
        "您的订单 {order}({title})的纠纷已登记。\n本店承诺 24 小时内给出方案、72 小时内最终答复;进展都在订单页上。",
    ),
    (Template.DISPUTE_OPENED, "en"): (
        "[{shop}] Your dispute is on record: {title}",
        "The dispute about your order {order} ({title}) is on record.\nWe promise a solution within 24 hours and a final "
        "answer within 72 hours; every step is on the order's page.",
    ),
    (Template.DISPUTE_ANSWERED, "zh"): (
        "【{shop}】纠纷有新的回复:{title}",
        "您的订单 {order}({title})的纠纷有新的回复,请打开订单页查看。若需要您回答,处理时限在您回答前暂停。",
    ),
    (Template.DISPUTE_ANSWERED, "en"): (
        "[{shop}] An answer to your dispute: {title}",
        "There is an answer to the dispute about your order {order} ({title}): please open the order's page. "
        "If we asked you something, our clocks stand still until you answer.",
    ),
    (Template.DISPUTE_SETTLED, "zh"): (
        "【{shop}】纠纷处理进展:{title}",
        "您的订单 {order}({title})的纠纷有了处理结果,详情和下一步见订单页。不满意可以在订单页上重新提出一次。",
    ),
    (Template.DISPUTE_SETTLED, "en"): (
        "[{shop}] Your dispute: {title}",
        "The dispute about your order {order} ({title}) has an outcome: see the order's page for it and for what follows. "
        "If you do not agree you may open it once more there.",
    ),
    (Template.WIND_DOWN, "zh"): (
        "【{shop}】将于 {until} 停止经营,请存好交易凭证",
        "本店已停止销售,将于 {until}(北京时间)停止经营。\n没有到账的订单会原路退款,无需您申请。"
        "请在此之前打开下面的订单页,下载您的交易凭证;其他订单可在“我的订单”里查看。",
    ),
    (Template.WIND_DOWN, "en"): (
        "[{shop}] We close on {until}: please keep your proof",
        "We sell nothing any more and close on {until} (Beijing time).\nOrders that were not delivered are refunded the way "
        "they were paid; you need not ask. Before that day please open the order's page below and download your proof; "
        "your other orders are under “My orders”.",
    ),
}
SHOP: Final[dict[tuple[Template, str], Words]] = {
    (Template.DISPUTE_OPENED, "zh"): ("新的纠纷 {amount}", "{order} {title}\n24 小时内须给出处理方案。"),
    (Template.DISPUTE_OPENED, "en"): (
        "New dispute: {amount}",
        "{order} {title}\nA solution is due within 24 hours.",
    ),
    (Template.DISPUTE_PRESSES, "zh"): (
        "纠纷等待处理 {amount}",
        "{order} {title}\n轮到本店:请打开后台的纠纷页。超时会自动执行并公开计数。",
    ),
    (Template.DISPUTE_PRESSES, "en"): (
        "A dispute waits: {amount}",
        "{order} {title}\nIt is the shop's turn: open the page of disputes. Past its time a remedy is carried out by itself "
        "and counted in public.",
    ),
    (Template.WEBHOOK_DEAD, "zh"): (
        "Webhook 已停用:{order}",
        "接收地址 {order} 连续多次没有接收,已停止推送。请检查后在“Webhook”页恢复,并重发没送到的消息。",
    ),
    (Template.WEBHOOK_DEAD, "en"): (
        "A webhook is dead: {order}",
        "The endpoint {order} took none of the last messages; nothing more is sent to it. Mend it, let it go on on the page "
        "of webhooks, and send again what did not arrive.",
    ),
}
