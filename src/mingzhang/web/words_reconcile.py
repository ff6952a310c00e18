"""Words of reconciliation; see `words.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mingzhang.web.words import N_

SOURCES: Final[Mapping[str, str]] = {
    "alipay.trade": N_("支付宝业务明细"),
    "alipay.fund": N_("支付宝账务明细"),
    "wechat.trade": N_("微信支付交易账单"),
    "wechat.fund": N_("微信支付资金账单"),
    "epay.orders": N_("易支付订单清单"),
    "fulu.orders": N_("福禄订单清单"),
    "kasushou.orders": N_("卡速售订单清单"),
    "dtone.orders": N_("DT One 订单清单"),
    "bank.*": N_("银行对账单"),
    "fulu.balance": N_("福禄日终余额"),
    "kasushou.balance": N_("卡速售日终余额"),
    "dtone.balance": N_("DT One 日终余额"),
}
CLASSES: Final[Mapping[str, str]] = {
    "timing": N_("时间差"),
    "missing_ours": N_("长款（我们没有）"),
    "missing_theirs": N_("短款（对方没有）"),
    "amount": N_("金额不符"),
    "fee": N_("手续费不符"),
    "duplicate": N_("重复"),
    "state_conflict": N_("状态不符"),
    "wrong_day": N_("日期不符"),
    "unknown_counterparty": N_("单号不是本店的"),
}
NOTES: Final[Mapping[str, str]] = {
    "timing": N_("发生在零点前后，对方可能记在另一天。先等对方下一份账单。"),
    "missing_ours": N_("对方有这笔，账本没有。系统会按单号去问；属实就照常入账，订单继续。"),
    "missing_theirs": N_("账本有这笔，对方没有。再等两天的账单，然后按单号去问；对方否认，款项转为待核实。"),
    "amount": N_("两边都有，金额不同。请同对方核对后由两个人处理。"),
    "fee": N_("手续费和登记的费率算出来的不同。请核对费率或同对方核对。"),
    "duplicate": N_("同一个单号列了不止一次。"),
    "state_conflict": N_("一边成功，另一边失败或未完。系统会再问一次。"),
    "wrong_day": N_("两边记在不同的日子，相差超过零点前后的半小时。"),
    "unknown_counterparty": N_(
        "这个单号不是本店给出的：可能是同一账号下别的店。收款会按交易号去问，属实则先挂账。"
    ),
}
STATES: Final[Mapping[str, str]] = {
    "waiting": N_("等下一份账单"),
    "asking": N_("正在问对方"),
    "person": N_("等两个人处理"),
    "resolved": N_("已了结"),
    "withdrawn": N_("已撤销"),
}
AGES: Final[Mapping[str, str]] = {
    "1d": N_("一天内"),
    "2d": N_("一到两天"),
    "3d": N_("两到三天"),
    "7d": N_("三到七天"),
    "old": N_("七天以上"),
}
DAY_STATES: Final[Mapping[str, str]] = {
    "waiting": N_("等账单"),
    "judged": N_("已核对"),
    "no_trades": N_("当天无交易，已核对"),
}
RESOLUTIONS: Final[Mapping[str, str]] = {
    "met_across_midnight": N_("两边分记在零点前后，一致"),
    "booked": N_("问过对方，已照常入账"),
    "booked_aside": N_("问过对方，已入账并挂账"),
    "booked_since": N_("之后已入账"),
    "listed_since": N_("之后的账单里有了"),
    "corrected_file": N_("更正后的账单里没有这个差异"),
    "moved_to_missing": N_("对方否认，款项已转为待核实"),
    "explained": N_("两个人查明原因，无需入账"),
    "charge_booked": N_("已作为对方收取的费用入账"),
    "written_off": N_("已作为本店损失核销"),
}
WAYS: Final[Mapping[str, str]] = {
    "explain": N_("查明原因，了结"),
    "book_charge": N_("记为对方收取的费用"),
    "write_off": N_("作为本店损失核销"),
}
WAY_NOTES: Final[Mapping[str, str]] = {
    "explain": N_("账本不动，写明两边为什么不同。"),
    "book_charge": N_("从本店在渠道的备用金里记一笔费用。"),
    "write_off": N_("银行少到的钱不再追，从待核实转为损失。"),
}
EVENTS: Final[Mapping[str, str]] = {
    "found": N_("发现差异"),
    "found_otherwise": N_("新的账单里情况变了"),
    "found_again": N_("又出现了"),
    "asked": N_("问过对方"),
    "needs_person": N_("交给人处理"),
    "waited_out": N_("等够了，开始去问"),
    "staff_asked": N_("员工要求再问"),
    "resolved": N_("了结"),
    "withdrawn": N_("撤销"),
}
SAID: Final[Mapping[str, str]] = {
    "outside_confirms": N_("对方查询说有这笔，账单却没有"),
    "not_booked": N_("还没有查实"),
    "not_answered": N_("对方没有答复"),
    "not_asked": N_("没有单号可以去问"),
}
FIELDS: Final[Mapping[str, str]] = {
    "their_no": N_("对方单号"),
    "our_no": N_("我们的单号"),
    "amount_fen": N_("金额"),
    "fee_fen": N_("手续费"),
    "state": N_("状态"),
    "day": N_("日期"),
}
LINE_STATES: Final[Mapping[str, str]] = {
    "done": N_("成功"),
    "open": N_("未完"),
    "failed": N_("失败"),
}
# Short lines under a form; merged into `problems.FIELD_ERRORS`.
FIELD_ERRORS: Final[Mapping[str, str]] = {
    "break_closed": N_("这个差异已经了结"),
    "float_short": N_("备用金不够"),
}
PROBLEMS: Final[Mapping[str, tuple[str, str]]] = {
    "unknown_break": (N_("没有这个差异"), N_("请从差异列表进入。")),
    "unknown_source": (N_("没有这个来源"), N_("请选择列出的来源之一。")),
    "unknown_file": (N_("还没有这一天的账单"), N_("请等次日十点后再试，或上传下载的文件。")),
    "file_damaged": (N_("存下的账单已损坏"), N_("请不要改动数据库，联系技术人员。")),
    "bill_refused": (
        N_("账单没有收下"),
        N_("文件不完整、不是这一天的，或不是这个账号的。请重新下载完整的文件。"),
    ),
    "too_many_breaks": (N_("差异太多，没有入账"), N_("请确认文件是本店的、日期没有选错。")),
    "day_not_over": (N_("这一天还没有结束"), N_("次日十点后再对账。")),
}

# The closing report (日终报告).
REPORT: Final[Mapping[str, str]] = {
    "title": N_("日终对账报告"),
    "made": N_("生成时间（北京）"),
    "number": N_("第几版"),
    "sources": N_("核对了什么"),
    "open": N_("未了结的差异"),
    "largest": N_("金额最大的"),
    "ended": N_("当天差异的了结"),
    "postings": N_("当天记账"),
    "inputs": N_("依据的文件"),
    "json_hash": N_("本报告数据（JSON）的 SHA-256"),
    "none": N_("无"),
}
REPORT_HEADS: Final[Mapping[str, tuple[str, ...]]] = {
    "source_head": (N_("来源"), N_("状态"), N_("账单行数"), N_("逐笔一致"), N_("账单金额")),
    "open_head": (N_("来源"), N_("类型"), N_("笔数"), N_("涉及金额")),
    "largest_head": (N_("来源"), N_("类型"), N_("单号"), N_("涉及金额"), N_("期限")),
    "ended_head": (N_("来源"), N_("类型"), N_("结果"), N_("笔数"), N_("涉及金额")),
    "postings_head": (N_("记账种类"), N_("笔数"), N_("金额")),
    "inputs_head": (N_("来源"), N_("文件"), N_("SHA-256")),
}
VERDICTS: Final[Mapping[str, str]] = {
    "clean": N_("所有来源都已逐笔核对，没有未了结的差异。"),
    "open": N_("所有来源都已核对，还有 %(n)s 笔差异未了结，每笔都有负责人和期限。"),
    "files_missing": N_("有 %(files)s 个来源的账单还没有到，另有 %(n)s 笔差异未了结。"),
}
