"""Words of the shop's settings and of the buyer's further pages; see `words.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mingzhang.web.words import N_

SETTINGS: Final[Mapping[str, str]] = {
    "name_zh": N_("店名"),
    "name_en": N_("英文店名"),
    "accent": N_("主色"),
    "logo": N_("标志"),
    "notice_zh": N_("公告"),
    "notice_en": N_("英文公告"),
    "support": N_("客服方式"),
    "support_url": N_("客服链接"),
    "address": N_("经营地址"),
    "licence": N_("营业执照"),
    "icp": N_("ICP 备案或许可证"),
}
SETTING_HINTS: Final[Mapping[str, str]] = {
    "name_zh": N_("页头、通知和付款页都用它"),
    "name_en": N_("英文页面上用；不填则用中文店名"),
    "accent": N_("按钮和链接的颜色，如 #0b6477；会检查文字是否看得清（对比度 4.5 以上）"),
    "notice_zh": N_("放假、维护等，显示在首页顶部；不填则不显示"),
    "notice_en": N_("英文页面上用；不填则用中文公告"),
    "support": N_("写给人看的，如：微信 mingzhang-kf，9:00–23:00"),
    "support_url": N_("https://、mailto: 或 tel: 开头，点“联系客服”就打开它"),
    "address": N_("实体办公地址，显示在页脚"),
    "licence": N_("主体名称和统一社会信用代码，显示在页脚"),
    "icp": N_("备案号或许可证号，显示在页脚"),
}

WISHES: Final[Mapping[str, str]] = {
    "refund": N_("退款"),
    "resupply": N_("补发"),
    "other": N_("其他"),
}
REQUEST_CAUSES: Final[Mapping[str, str]] = {
    "not_received": N_("显示成功但没收到"),
    "wrong_goods": N_("收到的不对"),
    "too_slow": N_("等太久了"),
    "wrong_account": N_("账号填错了"),
    "other": N_("其他原因"),
}
REQUEST_ANSWERS: Final[Mapping[str, str]] = {
    "refund": N_("同意退款"),
    "resupply": N_("同意补发"),
    "declined": N_("不同意"),
    "handled": N_("已处理"),
}
CHANGE_WHYS: Final[Mapping[str, str]] = {
    "slower": N_("最近的同款订单到账变慢了"),
    "faster": N_("最近的同款订单到账变快了"),
    "rerouted": N_("改由另一家供应商供货"),
    "chose_wait": N_("您选择了继续等待，承诺时间重新计算"),
    "corrected": N_("您修改了充值账号，重新发送"),
    "resupplied": N_("本店补发一次，重新计算"),
}
# The ends of a hop, shorter than the places of the page.
SPOTS: Final[Mapping[str, str]] = {
    "": N_("您"),
    "supplier.reserved": N_("%(party)s（处理中）"),
    "supplier.settled": N_("已用于本单"),
    "refunding": N_("准备退款"),
    "refund.transit": N_("退款途中"),
    "refund.arrived": N_("渠道已退给您"),
}
# Short lines under a field; merged into `problems.FIELD_ERRORS`.
FIELD_ERRORS: Final[Mapping[str, str]] = {
    "colour_invalid": N_("颜色写成 #0b6477 这样"),
    "contrast_low": N_("这个颜色太浅，白底上看不清字。"),
    "link_invalid": N_("链接要以 https://、mailto: 或 tel: 开头"),
    "text_too_long": N_("内容太长"),
    "text_unprintable": N_("含有看不见的字符，请重新输入"),
    "settings_changed": N_("别人刚改过设置，请看过新的内容再改一次"),
    "settings_refused": N_("没有保存：请看下面标红的项"),
    "nothing_changed": N_("没有改动"),
    "phone_unreachable": N_("本店发不了短信验证码：请用邮箱，或用单号加联系方式查"),
    "mail_not_set_up": N_("本店还没有接通邮件，发不了验证码：请用单号加联系方式查"),
    "code_wrong": N_("验证码不对，或已过期、已用过；请核对，或重新获取"),
    "request_invalid": N_("请选择想要的处理方式和原因"),
    "request_not_open": N_("现在不能提交申请：已有一件在等答复、钱已在退回途中，或次数已满"),
    "request_closed": N_("这件申请已经答复过了"),
    "unknown_request": N_("没有这件申请"),
}
