"""axe-core in the page, from our own pinned file: WCAG 2.2 A and AA, no violation."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

FILE = Path(__file__).resolve().parents[2] / ".build" / "dev-assets" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@functools.cache
def _source() -> str:
    return FILE.read_text(encoding="utf-8")


def require_axe() -> None:
    """Skip aloud where set-up did not bring it, or fail with REQUIRE_BROWSER=1."""
    if FILE.exists():
        return
    said = "NO AXE: pages were NOT checked for accessibility (make setup-test brings it)"
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(said)
    pytest.skip(said)


async def violations(page: Page) -> list[str]:
    """What axe finds, one line each: rule, how many, the first place and why."""
    if not await page.evaluate("typeof window.axe === 'object'"):
        await page.evaluate(_source())
    found: dict[str, Any] = await page.evaluate(
        "rules => window.axe.run(document, {runOnly: rules, resultTypes: ['violations']})", RULES
    )
    return [
        f"{each['id']} ×{len(each['nodes'])} {each['nodes'][0]['target']} {each['nodes'][0]['failureSummary']}"
        for each in found["violations"]
    ]
