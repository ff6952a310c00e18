"""What 福禄 sells here. Costs are fen per unit; the platform's prices are its own affair."""

from __future__ import annotations

from dataclasses import dataclass

MOBILE, CARD, DIRECT = 1, 3, 4
TYPE_NAMES = {MOBILE: "话费", CARD: "卡密", DIRECT: "直充"}


@dataclass(frozen=True)
class Product:
    """One product: id, name, order_type (1 话费, 3 卡密, 4 直充), face value and cost per unit in fen."""

    product_id: int
    name: str
    order_type: int
    face_fen: int
    cost_fen: int
    template_id: str = ""


_ALL = (
    Product(20000010, "全国手机话费充值 10元", MOBILE, 1_000, 990),
    Product(20000030, "全国手机话费充值 30元", MOBILE, 3_000, 2_960),
    Product(20000050, "全国手机话费充值 50元", MOBILE, 5_000, 4_930),
    Product(20000100, "全国手机话费充值 100元", MOBILE, 10_000, 9_850),
    Product(10000001, "腾讯Q币直充 1个", DIRECT, 100, 97, "tpl-qq"),
    Product(10000010, "腾讯Q币直充 10个", DIRECT, 1_000, 965, "tpl-qq"),
    Product(10000101, "网易一卡通直充 30元", DIRECT, 3_000, 2_880, "tpl-netease"),
    Product(10000201, "Steam钱包直充 100元", DIRECT, 10_000, 9_600, "tpl-steam"),
    Product(30000050, "骏网一卡通 50元 卡密", CARD, 5_000, 4_850),
    Product(30000100, "盛趣游戏点卡 100元 卡密", CARD, 10_000, 9_700),
    Product(30000200, "京东E卡 100元 卡密", CARD, 10_000, 9_920),
)
PRODUCTS = {product.product_id: product for product in _ALL}
BY_FACE = {product.face_fen: product for product in _ALL if product.order_type == MOBILE}

TEMPLATES: dict[str, dict[str, str]] = {
    "tpl-qq": {"ElementName": "QQ号码", "Pattern": r"^[1-9]\d{4,10}$", "Tip": "请填写要充值的QQ号"},
    "tpl-netease": {"ElementName": "网易通行证", "Pattern": r"^\S{4,50}$", "Tip": "请填写网易通行证账号"},
    "tpl-steam": {"ElementName": "SteamID64", "Pattern": r"^7656119\d{10}$", "Tip": "请填写17位SteamID64"},
}


def by_value(value_fen: int) -> tuple[Product, int] | None:
    """The phone credit and how many of it make this face value; None when nothing fits."""
    if value_fen in BY_FACE:
        return BY_FACE[value_fen], 1
    for face in sorted(BY_FACE, reverse=True):
        if 0 < value_fen <= face * 50 and value_fen % face == 0:
            return BY_FACE[face], value_fen // face
    return None
