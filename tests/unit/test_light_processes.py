"""Processes that idle most of the day do not carry what is needed now and then."""

import subprocess
import sys

import pytest

SERVING = (
    "mingzhang.app.cli_serve, mingzhang.app.http_server, mingzhang.app.worker, mingzhang.app.oversight_watch"
)


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        (SERVING, ("duckdb", "typst", "openpyxl")),
        ("mingzhang.app.cli, mingzhang.app.cli_migrate", ("litestar", "uvicorn", "openpyxl")),
    ],
)
def test_a_command_loads_no_heavy_library_before_it_is_needed(modules: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
    )
    assert done.stdout.strip() == "[]"
