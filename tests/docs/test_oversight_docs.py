"""docs/transparency.md and docs/privacy.md hold the tables of the code."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def tool() -> ModuleType:
    """The program that writes them."""
    spec = importlib.util.spec_from_file_location(
        "describe_oversight", ROOT / "tools" / "describe_oversight.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_documents_hold_the_tables_of_the_code() -> None:
    printer = tool()
    for name in printer.PRINTED:
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert text == printer.described(name), "make docs"
