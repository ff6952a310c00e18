from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mingzhang.kit.sql import SqlFileError, load, parse

GOOD = """-- Reads and writes of the sample table.

-- name: get_thing
-- One thing by its key,
-- or nothing.
SELECT * FROM thing WHERE id = $1; -- by key

-- name: make_function
-- A function keeps its inner comments.
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$
  -- inner
  SELECT 1;
$$;
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "sample_sql_package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    sys.modules.pop("sample_sql_package", None)


def test_statements_have_name_comment_and_text(package: Path) -> None:
    (package / "store.sql").write_text(GOOD)
    sql = load("sample_sql_package", "store")
    assert list(sql) == ["get_thing", "make_function"]
    assert sql["get_thing"].comment == "One thing by its key, or nothing."
    assert sql.get_thing == "SELECT * FROM thing WHERE id = $1; -- by key"
    assert "-- inner" in sql.make_function
    assert len(load("sample_sql_package")) == 2
    with pytest.raises(AttributeError, match="missing"):
        _ = sql.missing


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1;", "without a name"),
        ("-- name:\n-- c\nSELECT 1;", "verb_noun"),
        ("-- name: Get\n-- c\nSELECT 1;", "verb_noun"),
        ("-- name: get_a\nSELECT 1;", "no comment"),
        ("-- name: get_a\n-- c\n", "no statement"),
    ],
)
def test_bad_files_are_refused(text: str, message: str) -> None:
    with pytest.raises(SqlFileError, match=message):
        parse(text, "x.sql")


def test_missing_files_and_double_names_are_refused(package: Path) -> None:
    with pytest.raises(SqlFileError, match="no statements"):
        load("sample_sql_package")
    with pytest.raises(SqlFileError, match="no such file"):
        load("sample_sql_package", "nothing")
    (package / "a.sql").write_text(GOOD)
    (package / "b.sql").write_text(GOOD)
    with pytest.raises(SqlFileError, match="defined twice"):
        load("sample_sql_package", "a", "b")
