"""The only place that names handlers. Adapters are found by their entry points (`app/adapters.py`)."""

import os
import random
import secrets

import asyncpg

from mingzhang.app.adapters import Adapters
from mingzhang.app.crash import crash_point_from_env
from mingzhang.app.settings import Settings
from mingzhang.catalogue.cache import CatalogueCache
from mingzhang.catalogue.store import Product, Rules
from mingzhang.complaints import bind as complaints
from mingzhang.disputes import chargeback
from mingzhang.disputes.policy import read_policy
from mingzhang.kit.adapter import Inner
from mingzhang.kit.clock import clock_from_spec
from mingzhang.kit.outbound import Outbound
from mingzhang.kit.vault import Vault
from mingzhang.orders import pay, supply_apply
from mingzhang.orders.batch import BatchReader, OrderBatch
from mingzhang.orders.context import Context
from mingzhang.orders.limit_rules import read_rules
from mingzhang.orders.limits import Limits
from mingzhang.refunds import apply as refunds
from mingzhang.refunds.flow import start_refund

# Which use case applies a fact of which kind.
APPLY = {
    "paid": pay.apply_paid,
    "supply_succeeded": supply_apply.apply_supply,
    "supply_refused": supply_apply.apply_supply,
    "supply_reversed": supply_apply.apply_supply,
    "refund_accepted": refunds.apply_refund,
    "refund_arrived": refunds.apply_refund,
    "refund_refused": refunds.apply_refund,
    "refund_taken": refunds.apply_refund,
    "refund_returned": refunds.apply_refund,
    "complaint": complaints.apply_complaint,
    "charged_back": chargeback.apply_chargeback,
    "refunded_outside": chargeback.apply_chargeback,
    "chargeback_won": chargeback.apply_chargeback,
}


def build_context(settings: Settings, pool: asyncpg.Pool, http: Outbound) -> Context:
    """Everything the use cases need, from the settings of this installation."""
    clock = clock_from_spec(settings.clock)
    crash_point = crash_point_from_env(os.environ)
    vault = Vault(settings.secret_key, settings.card_keys)
    adapters = Adapters(settings, http, clock, Inner(pool=pool, vault=vault, crash_point=crash_point))
    rules = read_rules(settings.limits)
    read_policy(settings.disputes)  # wrong terms are said at the start
    rng = random.Random(secrets.randbits(256))  # for ids; secrets come from elsewhere
    return Context(
        pool=pool,
        batch=OrderBatch(pool, crash_point),
        reader=BatchReader(pool),
        catalogue=CatalogueCache(pool),
        clock=clock,
        rng=rng,
        limits=Limits(pool, vault, clock, rng, rules) if rules else None,
        vault=vault,
        channels=adapters.channels,
        suppliers=adapters.suppliers,
        banks=adapters.banks,
        anchors=adapters.anchors,
        reread_keys=adapters.reread,
        start_refund=start_refund,
        base_url=settings.base_url,
        worker_name=f"{os.uname().nodename}:{os.getpid()}",
        lease_s=settings.call_timeout_s * 3,
        list_every_s=settings.list_every_s,
        balance_every_s=settings.balance_every_s,
        prefund_alarm_h=settings.prefund_alarm_h,
        prefund_stop_h=settings.prefund_stop_h,
        dispute_terms=settings.disputes,
        crash_point=crash_point,
    )


_RULES_ZH = (
    "订单提交成功即合同成立。付款后款项先停留在支付渠道,供应商确认到账才算完成。供应商明确拒绝的,全额原路退回。"
    "超过承诺时间仍无结果的,您可以选择退款或继续等待。退款一般 1–3 个工作日到账。"
)
_RULES_EN = (
    "The contract is made when your order is submitted. After you pay, the money stays with the payment channel "
    "until the supplier confirms delivery. If the supplier refuses, you are refunded in full the way you paid. "
    "If there is no result by the promised time, you may choose a refund or wait on. Refunds usually arrive "
    "within 1–3 working days."
)


def sample_rules() -> Rules:
    """The sample shop's rules, version 1."""
    return Rules(version=1, text_zh=_RULES_ZH, text_en=_RULES_EN)


def sample_products() -> list[Product]:
    """The sample shop: 话费直充, 游戏点卡直充 and 卡密, as 福禄's simulator sells them."""
    rows = [
        (
            "phone-100",
            "mobile",
            "话费直充 100元",
            "Phone credit ¥100",
            10000,
            10000,
            9850,
            "20000100",
            "phone_cn",
        ),
        ("phone-50", "mobile", "话费直充 50元", "Phone credit ¥50", 5000, 5000, 4930, "20000050", "phone_cn"),
        ("qq-10", "direct", "QQ币直充 10个", "QQ coins × 10", 1000, 990, 965, "10000010", "qq"),
        (
            "card-100",
            "card",
            "游戏点卡 100元 卡密",
            "Game card code ¥100",
            10000,
            9880,
            9700,
            "30000100",
            "none",
        ),
    ]
    return [
        Product(
            product_id=product_id,
            kind=kind,
            title_zh=zh,
            title_en=en,
            face_value_fen=face,
            price_fen=price,
            cost_fen=cost,
            max_quantity=1 if kind == "mobile" else 5,
            supplier="fulu",
            supplier_product=supplier_product,
            account_template=template,
            promise_s=900,
            position=n,
        )
        for n, (product_id, kind, zh, en, face, price, cost, supplier_product, template) in enumerate(rows)
    ]
