"""A real Chromium for the journeys: the distribution's own, never one that is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where Chromium is. Without one the journeys are skipped aloud, or fail with REQUIRE_BROWSER=1."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is not None:
        return path
    said = "NO CHROMIUM: the browser journeys did NOT run (Debian: apt-get install chromium)"
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(said)
    pytest.skip(said)


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    """One browser for one test."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        yield chromium
        await chromium.close()
