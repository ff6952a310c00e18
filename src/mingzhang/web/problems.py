"""What a person reads when something is refused: a title and what to do next, for each error code.

Form errors are short lines under a field. Unknown codes give the general wording (`OTHER`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from mingzhang.web import (
    words_attachments,
    words_complaints,
    words_custody,
    words_disputes,
    words_doubt,
    words_notices,
    words_oversight,
    words_packs,
    words_people,
    words_reconcile,
    words_refunds,
    words_refusals,
    words_returns,
    words_shop,
    words_status,
    words_trust,
)
from mingzhang.web.words import N_


class Advice(NamedTuple):
    """`title`: what happened; `next_step`: what the reader can do now."""

    title: str
    next_step: str


OTHER: Final = Advice(
    N_("这一步没有完成"), N_("您的款项没有变动。请返回重试；仍不行请联系客服，并告知下方代码。")
)

PROBLEMS: Final[Mapping[str, Advice]] = {
    **{code: Advice(*told) for code, told in words_reconcile.PROBLEMS.items()},
    **{code: Advice(*said) for code, said in words_refusals.REFUSALS.items()},
    **{code: Advice(*said) for code, said in words_packs.REFUSALS.items()},
    **{code: Advice(*said) for code, said in words_disputes.REFUSALS.items()},
    **{code: Advice(*said) for code, said in words_trust.REFUSALS.items()},
    **{code: Advice(*told) for code, told in words_custody.PROBLEMS.items()},
    **{code: Advice(*told) for code, told in words_oversight.PROBLEMS.items()},
    "not_found": Advice(N_("没有找到这个页面"), N_("请检查网址，或用任意一个单号查找您的订单。")),
    "not_logged": Advice(
        N_("这一步还没有写入公开记录"), N_("新的变动几秒后写入。请稍后再取；一直没有，请联系客服。")
    ),
    "unknown_order": Advice(
        N_("没有找到订单，或核对信息不符"),
        N_("请检查单号和下单时留的联系方式；支付宝的交易号、商户订单号也可以。"),
    ),
    "order_not_found": Advice(
        N_("没有找到订单，或核对信息不符"),
        N_("请检查单号和下单时留的联系方式；支付宝的交易号、商户订单号也可以。"),
    ),
    "contact_mismatch": Advice(
        N_("没有找到订单，或核对信息不符"),
        N_("请检查单号和下单时留的联系方式；支付宝的交易号、商户订单号也可以。"),
    ),
    "unknown_product": Advice(N_("没有这个商品"), N_("它可能已下架。请回到首页另选。")),
    "product_not_found": Advice(N_("没有这个商品"), N_("它可能已下架。请回到首页另选。")),
    "product_inactive": Advice(N_("这个商品已暂停销售"), N_("请回到首页另选，或稍后再来。")),
    "channel_limit": Advice(
        N_("这个金额不能用这种方式付"), N_("没有扣款。请回到订单页换一种付款方式，或联系客服。")
    ),
    "sale_paused": Advice(N_("这个商品已暂停销售"), N_("没有下单，也没有扣款。请稍后再来，或回到首页另选。")),
    "idempotency_conflict": Advice(
        N_("同一次提交里出现了不同内容"), N_("没有重复下单。请回到商品页重新填写。")
    ),
    "not_allowed_now": Advice(
        N_("订单现在不能做这一步"), N_("它的状态可能刚刚变了。请回到订单页看最新情况。")
    ),
    "action_not_allowed": Advice(
        N_("订单现在不能做这一步"), N_("它的状态可能刚刚变了。请回到订单页看最新情况。")
    ),
    "correction_not_open": Advice(
        N_("现在不能修改充值账号"),
        N_("只有订单显示“待您处理”时才能修改；发给供应商以后不能再改，以免充两次。请看订单页。"),
    ),
    "cannot_stop": Advice(
        N_("现在不能退回给买家修改"), N_("指令可能已在供应商处，或款项有疑问。请先查询供应商的结果。")
    ),
    "order_expired": Advice(
        N_("订单已过付款时间"), N_("没有扣款。请重新下单；若您已付款，请回到订单页点“已付款，订单未更新”。")
    ),
    "forbidden": Advice(N_("没有权限"), N_("请先登录，或从您的订单链接进入。")),
    "right_missing": Advice(
        N_("没有权限"), N_("您的角色不能做这一步，或者登录时没有用验证码。请联系管理员。")
    ),
    "unauthenticated": Advice(N_("请先登录"), N_("登录后会回到刚才的页面。")),
    "csrf_invalid": Advice(N_("页面已过期"), N_("请返回上一页，刷新后再提交。")),
    "invalid": Advice(N_("提交的内容有误"), N_("请返回检查后再提交。")),
    "sold_out": Advice(N_("已售完"), N_("没有收款。请换一个商品，或等补货后再来。")),
    "invalid_request": Advice(N_("提交的内容有误"), N_("请返回检查后再提交。")),
    "amount_invalid": Advice(N_("金额不正确"), N_("请返回检查后再提交。")),
    "too_large": Advice(N_("提交的内容过大"), N_("请缩短后再提交。")),
    "too_many": Advice(N_("操作太频繁"), N_("请稍后再试。订单会自己继续，不需要反复提交。")),
    "repeat_purchase": Advice(
        N_("两分钟内已给这个账号下过同样的单，再下一单？"),
        N_("没有重复下单。确实要再买一份，请回到商品页确认“再下一单”；否则请看上一张订单。"),
    ),
    "limit_account": Advice(
        N_("这个充值账号今天的单数或金额已到上限"),
        N_("没有扣款。请明天再充；急用请联系客服，或到官方渠道充值。"),
    ),
    "limit_contact": Advice(
        N_("这个联系方式今天的单数或金额已到上限"), N_("没有扣款。请明天再来；需要批量购买请联系客服。")
    ),
    "limit_device": Advice(N_("这台设备今天下单太多"), N_("没有扣款。请明天再来；需要批量购买请联系客服。")),
    "limit_burst": Advice(
        N_("您的网络一分钟内下单太多"), N_("没有扣款。请过一两分钟再试；需要批量购买请联系客服。")
    ),
    "limit_address": Advice(
        N_("您的网络一小时内下单太多"), N_("没有扣款。请一小时后再试，或换一个网络；仍不行请联系客服。")
    ),
    "limit_order_units": Advice(
        N_("一张订单的数量超过上限"), N_("没有扣款。请减少数量，分几张订单购买；批量购买请联系客服。")
    ),
    "limit_order_fen": Advice(
        N_("一张订单的金额超过上限"), N_("没有扣款。大额请走官方直充渠道，或减少数量。")
    ),
    "too_many_claims": Advice(
        N_("本单今天提交的凭证已满 5 次"), N_("已提交的会继续查，结果在订单页。仍不放心请联系客服。")
    ),
    "queue_full": Advice(N_("系统正忙"), N_("您的款项没有变动。请等几秒再试。")),
    "unavailable": Advice(N_("暂时连不上"), N_("已付的订单会自己继续，款项有记录。请稍后刷新。")),
    "database_busy": Advice(N_("暂时连不上"), N_("已付的订单会自己继续，款项有记录。请稍后刷新。")),
    "database_down": Advice(N_("暂时连不上"), N_("已付的订单会自己继续，款项有记录。请稍后刷新。")),
    "unknown_outcome": Advice(N_("结果还不确定"), N_("请不要重复提交。到订单页看，系统会查明并更新。")),
    "internal": Advice(N_("本店系统出错了"), N_("您的款项没有变动，错误已记录。请稍后再试，或联系客服。")),
}

FIELD_ERRORS: Final[Mapping[str, str]] = {
    **words_people.FIELD_ERRORS,
    **words_shop.FIELD_ERRORS,
    **words_notices.FIELD_ERRORS,
    **words_status.FIELD_ERRORS,
    **words_reconcile.FIELD_ERRORS,
    **words_custody.FIELD_ERRORS,
    **words_trust.FIELD_ERRORS,
    **words_oversight.FIELD_ERRORS,
    **words_disputes.PROBLEMS,
    "required": N_("请填写"),
    "limit_order_units": N_("一张订单的数量超过上限，请减少数量"),
    "limit_order_fen": N_("一张订单的金额超过上限；大额请走官方直充渠道，或减少数量"),
    "account_unchanged": N_("和原来的账号一样，请改成正确的账号"),
    "account_differs": N_("两次输入的账号不一样，请检查"),
    "account_required": N_("请填写充值账号"),
    "account_invalid": N_("账号格式不对，请检查"),
    "phone_invalid": N_("不是有效的中国大陆手机号，请检查"),
    "not_mobile": N_("这不是手机号，请检查"),
    "qq_invalid": N_("不是有效的 QQ 号，请检查"),
    "steam64_invalid": N_("不是有效的 SteamID64，请检查"),
    "game_id_invalid": N_("不是有效的游戏账号 ID，请检查"),
    "too_long": N_("内容太长"),
    "contact_required": N_("请留一个手机号或邮箱，用来找回订单"),
    "contact_invalid": N_("请填写手机号或邮箱，或者改用查询密码"),
    "quantity_invalid": N_("数量超出范围"),
    "sold_out": N_("库存不够了：请减少数量，或等补货"),
    "method_invalid": N_("请选择付款方式"),
    "choice_missing": N_("请选择一项"),
    "import_refused": N_("没有改动：有内容不符合要求"),
    "catalogue_changed": N_("商品又变了，请重新看一遍"),
    "password_invalid": N_("查询密码要 6–64 位，不能太简单，也不能和账号或联系方式相同"),
    "number_empty": N_("这个号码是空号，请检查"),
    "number_suspended": N_("这个号码已停机，充值可能失败；请先恢复使用或换一个号码"),
    "method_not_offered": N_("这个金额现在不能用这种方式付，请另选"),
    "bad_terms": N_("费率、限额或许可信息不对：金额不能为负，最低不能高于最高，网址要以 http 开头"),
    "unknown_channel": N_("没有接入这个支付通道"),
    "product_inactive": N_("这个商品已暂停销售"),
    "sale_paused": N_("这个商品已暂停销售；没有下单，也没有扣款"),
    "bad_pause": N_("时段不对：结束要晚于开始、在将来，最长一年；说明最多 200 字"),
    "unknown_pause": N_("这一条已解除或已结束"),
    "unknown_supplier": N_("没有接入这家供应商"),
    "unknown_product": N_("没有这个商品"),
    "bad_routing": N_("方式或允许亏损的金额不对"),
    "unknown_order": N_("没有找到订单，或核对信息不符"),
    "contact_mismatch": N_("没有找到订单，或核对信息不符"),
    "sign_in_failed": N_("名字、密码或验证码不对"),
    "too_many": N_("操作太频繁，请稍后再试"),
    "suspense_not_open": N_("这笔款项现在不能退回：它已在退回途中、已退回，或渠道否认收到过"),
    **words_attachments.PROBLEMS,
    **words_complaints.PROBLEMS,
    **words_doubt.PROBLEMS,
    **words_refunds.PROBLEMS,
    **words_returns.PROBLEMS,
    "resupply_refused": N_("现在不能补发：订单要已到账或在等人处理，而且没有还在等结果的供应商指令"),
    "reason_missing": N_("请写明原因（至少 4 个字）"),
    "file_too_large": N_("文件太大，请分成几个"),
    "file_unsupported": N_("只收 csv、txt、xlsx 文件"),
    "file_unreadable": N_("文件读不了：请存成 UTF-8 或 GB18030 的文本，或 xlsx"),
    "batch_invalid": N_("没有可入库的卡密，或已经过期"),
    "batch_reused": N_("这个文件已按别的内容入过库"),
    "unknown_batch": N_("没有这个批次"),
    "nothing_to_move": N_("没有可移动的卡：已售出或已取走"),
    "stock_kind_differs": N_("循环卡密与普通卡密不能放在同一个库存商品里"),
    "purchase_invalid": N_("请写明这批卡是怎么付的钱"),
    "float_short": N_("存管账户里我们自己的钱不够付这批卡"),
    "amount_invalid": N_("金额写成 12.50 这样"),
    "notice_not_failed": N_("这条通知不在失败状态，不用重发"),
    "cannot_stop": N_("现在不能退回给买家修改：指令可能已在供应商处，或款项有疑问"),
    "unknown_reason": N_("请选择原因"),
    "claim_closed": N_("这件凭证已经了结"),
    "unknown_answer": N_("请选择一种答复"),
    "manual_not_open": N_("这一单已经有结果"),
    "manual_reported": N_("已有人说办好了：请先确认、否决或撤回"),
    "reference_missing": N_("请填凭证号"),
    "approval_own": N_("不能批准自己提出的，需要另一个人"),
    "approval_decided": N_("这项提议已有结果"),
    "approval_expired": N_("这项提议已过期，请重新提出"),
    "approval_orphaned": N_("提出人的账号已停用，请重新提出"),
    "right_missing": N_("您的角色不能做这一步，或者登录时没有用验证码"),
    "claim_empty": N_("请填交易号，或者选一张截图"),
    "claim_number_invalid": N_("交易号是 6–64 位数字或字母，请从账单里复制"),
    "picture_invalid": N_("这张图读不出来，请换一张 PNG、JPEG 或 WebP 截图"),
    "picture_too_large": N_("图片太大，请不要超过 4 MB"),
    "too_many_claims": N_("本单今天提交的凭证已满 5 次；已提交的会继续查，请等结果或联系客服"),
}
FIELD_OTHER: Final = N_("请检查这一项")


def advice(code: str) -> Advice:
    """Title and next step for an error code."""
    return PROBLEMS.get(code, OTHER)
