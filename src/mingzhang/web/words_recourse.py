"""Words of the help page: whose turn it is, what can be done at each door; see `recourse/routing.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


WHOSE: Final[Mapping[str, str]] = {
    "buyer": N_("您"),
    "shop": N_("本店"),
    "supplier": N_("供应商（由本店负责）"),
    "channel": N_("支付渠道"),
    "bank": N_("您的银行"),
    "nobody": N_("没有谁，本单已办完"),
}
SITUATIONS: Final[Mapping[str, str]] = {
    "unpaid": N_("还没有收到您的付款。扣过款请交付款凭证，本店马上去问渠道。"),
    "closed": N_("订单已关闭，没有收取款项。渠道若扣了款又关闭，会自己退回，通常立即，最迟下一个工作日。"),
    "payment_unseen": N_("您说付了，渠道还没有告诉本店。钱若扣了，现在在渠道；本店正在问它，不需要您重付。"),
    "in_doubt": N_("渠道前后说法不一致，这笔钱正在核实，期间不会被用掉。"),
    "held": N_("这笔钱因争议被锁定，争议有了结果才会放行或退回。"),
    "correct_account": N_("充值账号不对或不全。钱还没有花出去，等您修改或取消。"),
    "choose": N_("承诺的时间已过。请您选择：退款，或继续等待。"),
    "at_shop": N_("钱已经收到，还没有发给供应商。轮到本店。"),
    "with_person": N_("需要人工处理，轮到本店的客服。"),
    "at_supplier": N_("已发给供应商，正在处理。供应商出了问题也由本店负责，您不用找供应商。"),
    "supplier_silent": N_("供应商没有给结果，本店在反复查询，不会重复充值。供应商的延迟由本店负责。"),
    "refused": N_("供应商拒绝了。退款或补发由本店负责。"),
    "arrived": N_("供应商说已到账。您没收到的话，先查一下，再告诉本店。"),
    "arrived_in_part": N_("只到账一部分，其余由本店退还。"),
    "refund_at_shop": N_("退款轮到本店去办。"),
    "refund_at_channel": N_("退款已交给支付渠道，轮到渠道。"),
    "refund_at_bank": N_("渠道已经退款。银行入账还没到的，轮到您的银行：带上下面的退款单号去问。"),
}
DOORS: Final[Mapping[str, str]] = {
    "claim": N_("提交付款凭证"),
    "bill": N_("看一眼渠道账单"),
    "channel": N_("向支付渠道投诉"),
    "correction": N_("修改充值账号"),
    "choose": N_("退款或继续等待"),
    "request": N_("申请退款/补发"),
    "dispute": N_("提出纠纷"),
    "support": N_("联系客服"),
    "wait": N_("等到承诺的时间"),
    "carrier": N_("先查有没有到账"),
    "bank": N_("问您的银行"),
    "authority": N_("12315"),
    "association": N_("消费者协会"),
    "court": N_("法院：小额诉讼"),
    "police": N_("报警"),
}
DOOR_NOTES: Final[Mapping[str, str]] = {
    "claim": N_("填上交易号或上传扣款截图。截图作为证据保存，以渠道查到的为准。"),
    "bill": N_("账单里是“已关闭”或“支付失败”，钱会自己退回，不用追；是“支付成功”，请交付款凭证。"),
    "channel": N_("渠道可以介入核实，并可能冻结这笔交易的款项。下面有写好的内容。"),
    "correction": N_("改好就继续充值；也可以在那里选退款。"),
    "choose": N_("在订单页上选，马上生效。"),
    "request": N_("说明想退款还是补发。本店 24 小时内给出处理方案，这是本店的承诺。"),
    "dispute": N_("有编号、有时限：24 小时内给出方案，72 小时内最终答复。超时会自动补救，并公开计数。"),
    "support": N_("说出订单号，让客服告诉您进展和时限。"),
    "wait": N_("时间没到可以先等；过了时间这一页会变。"),
    "carrier": N_("用运营商流水号向运营商查，或登录充值的账号看余额和记录。"),
    "bank": N_("报退款单号，问这笔退款入账了没有。银行入账通常 1–3 个工作日。"),
    "authority": N_("投诉和举报是两件事：投诉是要回钱，举报是反映违法。两样都可以做。"),
    "association": N_("可以请消费者协会调解，不收费。"),
    "court": N_("金额简单清楚的，可以走小额诉讼。上限按省定，没有下限。"),
    "police": N_("客服失联、网站打不开、怀疑诈骗时报警，带上交易凭证和聊天记录。"),
}
BASIS_KINDS: Final[Mapping[str, str]] = {"promise": N_("承诺"), "statute": N_("法律")}

# By channel: the way through its app, tap by tap.
CHANNEL_WAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "alipay": (
        N_("打开支付宝，点“我的” → “账单”，点开这一笔。"),
        N_("点页面底部的“对此订单有疑问”，选“投诉”或“争议处理”。"),
        N_("原因选“未收到商品或服务”，粘贴下面写好的内容，附上交易凭证的截图。"),
    ),
    "wechat": (
        N_("打开微信，点“我” → “服务” → “钱包” → “账单”，点开这一笔。"),
        N_("点“对订单有疑惑”，选“投诉商家”。"),
        N_("粘贴下面写好的内容，附上交易凭证的截图。按微信支付的规则，商户应在 72 小时内处理完。"),
    ),
    "epay": (
        N_("易支付只是收银台，钱是从您的支付宝或微信扣的：先在那里的账单点开这一笔。"),
        N_("账单上写的收款方，是易支付的运营方。按支付宝或微信的投诉办法投诉它，粘贴下面写好的内容。"),
        N_("同时告诉本店：本店会用商户订单号去问易支付的运营方。"),
    ),
}
CHANNEL_WAY_GENERAL: Final = (N_("在您付款的支付宝或微信账单里，点开这一笔后投诉。"),)

# The prefilled text; %(…)s from the order. Short: WeChat's form takes 200 characters.
CHANNEL_TEXT: Final = N_(
    "%(day)s 在“%(shop)s”买“%(title)s”，付款 %(amount)s。商户订单号 %(payment)s，交易号 %(transaction)s，订单号 %(order)s。"
    "目前：%(state)s。请核实并要求商户退款或补发。"
)
UNKNOWN_NUMBER: Final = N_("（见账单）")
