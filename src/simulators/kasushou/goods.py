"""What this 卡速售 site sells. Costs are fen per unit; the platform's prices are its own affair."""

from __future__ import annotations

from dataclasses import dataclass

CARD, VIRTUAL = 1, 2


@dataclass(frozen=True)
class Product:
    """One product: id, name, goods_type (1 卡密, 2 虚拟), face value and cost per unit in fen."""

    product_id: int
    name: str
    goods_type: int
    face_fen: int
    cost_fen: int
    account_name: str = ""


_ALL = (
    Product(1010, "全国话费快充 10元", VIRTUAL, 1_000, 985, "手机号码"),
    Product(1030, "全国话费快充 30元", VIRTUAL, 3_000, 2_950, "手机号码"),
    Product(1050, "全国话费快充 50元", VIRTUAL, 5_000, 4_920, "手机号码"),
    Product(1100, "全国话费快充 100元", VIRTUAL, 10_000, 9_840, "手机号码"),
    Product(2001, "Q币 1个 自动充值", VIRTUAL, 100, 96, "QQ号码"),
    Product(2010, "Q币 10个 自动充值", VIRTUAL, 1_000, 960, "QQ号码"),
    Product(2030, "网易一卡通 30元 自动充值", VIRTUAL, 3_000, 2_870, "网易通行证"),
    Product(2100, "Steam钱包 100元 自动充值", VIRTUAL, 10_000, 9_580, "SteamID64"),
    Product(3050, "骏网一卡通 50元", CARD, 5_000, 4_840),
    Product(3100, "盛趣游戏点卡 100元", CARD, 10_000, 9_680),
    Product(3200, "京东E卡 100元", CARD, 10_000, 9_910),
)
PRODUCTS = {product.product_id: product for product in _ALL}
