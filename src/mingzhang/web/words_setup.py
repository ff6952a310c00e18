"""Words of the set-up wizard; see `words.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mingzhang.web.words import N_

STEPS: Final[Mapping[str, str]] = {
    "shop": N_("店铺与资质"),
    "channels": N_("收款渠道"),
    "suppliers": N_("供应商"),
    "custody": N_("资金存管"),
    "product": N_("第一个商品"),
    "order": N_("测试下单"),
    "launch": N_("上线检查"),
}
KEY_PLACES: Final[Mapping[str, str]] = {
    "file": N_("来自文件"),
    "environment": N_("来自环境变量"),
    "unreadable": N_("文件读不到或为空"),
    "missing": N_("没有找到"),
}
CALLS: Final[Mapping[str, str]] = {
    "answered": N_("已回答，地址、密钥和签名都对"),
    "refused": N_("对方拒绝，或回答验不了签"),
    "silent": N_("没有回答"),
}
TEMPLATES: Final[Mapping[str, str]] = {
    "phone": N_("话费直充"),
    "qq": N_("Q 币直充"),
    "game": N_("游戏直充"),
    "card": N_("卡密"),
}
PRODUCT_FIELDS: Final[Mapping[str, str]] = {
    "product_id": N_("商品编号（字母、数字、横线）"),
    "title_zh": N_("商品名"),
    "title_en": N_("英文名（可不填）"),
    "face_value": N_("面值（元）"),
    "price": N_("售价（元）"),
    "cost": N_("进价（元）"),
    "supplier": N_("供应商"),
    "supplier_product": N_("供应商的商品编号"),
}
CHECKS: Final[Mapping[str, str]] = {
    "licence": N_("营业执照、ICP、地址已填"),
    "channels": N_("收款渠道测试通过"),
    "suppliers": N_("供应商测试通过"),
    "product": N_("有商品在售，规则已公布"),
    "order": N_("测试订单已到账"),
    "https": N_("公网地址，用 https"),
    "address": N_("回调地址能访问到"),
    "backup": N_("数据库有备份"),
    "two_people": N_("动钱要两个人：一人提出，另一人批准"),
    "limits": N_("自有限额已开启"),
    "clocks": N_("时钟一致，由网络校准"),
    "no_demo": N_("没有演示数据"),
}
CHECK_STATES: Final[Mapping[str, str]] = {"ok": N_("通过"), "no": N_("未通过"), "unknown": N_("还不知道")}
HELP: Final[Mapping[str, str]] = {
    "licence": N_("在“店铺设置”里填写，买家页脚会显示。"),
    "channels": N_("在“收款渠道”一步做测试；每个已开通的渠道都要答得上。"),
    "suppliers": N_("在“供应商”一步做测试；每个已开通的供应商都要答得上。"),
    "product": N_("在“第一个商品”一步添加商品、公布规则。"),
    "order": N_("在“测试下单”一步下单并付款，等它到账。"),
    "https": N_("把 MINGZHANG_BASE_URL 设成 https:// 开头的公网地址，重启各进程。"),
    "address": N_(
        "按下面的按钮，从本机经公网地址访问一次；24 小时内有效。渠道能否访问到，以它们的通知为准。"
    ),
    "backup": N_(
        "开启 PostgreSQL 的归档或备库；或让备份任务每晚更新一个文件，并用 MINGZHANG_BACKUP_MARK 指出它。"
    ),
    "two_people": N_("用 mingzhang staff add 建两个账号（客服或财务提出，财务批准），各自设好动态口令。"),
    "limits": N_("把 MINGZHANG_LIMITS 设为 on。"),
    "clocks": N_("各进程用系统时间，系统时间由 NTP 校准，数据库与本机相差不超过 2 秒。"),
    "no_demo": N_("用空的数据库上线：装过演示数据的，不要拿来开店。"),
}
