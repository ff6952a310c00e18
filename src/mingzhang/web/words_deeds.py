"""What staff did, in words: the record's action codes. A code without words is shown as it is: nothing is hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - the name gettext tools look for
    """Mark a message for extraction; it is translated where it is shown."""
    return text


DEEDS: Final[Mapping[str, str]] = {
    "signed_in": N_("登录了"),
    "signed_out": N_("退出登录"),
    "staff_added": N_("新增员工"),
    "staff_password_set": N_("设置密码"),
    "staff_roles_set": N_("设置角色"),
    "staff_totp_set": N_("绑定了验证器"),
    "staff_revoked": N_("停用员工"),
    "staff_restored": N_("恢复员工"),
    "sessions_ended": N_("结束全部登录"),
    "session_ended": N_("结束一个登录"),
    "view_personal_data": N_("查看个人信息"),
    "propose_money": N_("提出资金处理"),
    "decide_money": N_("决定资金处理"),
    "withdraw_money": N_("撤回资金处理"),
    "answer_claim": N_("答复付款凭证"),
    "answer_request": N_("答复买家申请"),
    "answer_dispute": N_("答复纠纷"),
    "ask_buyer": N_("请买家处理"),
    "send_notice_again": N_("重发了通知"),
    "export_list": N_("导出列表"),
    "catalogue_export": N_("导出商品"),
    "stock_import": N_("导入卡密"),
    "topup_arrived": N_("登记充值到账"),
    "name_payee": N_("登记收款账户"),
    "pause": N_("暂停了销售"),
    "lift_pause": N_("恢复销售"),
    "set_channel_terms": N_("设置通道条件"),
    "set_routing": N_("设置供货路由"),
    "set_shop": N_("修改店铺设置"),
    "publish_paper": N_("公布规则或协议"),
    "licence_entered": N_("登记资质"),
    "setup": N_("开店设置"),
    "view_difference": N_("查看对账差异"),
    "make_pack": N_("制作证据包"),
}
# What is noted beside a deed, by its name in the record.
FIELDS: Final[Mapping[str, str]] = {
    "strong": N_("用了验证码"),
    "roles": N_("角色"),
    "field": N_("看了什么"),
    "list": N_("哪个列表"),
    "as": N_("格式"),
    "clear": N_("含个人信息原文"),
    "approval": N_("复核单"),
    "money": N_("资金处理"),
    "amount_fen": N_("金额"),
    "allow_loss_fen": N_("允许亏损"),
    "word": N_("决定"),
    "proposed_by": N_("谁提出"),
    "decided_by": N_("谁决定"),
    "answer": N_("怎样答复"),
    "do": N_("怎样处理"),
    "notice": N_("通知"),
    "cause": N_("原因"),
    "reason": N_("原因"),
    "until": N_("直到"),
    "effective_at": N_("生效时间"),
    "version": N_("版本"),
    "fields": N_("改了哪些"),
    "products": N_("商品数"),
    "form": N_("格式"),
    "edition": N_("版本"),
    "cards": N_("卡密数"),
    "skipped": N_("跳过"),
    "product": N_("商品"),
    "supplier": N_("供应商"),
    "topics": N_("事项"),
    "outcome": N_("结果"),
    "open": N_("只看未了结"),
    "state": N_("状态"),
    "since": N_("从"),
    "digest": N_("指纹"),
    "sha256": N_("指纹"),
    "break": N_("差异"),
    "instruction": N_("付款指令"),
    "reference": N_("凭证号"),
    "by": N_("谁"),
}
