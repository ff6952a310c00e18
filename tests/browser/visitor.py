"""One buyer in one browser window: reads, clicks, and remembers whatever a page did wrong."""

from __future__ import annotations

import io
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from playwright.async_api import Browser, ConsoleMessage, FloatRect, Page, Request, expect

SCREENS = Path(__file__).resolve().parents[2] / "docs" / "screens"
SCREEN_BYTES_MAX = 200_000
WAIT_MS = 20_000.0
HEIGHTS = {390: 844, 1440: 900}
DEPTHS = {390: 1300, 1440: 900}  # how far down a picture goes, in pixels
WHOLE = "-whole"  # ends the name of a picture that goes to the end of the page
OWN_SCHEMES = {"data", "blob", "about"}  # these reach no host


class Visitor:
    """One window, `width` CSS pixels wide, in `lang` (zh | en), on the shop at `url`."""

    def __init__(self, page: Page, url: str, lang: str, width: int) -> None:
        self.page = page
        self.url = url
        self.lang = lang
        self.width = width
        self.faults: list[str] = []
        page.on("request", self._asked)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in OWN_SCHEMES and parts.netloc != urlsplit(self.url).netloc:
            self.faults.append(f"another host: {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        # A refusal by the content security policy is told here, too.
        if message.type in {"error", "warning"}:
            self.faults.append(f"console: {message.text}")

    async def visit(self, path: str) -> None:
        """Go there in this visitor's language."""
        await self.page.goto(f"{self.url}{path}{'&' if '?' in path else '?'}lang={self.lang}")

    async def place(self, product: str, account: str, contact: str) -> str:
        """From the shop front to the order page, as a person would; returns the order's number."""
        page = self.page
        await self.visit("/")
        await self.shoot("front")
        await page.click(f"a[href='/products/{product}']")
        await page.fill("[name=account]", account)
        await page.fill("[name=contact]", contact)
        await page.click("form.mz-form button[type=submit]")
        await expect(page.locator(".mz-check-account .mz-digits")).to_have_text("138 0013 8000")
        await self.shoot("confirm")
        await page.click("form:has([name=step][value=place]) button[type=submit]")
        await page.wait_for_url(re.compile(r"/orders/\w+$"))
        order_id = await page.get_attribute("#live", "data-order")
        assert order_id is not None
        return order_id

    async def sees(self, selector: str, text: str) -> None:
        """Wait until that part of the page says so."""
        await expect(self.page.locator(selector)).to_contain_text(text, timeout=WAIT_MS)

    async def mark(self) -> None:
        """Leave something in the window that no reload survives."""
        await self.page.evaluate("window.sinceTheBeginning = true")

    async def was_never_reloaded(self) -> bool:
        """Whether the mark is still there."""
        return bool(await self.page.evaluate("window.sinceTheBeginning === true"))

    async def fits(self) -> None:
        """Nothing sticks out sideways."""
        wide = await self.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= self.width, f"{self.page.url} is {wide} px wide in a window of {self.width}"

    async def shoot(self, name: str) -> None:
        """Check the layout; with UPDATE_SCREENS=1 also keep the picture as `name-lang-width.png` if wanted."""
        await self.fits()
        file = f"{name}-{self.lang}-{self.width}.png"
        if os.environ.get("UPDATE_SCREENS") != "1" or file not in WANTED:
            return
        SCREENS.mkdir(parents=True, exist_ok=True)
        await self.page.evaluate("window.scrollTo(0, 0)")
        height = await self.page.evaluate("document.documentElement.scrollHeight")
        depth = height if name.endswith(WHOLE) else min(height, DEPTHS[self.width])
        clip: FloatRect = {"x": 0, "y": 0, "width": self.width, "height": depth}
        picture = await self.page.screenshot(full_page=True, clip=clip, animations="disabled", caret="hide")
        picture = _with_few_colours(picture)
        (SCREENS / file).write_bytes(picture)
        assert len(picture) < SCREEN_BYTES_MAX, f"{file} has {len(picture)} bytes"


def _with_few_colours(picture: bytes) -> bytes:
    """The same picture with a palette: a third of the size."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as seen:
        seen.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


# Few enough to look at all of them after every change.
WANTED = frozenset(
    f"{name}.png"
    for name in (
        "front-zh-390",
        "confirm-zh-390",
        "order-awaiting-zh-390",
        "order-processing-zh-390",
        "order-arrived-zh-390",
        "order-refunded-zh-390",
        "order-awaiting-en-390",
        "order-arrived-en-390",
        "order-refunded-en-390",
        "front-zh-1440",
        "order-arrived-zh-1440",
        "order-refunded-en-1440",
        "claim-form-zh-390",
        "claim-form-en-390",
        "order-claim-zh-390",
        "order-claim-en-390",
        "order-claim-zh-1440",
        "staff-work-zh-390",
        "staff-work-en-1440",
        "staff-claims-zh-1440",
        "staff-today-zh-390",
        "staff-today-en-1440",
        "staff-figures-flow-zh-1440",
        "staff-figures-flow-en-390",
        "staff-figures-money-en-1440",
        "staff-figures-care-zh-390",
        "staff-orders-zh-1440",
        "staff-orders-en-390",
        "staff-search-zh-390",
        "staff-bulk-en-1440",
        "staff-order-zh-390",
        "staff-order-zh-1440",
        "staff-order-en-1440",
        "front-empty-zh-390",
        "product-zh-390",
        "product-en-1440",
        "product-errors-zh-390",
        "my-zh-390",
        "my-code-zh-390",
        "my-orders-zh-390",
        "my-orders-en-1440",
        "order-pay-zh-390",
        "order-pay-en-1440",
        "order-arrived-whole-zh-390",
        "order-arrived-whole-en-390",
        "order-arrived-whole-zh-1440",
        "order-refunded-whole-zh-390",
        "order-refunded-whole-en-1440",
        "order-request-zh-390",
        "request-en-390",
        "help-zh-390",
        "order-needs-you-zh-390",
        "correction-en-390",
        "find-zh-390",
        "help-en-1440",
        "proof-zh-390",
        "record-zh-390",
        "record-en-1440",
        "verify-zh-390",
        "settings-zh-390",
        "settings-en-1440",
        "demo-zh-1440",
        "demo-en-390",
        "staff-figures-risk-zh-390",
        "trust-zh-390",
        "trust-en-1440",
        "oversight-home-zh-390",
        "oversight-coverage-zh-390",
        "oversight-receipts-en-1440",
        "dispute-buyer-0-zh-390",
        "dispute-buyer-0-en-390",
        "dispute-staff-1-zh-390",
        "dispute-staff-1-en-1440",
        "dispute-staff-4-zh-1440",
        "office-reconcile-zh-390",
        "office-difference-en-1440",
        "office-setup-product-zh-390",
        "office-setup-shop-en-390",
        "office-setup-launch-zh-1440",
    )
)


@asynccontextmanager
async def visiting(
    browser: Browser, url: str, lang: str, width: int, agent: str | None = None
) -> AsyncIterator[Visitor]:
    """Open a window with cookies of its own; at the end nothing may have gone wrong in it. `agent`: what it says it is."""
    context = await browser.new_context(viewport={"width": width, "height": HEIGHTS[width]}, user_agent=agent)
    try:
        visitor = Visitor(await context.new_page(), url, lang, width)
        yield visitor
        assert visitor.faults == []
    finally:
        await context.close()
