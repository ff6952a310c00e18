"""The record kept beside the hot path at full speed says afterwards exactly what the books say."""

from __future__ import annotations

from pathlib import Path

import pytest

from mingzhang.app.bench.record import run_log

pytestmark = pytest.mark.long


async def test_the_record_kept_beside_the_hot_path_holds(tmp_path: Path) -> None:
    result = await run_log(tmp_path, 1, lambda text, done: None)
    assert result["audit"] == "ok", result
    assert result["entries"] > result["backlog_entries"] > 0
