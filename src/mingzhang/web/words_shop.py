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
}
