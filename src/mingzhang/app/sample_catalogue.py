"""How the sample shop's catalogue is laid out: categories, families of variants, texts, and what else it sells."""

from __future__ import annotations

from typing import Final

import msgspec

from mingzhang.catalogue.fields import AccountField
from mingzhang.catalogue.model import Category

_CATEGORIES: Final = (
    ("phone", "", "话费", "Phone credit"),
    ("phone-fast", "phone", "快充", "Fast"),
    ("phone-slow", "phone", "慢充", "Slow"),
    ("game", "", "游戏直充", "Games"),
    ("game-coins", "game", "点券", "Points"),
    ("game-steam", "game", "Steam", "Steam"),
    ("card", "", "卡密", "Card codes"),
    ("vip", "", "会员", "Memberships"),
    ("vip-video", "vip", "视频", "Video"),
    ("vip-music", "vip", "音乐", "Music"),
)
_REGIONS: Final = (
    AccountField(name="account", kind="game_id", label_zh="网易通行证", label_en="NetEase passport"),
    AccountField(name="region", kind="choice", choices=("华北区", "华东区", "华南区", "西南区")),
    AccountField(name="server", hint_zh="例如：飞龙在天", hint_en="for example: Flying Dragon"),
)
_PHONE_TEXT: Final = {
    "description_zh": (
        "话费直接充进手机号，到账后运营商一般会发短信。\n\n"
        "- 支持移动、联通、电信号码\n- 停机、空号、物联网卡请勿下单\n- 实际到账以运营商为准"
    ),
    "description_en": (
        "Credit goes straight to the number; the carrier usually sends a text message.\n\n"
        "- China Mobile, Unicom and Telecom numbers\n- not for suspended, empty or IoT numbers\n"
        "- the carrier's own record decides"
    ),
}
_CODE_TEXT: Final = {
    "notice_zh": "卡密发出后不支持退换，请确认商品和面值。",
    "notice_en": "Codes cannot be returned once issued; please check product and face value.",
}


def _family(family: str, zh: str, en: str, variant_zh: str, variant_en: str) -> dict[str, str]:
    return {
        "family": family,
        "family_zh": zh,
        "family_en": en,
        "variant_zh": variant_zh,
        "variant_en": variant_en,
    }


def _phone(face: int) -> dict[str, str]:
    family = _family("phone-fast", "话费快充", "Phone credit, fast", f"{face}元", f"¥{face}")
    return {"product_id": f"phone-{face}", "category": "phone-fast", **family, **_PHONE_TEXT}


def _slow(face: int, price: str, cost: str) -> dict[str, str]:
    return {
        "product_id": f"phone-slow-{face}",
        "category": "phone-slow",
        **_family("phone-slow", "话费慢充", "Phone credit, slow", f"{face}元", f"¥{face}"),
        "kind": "mobile",
        "title_zh": f"话费慢充 {face}元",
        "title_en": f"Phone credit ¥{face}, slow",
        "face_value": str(face),
        "price": price,
        "cost": cost,
        "account_template": "phone_cn",
        "supplier": "fulu",
        "supplier_product": f"200000{face:02d}" if face < 100 else f"20000{face}",
        "promise": "72h",
        "promise_from": "24h",
        "position": "1",
        **_PHONE_TEXT,
    }


def _made(product_id: str, category: str, zh: str, en: str, **cells: str) -> dict[str, str]:
    return {"product_id": product_id, "category": category, "title_zh": zh, "title_en": en, **cells}


_GAME: Final = {"kind": "direct", "supplier": "fulu", "supplier_product": "10000101"}


def categories() -> list[Category]:
    """Two levels, the upper one first."""
    return [
        Category(category_id=name, parent=parent, title_zh=zh, title_en=en, position=n)
        for n, (name, parent, zh, en) in enumerate(_CATEGORIES)
    ]


def lines() -> list[tuple[int, dict[str, str]]]:
    """Rows as an import would have them: where the first products stand, then further ones."""
    regions = msgspec.json.encode([msgspec.structs.asdict(one) for one in _REGIONS]).decode()
    rows = [
        *(_phone(face) for face in (10, 30, 50, 100)),
        _slow(50, "49.60", "49.30"),
        _slow(100, "98.90", "98.50"),
        {"product_id": "qq-10", "category": "game-coins", **_family("qq", "Q币", "QQ coins", "10个", "10")},
        _made(
            "qq-1",
            "game-coins",
            "Q币直充 按个数",
            "QQ coins, any number",
            **_family("qq", "Q币", "QQ coins", "按个数", "any number"),
            kind="direct",
            face_value="1",
            price="1.00",
            tiers="10:0.99;50:0.98",
            cost="0.97",
            max_quantity="100",
            account_template="qq",
            supplier="fulu",
            supplier_product="10000001",
            position="60",
        ),
        _made(
            "netease-30",
            "game-coins",
            "网易一卡通直充 30元",
            "NetEase points ¥30",
            **_GAME,
            face_value="30",
            price="29.60",
            tiers="5:29.40;10:29.20",
            cost="28.80",
            max_quantity="20",
            account_template="game_id",
            double_entry="yes",
            official="网易支付官网 ecard.163.com",
            position="61",
        ),
        _made(
            "xyq-30",
            "game-coins",
            "梦幻西游点卡直充 30元（选大区）",
            "Fantasy Westward Journey ¥30 (by region)",
            **_GAME,
            face_value="30",
            price="29.70",
            cost="28.80",
            max_quantity="5",
            account_template="region_server",
            fields=regions,
            double_entry="yes",
            notice_zh="大区或服务器选错，点数会进到别的服务器，无法追回。",
            notice_en="With a wrong region or server the points go to another server and cannot be recovered.",
            position="62",
        ),
        {"product_id": "steam-100", "category": "game-steam", "double_entry": "yes"},
        {"product_id": "card-100", "category": "card", **_CODE_TEXT},
        {"product_id": "card-50", "category": "card", **_CODE_TEXT},
        {"product_id": "card-100-stock", "category": "card", **_CODE_TEXT},
        _made(
            "video-vip",
            "vip-video",
            "视频会员季卡 卡密",
            "Video membership, 3 months, code",
            kind="card",
            face_value="50",
            price="49.20",
            cost="48.50",
            max_quantity="5",
            account_template="none",
            supplier="fulu",
            supplier_product="30000050",
            position="70",
            **_CODE_TEXT,
        ),
        _made(
            "music-vip",
            "vip-music",
            "音乐会员月卡 直充",
            "Music membership, 1 month",
            kind="direct",
            face_value="10",
            price="9.90",
            cost="9.65",
            account_template="phone_cn",
            supplier="fulu",
            supplier_product="10000010",
            position="71",
        ),
    ]
    return [(n, {"on_sale": "yes", **row}) for n, row in enumerate(rows, start=2)]
