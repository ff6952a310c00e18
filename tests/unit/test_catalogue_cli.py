"""`mingzhang catalogue …` as a person types it, against a real database."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mingzhang.app.cli import app
from mingzhang.kit.errors import Problem


def test_a_shop_is_filled_changed_and_checked_from_the_terminal(
    database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("MINGZHANG_SECRET_KEY", "ab" * 32)
    runner = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200"})

    def type_in(*arguments: str) -> Result:
        return runner.invoke(app, ["catalogue", *arguments])

    def ok(*arguments: str) -> str:
        result = type_in(*arguments)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def refused(*arguments: str) -> str:
        problem = type_in(*arguments).exception
        assert isinstance(problem, Problem)
        return str(problem)

    ok("category", "phone", "--zh", "话费", "--en", "Phone credit")
    cells = (
        "kind=mobile title_zh=话费快充20元 title_en=Credit¥20 face_value=20 price=20 cost=19.8 category=phone "
        "account_template=phone_cn supplier=fulu supplier_product=20000020"
    )
    assert "phone-20: new" in ok("set", "phone-20", *cells.split())
    assert "below_floor" in refused("set", "phone-20", "price=15", "on_sale=yes")
    assert "price 20.00 -> 19.80" in ok("set", "phone-20", "price=19.80", "on_sale=yes")
    assert "19.80" in ok("list", "phone")
    shown = ok("show", "phone-20")
    assert "'20.00' -> '19.80'" in shown
    assert "cli:" in shown
    ok("off-sale", "phone-20")
    ok("on-sale", "phone-20")
    assert "unknown_product" in refused("on-sale", "phone-21")
    assert "unknown_column" in refused("set", "phone-20", "product_id=phone-21")
    for name in ("shop.csv", "shop.xlsx"):
        assert "1 products" in ok("export", name)
        assert "1 same" in ok("import", name)
    sheet = Path("more.csv")
    sheet.write_text("product_id,price\nphone-20,19.9\nphone-21,9\n")
    result = type_in("import", "more.csv")
    assert result.exit_code == 1
    assert "row 3 phone-21: missing in kind" in result.output
    sheet.write_text("product_id,price\nphone-20,19.9\n")
    assert "price 19.80 -> 19.90" in ok("import", "more.csv", "--preview")
    assert "19.80" in ok("list")
    assert "done" in ok("import", "more.csv")
    assert "19.90" in ok("list")
    assert "0 found" in ok("check")
