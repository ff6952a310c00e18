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
