"""Rules of the house that imports cannot show: where SQL stands, and who writes the ledger."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import mingzhang

HOUSE = Path(next(iter(mingzhang.__path__)))
MODULES = sorted(HOUSE.rglob("*.py"))
RUN = frozenset({"execute", "executemany", "fetch", "fetchrow", "fetchval", "fetchmany", "cursor", "prepare"})
STATEMENT = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*(?:SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS\s|TRUNCATE\s|"
    r"CREATE\s+(?:TABLE|FUNCTION|INDEX|SCHEMA|ROLE|DATABASE)\s|ALTER\s+TABLE\s+\w+\s|DROP\s+\w+\s|SET\s+LOCAL\s|COPY\s+\w+)"
)
# What runs before the schema exists, or makes the database itself, cannot come from a slice's store.sql.
BEFORE_THE_SCHEMA = frozenset({"kit/migrations.py", "app/embedded.py", "app/demo.py", "app/bench/floor.py"})
# Functions of the hot path, and what the benchmark compares them with, in a schema of its own.
ELSEWHERE = frozenset({"migrations", "bench"})


def name_of(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every text of a module but its docstrings, with its line."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def test_sql_stands_in_sql_files_only() -> None:
    for path in MODULES:
        if name_of(path) not in BEFORE_THE_SCHEMA:
            assert statements_in(ast.parse(path.read_text(encoding="utf-8"))) == [], path


def statements_in(tree: ast.AST) -> list[int]:
    """The lines that hold a statement, or put one together at the call."""
    whole = [line for line, text in texts(tree) if STATEMENT.match(text)]
    return whole + [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in RUN
        and node.args
        and isinstance(node.args[0], ast.Constant | ast.JoinedStr | ast.BinOp)
    ]


def test_the_rule_would_notice() -> None:
    for text in ("SELECT 1", "\n  -- why\n  UPDATE leg SET n = 1", "INSERT INTO leg VALUES (1)"):
        assert STATEMENT.match(text)
    for text in ("UPDATE, DELETE and TRUNCATE are refused", "Set the price", "selected"):
        assert not STATEMENT.match(text)


def test_only_the_ledgers_store_writes_legs() -> None:
    writers = {
        name_of(path) for path in MODULES if re.search(r"\binsert_legs?\b", path.read_text(encoding="utf-8"))
    }
    assert writers == {"ledger/store.py"}
    for path in HOUSE.rglob("*.sql"):
        text = path.read_text(encoding="utf-8")
        if re.search(r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+leg\b", text, re.IGNORECASE):
            assert name_of(path) == "ledger/store.sql" or path.parent.name in ELSEWHERE, path


def test_the_kit_imports_nothing_of_the_house_but_itself() -> None:
    for path in (HOUSE / "kit").rglob("*.py"):
        found = re.findall(
            r"^\s*(?:from|import) mingzhang\.?(\w*)", path.read_text("utf-8"), flags=re.MULTILINE
        )
        assert set(found) <= {"kit"}, path
