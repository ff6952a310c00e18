"""The listing check (虚假承诺检查, R30): what no title, text or price on sale may say.

A text is read as a person reads it: widths, traditional forms and what stands between the signs make no difference.
A price is held against a floor: a share of the face value and of the cost, by kind. Both tables are printed into
docs/states.md. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from mingzhang.catalogue.model import Product
from mingzhang.kit.errors import Kind, Problem


class Rule(NamedTuple):
    """One kind of false promise: what it says in both languages, and what it is found by in a normalised text."""

    zh: str
    en: str
    found_by: re.Pattern[str]


class Floor(NamedTuple):
    """The least a unit may cost, in percent of the face value and of the cost."""

    zh: str
    face_percent: int
    cost_percent: int


class Violation(NamedTuple):
    """`rule`: a key of `RULES`, or `below_floor`. `field`: where. `found`: the words, or the least price in fen."""

    rule: str
    field: str
    found: str


BELOW_FLOOR: Final = "below_floor"
RULES: Final[Mapping[str, Rule]] = {
    "instant_arrival": Rule(
        "承诺秒到账、立即到账",
        "promises arrival at once",
        re.compile(
            r"秒(?:到|充|冲|发)|(?:立即|立刻|即刻|即时|瞬间|瞬时|马上|极速|光速)(?:到账|充值到账|到手)|"
            r"(?:零|0|免|无需|不用)等待?(?:到账|充值)|"
            r"instant(?:ly)?(?:delivery|delivered|topup|credit|credited|recharge|arrival)|"
            r"(?:arrives?|credited|delivered|topup)(?:instantly|immediately|atonce|in(?:\d+)?seconds?)"
        ),
    ),
    "high_return": Rule(
        "低价高返、充值返利",
        "promises more back than is paid",
        re.compile(
            r"低价高[返反]|(?<![提升])高额?返(?:利|现|佣|还|$)|返(?:利|佣)|[充冲]\d+[送得返]\d+|"
            r"(?:high|big|huge)(?:returns?|rebates?|cashback)|double(?:your)?money|\d+%cashback"
        ),
    ),
    "certain_success": Rule(
        "承诺百分百到账、永不失败",
        "promises that it cannot fail",
        re.compile(
            r"(?:百分百|百分之百|100%|包|保证|必定?)(?:到账|充值成功|成功|到手)|(?:永不|绝不|从不)(?:失败|封号|掉单)|"
            r"包(?:不封|不掉单|赔)|100%(?:success|guaranteed|arrival|safe)|"
            r"guaranteed(?:delivery|success|arrival|topup)|neverfails?"
        ),
    ),
    "hidden_source": Rule(
        "内部渠道、绕过风控",
        "claims an inside source or a way round the rules",
        re.compile(
            r"内部(?:渠道|通道|价|折扣)|(?:无视|绕过|跳过|免)(?:风控|实名)|黑卡|卡bug|漏洞充值|"
            r"insider(?:price|channel|source)|bypass(?:es|ing)?(?:risk|verification|limits?)"
        ),
    ),
    "earnings": Rule(
        "稳赚、刷单、日入",
        "promises earnings",
        re.compile(r"稳赚|躺赚|日入\d|刷单|零风险高收益|riskfreeincome|earnmoneydaily"),
    ),
}
# By kind; a promise of a day or more (慢充) is a kind of its own.
FLOORS: Final[Mapping[str, Floor]] = {
    "mobile": Floor("话费快充", 95, 97),
    "mobile_slow": Floor("话费慢充", 80, 97),
    "direct": Floor("直充", 60, 90),
    "card": Floor("卡密", 60, 90),
}
_SIMPLE: Final = str.maketrans(
    "帳賬帐價證穩賺間時實絕從敗號單內漏衝沖額餘佣傭", "账账账价证稳赚间时实绝从败号单内漏冲冲额余佣佣"
)
_NOISE: Final = re.compile(r"[^\w%]|_")
# An honest warning names the promise in order to deny it.
_DENIED: Final = re.compile(
    r"(?:不承诺|不保证|不提供|不支持|不做|并非|不是|没有|谨防|警惕|勿信|拒绝|切勿相信|nopromiseof|notpromise|bewareof|"
    r"not|no|never)[\w%]{0,4}$"
)
_DENIAL_REACH: Final = 16


def normalise(text: str) -> str:
    """A text without what hides words from a search and not from a reader."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_SIMPLE)
    return _NOISE.sub("", folded).replace("miao", "秒")


def find_promises(field: str, text: str) -> Iterator[Violation]:
    """Every false promise of one text; a rule is named once."""
    plain = normalise(text)
    for name, rule in RULES.items():
        for match in rule.found_by.finditer(plain):
            before = plain[max(0, match.start() - _DENIAL_REACH) : match.start()]
            if _DENIED.search(before) is None:
                yield Violation(name, field, match[0])
                break


def floor_of(product: Product) -> Floor:
    """The floor that holds for a product."""
    return FLOORS["mobile_slow" if product.kind == "mobile" and product.slow else product.kind]


def least_fen(product: Product) -> int:
    """The least price of one unit, rounded up to a fen."""
    floor = floor_of(product)
    return max(
        -(-product.face_value_fen * floor.face_percent // 100),
        -(-product.cost_fen * floor.cost_percent // 100),
    )


def check_listing(product: Product, texts: Mapping[str, str]) -> list[Violation]:
    """What stands against putting it on sale; `texts`: further texts by field name. Empty: nothing."""
    named = {
        "title_zh": product.title_zh,
        "title_en": product.title_en,
        "variant_zh": product.variant_zh,
        "variant_en": product.variant_en,
        **texts,
    }
    found = [violation for field, text in named.items() for violation in find_promises(field, text)]
    least = least_fen(product)
    if product.price_fen < least:
        found.append(Violation(BELOW_FLOOR, "price", str(least)))
    if any(tier.price_fen < least for tier in product.tiers):
        found.append(Violation(BELOW_FLOOR, "tiers", str(least)))
    return found


def require_honest(product: Product, texts: Mapping[str, str]) -> None:
    """Raise Problem `listing_refused`, naming the first rule, the field and what was found."""
    for rule, field, found in check_listing(product, texts):
        params = {"rule": rule, "field": field, "found": found}
        raise Problem("listing_refused", Kind.INVALID, f"{product.product_id}: {rule} in {field}", params)
