"""What the sample shop sells beside its first products: from several suppliers, in an order, and from its own stock."""

from typing import Final

from mingzhang.catalogue.store import Product, Route
from mingzhang.fulfilment.stock.importer import NewBatch
from mingzhang.fulfilment.stock.reader import CardLine

STOCK_PRODUCT: Final = "sample-card-100"
STOCK_CARDS: Final = 40
STOCK_COST_FEN: Final = 9_600

# Product id, kind, titles, face value, price, account template; then (supplier, its product, cost) in order.
_Source = tuple[str, str, int]
_ROWS: Final[tuple[tuple[str, str, str, str, int, int, str, tuple[_Source, ...]], ...]] = (
    (
        "phone-30",
        "mobile",
        "话费直充 30元",
        "Phone credit ¥30",
        3000,
        3000,
        "phone_cn",
        (("kasushou", "1030", 2950), ("fulu", "20000030", 2960), ("dtone", "61030", 2968)),
    ),
    (
        "phone-10",
        "mobile",
        "话费直充 10元",
        "Phone credit ¥10",
        1000,
        1000,
        "phone_cn",
        (("dtone", "61010", 994), ("kasushou", "1010", 985), ("fulu", "20000010", 990)),
    ),
    (
        "steam-100",
        "direct",
        "Steam钱包直充 100元",
        "Steam wallet ¥100",
        10000,
        9880,
        "steam64",
        (("fulu", "10000201", 9600), ("kasushou", "2100", 9580)),
    ),
    (
        "card-50",
        "card",
        "骏网一卡通 50元 卡密",
        "Game card code ¥50",
        5000,
        4950,
        "none",
        (("kasushou", "3050", 4840), ("fulu", "30000050", 4850)),
    ),
    (
        "card-100-stock",
        "card",
        "盛趣游戏点卡 100元 卡密（现货）",
        "Game card code ¥100, in stock",
        10000,
        9880,
        "none",
        (("stock", STOCK_PRODUCT, STOCK_COST_FEN), ("fulu", "30000100", 9700), ("kasushou", "3100", 9680)),
    ),
)


def further_products() -> list[Product]:
    """The products with their first suppliers."""
    return [
        Product(
            product_id=product_id,
            kind=kind,
            title_zh=zh,
            title_en=en,
            face_value_fen=face,
            price_fen=price,
            cost_fen=sources[0][2],
            max_quantity=1 if kind == "mobile" else 5,
            supplier=sources[0][0],
            supplier_product=sources[0][1],
            account_template=template,
            promise_s=900,
            position=n,
        )
        for n, (product_id, kind, zh, en, face, price, template, sources) in enumerate(_ROWS, start=20)
    ]


def further_routes() -> list[Route]:
    """Whom to try next."""
    return [
        Route(
            product_id=row[0],
            position=position,
            supplier=supplier,
            supplier_product=supplier_product,
            cost_fen=cost,
        )
        for row in _ROWS
        for position, (supplier, supplier_product, cost) in enumerate(row[7])
        if position
    ]


def stock_batch() -> tuple[NewBatch, list[CardLine]]:
    """The sample shop's own cards."""
    batch = NewBatch(
        batch_id="sample",
        product=STOCK_PRODUCT,
        unit_cost_fen=STOCK_COST_FEN,
        expires_at=None,
        source="sample.csv",
        added_by="sample",
    )
    return batch, [CardLine(n, f"SAMPLE{n:06d}", f"{n * 7_919_113:016d}") for n in range(1, STOCK_CARDS + 1)]
