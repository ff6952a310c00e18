"""Import and export: previewed by row and code, applied all or not at all, on record, safe in a spreadsheet."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, datetime
from random import Random
from typing import Any

import asyncpg
import openpyxl
import pytest

from mingzhang.app import wiring
from mingzhang.catalogue import change, store
from mingzhang.catalogue.cells import COLUMNS, read_cells, to_cells
from mingzhang.catalogue.change import Author, apply_lines, plan_lines
from mingzhang.catalogue.model import Category, Listing
from mingzhang.catalogue.sheet import guard, read_sheet, unguard, write_csv, write_xlsx
from mingzhang.kit.errors import Problem

RNG = Random(2)
NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
ME = Author(name="cli:test", way="import")
NEW = {
    "product_id": "mobile-slow-100",
    "on_sale": "yes",
    "category": "slow",
    "family": "mobile-slow",
    "family_zh": "话费慢充",
    "family_en": "Phone credit, slow",
    "variant_zh": "100元",
    "variant_en": "¥100",
    "kind": "mobile",
    "title_zh": "话费慢充 100元",
    "title_en": "Phone credit ¥100, slow",
    "face_value": "100",
    "price": "95.00",
    "tiers": "",
    "cost": "93.5",
    "account_template": "phone_cn",
    "supplier": "fulu",
    "supplier_product": "20000100",
    "promise": "72h",
    "promise_from": "24h",
    "description_zh": "=1+1",
    "description_en": "two\nlines",
}


def csv_of(*rows: dict[str, str]) -> bytes:
    out = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


async def set_up(pool: asyncpg.Pool) -> None:
    slow = Category(category_id="slow", parent="", title_zh="慢充", title_en="Slow", position=1)
    await change.set_category(pool, RNG, NOW, ME, slow)
    async with pool.acquire() as conn:
        for product in wiring.sample_products():
            await store.add_product(conn, product)


async def apply(pool: asyncpg.Pool, *rows: dict[str, str], **more: Any) -> change.Plan:
    lines = list(enumerate(rows, start=2))
    return await apply_lines(pool, RNG, NOW, ME, lines, **more)


async def test_an_import_is_previewed_applied_whole_and_on_record(pool: asyncpg.Pool) -> None:
    await set_up(pool)
    told: list[int] = []
    dearer = {"product_id": "phone-100", "price": "101"}
    async with pool.acquire() as conn:
        plan = await plan_lines(conn, [(2, NEW), (3, dearer), (4, {"product_id": "card-100"})])
        assert [row.outcome for row in plan.rows] == ["new", "changed", "same"]
        assert [(one.column, one.old, one.new) for one in plan.rows[1].changes] == [
            ("price", "100.00", "101.00")
        ]
        assert "mobile-slow-100" not in await store.read_listings(conn, ["mobile-slow-100"])
    await apply(pool, NEW, dearer, {"product_id": "card-100"}, expect=plan.digest, told=told.append)
    assert sum(told) == 2
    async with pool.acquire() as conn:
        made = (await store.read_listings(conn, ["mobile-slow-100"]))["mobile-slow-100"]
        assert (made.product.price_fen, made.product.promise_from_s, made.product.slow) == (
            9500,
            86_400,
            True,
        )
        assert (made.family_zh, made.texts.description_en) == ("话费慢充", "two\nlines")
        [line] = await store.list_changes(conn, "phone-100", 5)
        assert (line.field, line.old, line.new, line.changed_by, line.at) == (
            "price",
            "100.00",
            "101.00",
            "cli:test",
            NOW,
        )
        assert {one.field for one in await store.list_changes(conn, "category:slow", 9)} >= {"title_zh"}
    with pytest.raises(Problem, match="catalogue_changed"):
        await apply(pool, {"product_id": "phone-100", "price": "102"}, expect=plan.digest)


BAD: list[tuple[dict[str, str], str, str]] = [
    ({"price": "12.345"}, "price", "bad_money"),
    ({"price": "1e99"}, "price", "bad_money"),
    ({"price": "9e999999"}, "price", "bad_money"),
    ({"cost": "1e999990"}, "cost", "bad_money"),
    ({"cost": "1e-999990"}, "cost", "bad_money"),
    ({"face_value": "nan"}, "face_value", "bad_money"),
    ({"kind": "gift"}, "kind", "bad_choice"),
    ({"title_zh": ""}, "title_zh", "missing"),
    ({"title_zh": "话费慢充 秒到账"}, "title_zh", "instant_arrival"),
    ({"price": "70"}, "price", "below_floor"),
    ({"promise": "96h"}, "promise", "bad_span"),
    ({"promise_from": "80h"}, "promise_from", "bad_span"),
    ({"tiers": "1:90"}, "tiers", "bad_tiers"),
    ({"max_quantity": "9", "tiers": "2:96"}, "tiers", "bad_tiers"),
    ({"min_quantity": "5"}, "max_quantity", "bad_quantity"),
    ({"category": "nowhere"}, "category", "unknown_category"),
    ({"family_en": ""}, "family", "family_unnamed"),
    ({"account_template": "none"}, "account_template", "template_unfit"),
    ({"fields": "[{]"}, "fields", "bad_fields"),
    ({"fields": '[{"name":"zone"}]'}, "fields", "bad_fields"),
    ({"fields": '[{"name":"account","more":' + "[" * 3900}, "fields", "bad_fields"),
    ({"picture": "ab" * 32}, "picture", "unknown_picture"),
    ({"product_id": "../etc"}, "product_id", "bad_id"),
    ({"nonsense": "1"}, "nonsense", "unknown_column"),
]


async def test_one_bad_row_stops_the_whole_import(pool: asyncpg.Pool) -> None:
    await set_up(pool)
    for bad, column, code in BAD:
        rows = ({"product_id": "phone-100", "price": "101"}, NEW | bad)
        with pytest.raises(Problem, match="import_refused") as refused:
            await apply(pool, *rows)
        told = refused.value.params
        assert (told["row"], told["field"], told["reason"]) == (3, column, code)
    assert await pool.fetchval("SELECT price_fen FROM product WHERE product_id = 'phone-100'") == 10000
    assert await pool.fetchval("SELECT count(*) FROM catalogue_change WHERE subject = 'phone-100'") == 0


async def test_what_breaks_a_rule_may_lie_in_the_store_room_but_not_go_on_sale(pool: asyncpg.Pool) -> None:
    await set_up(pool)
    await apply(pool, NEW | {"on_sale": "no", "title_zh": "话费慢充 秒到账"})
    with pytest.raises(Problem, match="instant_arrival"):
        await apply(pool, {"product_id": "mobile-slow-100", "on_sale": "yes"})
    await apply(pool, {"product_id": "mobile-slow-100", "on_sale": "yes", "title_zh": "话费慢充"})
    second = NEW | {"product_id": "mobile-slow-50", "family_zh": "别名"}
    with pytest.raises(Problem, match="family_differs"):
        await apply(pool, {"product_id": "mobile-slow-100"}, second)
    with pytest.raises(Problem, match="twice_in_file"):
        await apply(pool, NEW, NEW)
    with pytest.raises(Problem, match="bad_category"):
        await change.set_category(
            pool,
            RNG,
            NOW,
            ME,
            Category(category_id="x", parent="y", title_zh="x", title_en="x", position=1),
        )


async def test_an_export_reads_back_as_it_was_in_both_forms(pool: asyncpg.Pool) -> None:
    await set_up(pool)
    await apply(pool, NEW)
    async with pool.acquire() as conn:
        listings = await store.list_listings(conn)
    for written in (write_csv(listings), write_xlsx(listings)):
        lines = read_sheet(written)
        assert [cells for _, cells in lines] == [to_cells(listing) for listing in listings]
        async with pool.acquire() as conn:
            assert {row.outcome for row in (await plan_lines(conn, lines)).rows} == {"same"}
    assert "'=1+1" in write_csv(listings).decode()
    book = openpyxl.load_workbook(io.BytesIO(write_xlsx(listings)))
    assert {cell.data_type for row in book.active.iter_rows() for cell in row if cell.value is not None} == {
        "s"
    }
    assert "cost" not in read_sheet(write_csv(listings, frozenset({"cost"})))[0][1]


@pytest.mark.parametrize("text", ["=1+1", "+86", "-1", "@SUM(A1)", "\tx", "'=1", "'plain", "plain", ""])
def test_no_cell_is_a_formula_and_none_changes_on_its_way(text: str) -> None:
    assert not guard(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguard(guard(text)) == text


def workbook(*rows: list[object]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def packed(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "sheet_invalid"),
        (b"price\n1\n", "sheet_invalid"),
        (b"product_id,product_id\na,b\n", "sheet_invalid"),
        (b"product_id,price\na,1,2\n", "sheet_invalid"),
        (b"product_id,price\na,=1+1\n", "formula_in_cell"),
        (b'product_id,price\n"a,1\n', "sheet_invalid"),
        (b"\xff\xfe\xff\xff\x00", "sheet_invalid"),
        (b"PK\x03\x04 nothing", "sheet_invalid"),
        (packed(nothing=b"x"), "sheet_invalid"),
        (packed(bomb=b"\0" * 70_000_000), "too_large"),
        (b"product_id\n" + b"a\n" * 5_001, "too_large"),
        (b"x" * (4 * 1024 * 1024 + 1), "too_large"),
        (workbook(["product_id", "price"], ["a", "=1+1"]), "formula_in_cell"),
    ],
)
def test_a_sheet_that_is_none_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Problem) as refused:
        read_sheet(data)
    assert code in {refused.value.code, refused.value.params.get("reason")}


def test_a_sheet_typed_by_a_person_is_understood() -> None:
    typed = workbook(
        ["Product_ID", "price", "max_quantity"], ["a", 99.8, 3], [None, None, None], ["b", 100, 2.0]
    )
    assert read_sheet(typed) == [
        (2, {"product_id": "a", "price": "99.8", "max_quantity": "3"}),
        (4, {"product_id": "b", "price": "100", "max_quantity": "2"}),
    ]
    chinese = "product_id,title_zh\na,话费\n".encode("gb18030")
    assert read_sheet(chinese) == [(2, {"product_id": "a", "title_zh": "话费"})]


def test_every_cell_reads_back_what_it_writes() -> None:
    made, faults = read_cells(NEW | {"max_quantity": "10", "tiers": "2:94;5：93.5"}, None)
    assert made is not None, faults
    assert list(to_cells(made)) == list(COLUMNS)
    again, faults = read_cells(to_cells(made), Listing(product=made.product))
    assert (again, faults) == (made, [])
