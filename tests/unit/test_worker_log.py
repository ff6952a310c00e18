"""A visit that failed is found by its log: the line names the row, though keys are hidden."""

from __future__ import annotations

from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from mingzhang.app.logging import hide_private
from mingzhang.app.worker import Worker
from mingzhang.kit.errors import Kind, Problem
from mingzhang.orders.context import Context


@pytest.mark.parametrize("error", [Problem("unknown_order", Kind.NOT_FOUND), ValueError("no such case")])
async def test_the_log_names_the_row_whose_visit_failed(error: Exception) -> None:
    async def visit(_ctx: Context, _row: str) -> None:
        raise error

    with capture_logs() as lines:
        await Worker(cast("Any", None))._visit(visit, "M0002RZ0GFRZV5IQMOZP1")
    (line,) = lines
    assert "M0002RZ0GFRZV5IQMOZP1" in hide_private(None, "", dict(line)).values()
