"""Processes that idle most of the day do not carry what is needed now and then."""

import subprocess
import sys

HEAVY = ("duckdb", "typst")


def test_the_command_loads_no_heavy_library_before_it_is_needed() -> None:
    code = f"import sys, mingzhang.app.cli; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
    )
    assert done.stdout.strip() == "[]"
