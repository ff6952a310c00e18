"""First contentful paint of the order page in Chromium, on loopback; nothing where there is no browser."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any, Final

from mingzhang.app.desk import Desk
from mingzhang.app.http_kit import order_cookie

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
PAINTS: Final = 9
WAIT_MS: Final = 20_000.0
_PAINT: Final = """() => new Promise((done) => {
  const told = () => performance.getEntriesByName('first-contentful-paint')[0];
  if (told()) { done(told().startTime); return; }
  new PerformanceObserver((_, watch) => { if (told()) { watch.disconnect(); done(told().startTime); } })
    .observe({ type: 'paint', buffered: true });
})"""


async def first_paints(desk: Desk, port: int, orders: Sequence[str]) -> list[float]:
    """Milliseconds from navigation to the first content, each in a window that has nothing in its cache (390 px)."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    try:
        from playwright.async_api import async_playwright  # noqa: PLC0415 - a tool of developers
    except ImportError:
        return []
    if path is None:
        return []
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            url = f"http://127.0.0.1:{port}"
            paints = [await _paint(chromium, desk, url, order_id) for order_id in orders[: PAINTS + 1]]
        finally:
            await chromium.close()
    return paints[1:]  # the first one warms the browser itself


async def _paint(chromium: Any, desk: Desk, url: str, order_id: str) -> float:
    window = await chromium.new_context(viewport={"width": 390, "height": 844})
    try:
        cookie = order_cookie(desk, order_id)
        address = f"{url}/orders/{order_id}"
        await window.add_cookies([{"name": cookie.key, "value": cookie.value or "", "url": address}])
        page = await window.new_page()
        page.set_default_timeout(WAIT_MS)
        await page.goto(address)
        return float(await page.evaluate(_PAINT))
    finally:
        await window.close()
