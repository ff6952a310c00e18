"""A buyer checks a receipt and a pack in the browser: on the shop's page, from a QR code, and from a saved file with the
network cut; and what lies on paper is drawn for docs/screens (UPDATE_SCREENS=1).
"""

from __future__ import annotations

import asyncio
import io
import json
import os
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from accessible import violations
from playwright.async_api import Browser, Page, expect
from test_buyers_pages import enter
from visitor import HEIGHTS, SCREENS, WAIT_MS, Visitor, visiting

from house import House, open_house
from mingzhang.app.anchors import look
from mingzhang.app.receipts import read_receipt
from mingzhang.app.transparency import run_log, signer_of
from mingzhang.packs.paper import qr_text
from mingzhang.transparency import verify_offline
from owed_proofs import proof_of

pytestmark = [pytest.mark.browser, pytest.mark.long]

RESULT = "#result"
PAID = 2  # placed, payment opened, paid
GENUINE, REFUSED = "属实 · GENUINE", "不成立 · REFUSED"


async def check(page: Page, file: Path, says: str) -> None:
    """Choose a file on the checking page, and read what it says."""
    await page.set_input_files("#file", file)
    await page.click("form button")
    await expect(page.locator(f"{RESULT} h2")).to_have_text(says, timeout=WAIT_MS)


async def download(page: Page, selector: str, path: Path, which: int = 0) -> Path:
    """What a link gives, of several alike the one of that number."""
    async with page.expect_download() as begun:
        await page.locator(selector).nth(which).click()
    await (await begun.value).save_as(path)
    return path


async def _stamped(house: House) -> None:
    for _ in range(400):
        if "stamped" in [outcome for _, outcome in await look(house.desk.ctx, house.desk.settings)]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("nothing was stamped")


@pytest.mark.parametrize(("lang", "width"), [("zh", 390), ("en", 1440)])
async def test_a_receipt_and_a_pack_are_checked_in_the_browser(
    browser: Browser, database_url: str, tmp_path: Path, lang: str, width: int
) -> None:
    async with open_house(database_url, tmp_path, anchor_every_s=60.0) as house:
        ended = asyncio.Event()
        beside = asyncio.create_task(run_log(house.desk.ctx, signer_of(house.desk.settings), ended))
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        await _stamped(house)
        async with visiting(browser, house.url, lang, width) as visitor:
            receipt, pack = await _take_home(house, visitor, order_id, tmp_path)
            await _on_the_shops_page(house, visitor, order_id, receipt, pack)
        await _without_any_network(browser, house, receipt, pack, tmp_path)
        ended.set()
        await beside


async def _take_home(house: House, visitor: Visitor, order_id: str, folder: Path) -> tuple[Path, Path]:
    """From the order page: the pack in one click, a receipt from the proof page; the record's own page beside."""
    page = visitor.page
    await enter(house, visitor, order_id)
    pack = await download(page, f"a[href='/orders/{order_id}/pack.zip']", folder / "pack.zip")
    await visitor.visit(f"/orders/{order_id}/proof")
    links = f"a[href^='/orders/{order_id}/receipts/']"
    receipt = await download(page, f"{links}:not([href$='pdf'])", folder / "receipt.json")
    paper = await download(page, f"{links}[href$='pdf']", folder / "receipt.pdf", PAID)
    _draw(paper.read_bytes(), "receipt-paper")
    files = verify_offline.unpack_zip(pack.read_bytes())
    _draw(files["pack.pdf"], "pack-paper")
    await visitor.visit("/log")
    assert await violations(page) == []
    await visitor.shoot("record")
    return receipt, pack


async def _on_the_shops_page(
    house: House, visitor: Visitor, order_id: str, receipt: Path, pack: Path
) -> None:
    page = visitor.page
    await page.goto(f"{house.url}/log/verify.html")
    await check(page, receipt, GENUINE)
    await expect(page.locator(RESULT)).to_contain_text(order_id)
    await check(page, pack, GENUINE)
    await expect(page.locator(RESULT)).to_contain_text("清单本身也在公开记录里")
    assert await violations(page) == []
    await visitor.shoot("verify")
    changed = receipt.with_name("changed.json")
    changed.write_bytes(receipt.read_bytes().replace(b"placed", b"palced"))
    await check(page, changed, REFUSED)
    await expect(page.locator(RESULT)).to_contain_text("不是记录的那一条")
    whole = pack.read_bytes()
    changed.write_bytes(whole.replace(b'"price_fen":10000', b'"price_fen":10001', 1))
    await check(page, changed, REFUSED)
    await expect(page.locator(RESULT)).to_contain_text("order.json")
    await page.fill("#key", "other.example/log+00000000+AQ==")
    await check(page, receipt, REFUSED)
    seq = json.loads(receipt.read_bytes())["statement"]["seq"]
    text = qr_text(json.loads(await read_receipt(house.desk, order_id, seq)), house.url)
    await page.goto("about:blank")
    await page.goto(text)
    await expect(page.locator(f"{RESULT} h2")).to_have_text(GENUINE, timeout=WAIT_MS)


async def _without_any_network(
    browser: Browser, house: House, receipt: Path, pack: Path, folder: Path
) -> None:
    """The same page as a file on the buyer's device: the network is cut, and nothing asks for it."""
    saved = folder / "verify.html"
    async with house.http.get(f"{house.url}/log/verify.html") as answer:
        saved.write_bytes(await answer.read())
    context = await browser.new_context(offline=True, viewport={"width": 390, "height": HEIGHTS[390]})
    try:
        page = await context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(saved.as_uri())
        await check(page, receipt, GENUINE)
        await check(page, pack, GENUINE)
        assert asked == [saved.as_uri()]
    finally:
        await context.close()


async def test_what_is_owed_is_checked_in_the_browser_as_the_program_checks_it(
    browser: Browser, tmp_path: Path
) -> None:
    genuine = proof_of([500, 12_000, 7, 99, 1], 2)
    (first, *others) = genuine["path"]
    receipt = genuine["receipt"]
    changed: tuple[dict[str, Any], ...] = (
        {"amount_fen": genuine["amount_fen"] + 1},
        {"amount_fen": str(genuine["amount_fen"])},
        {"subject": "M99999"},
        {"salt": "00" * 16},
        {"index": genuine["index"] ^ 1},
        {"index": 5},
        {"path": [[first[0], first[1] + 1], *others]},
        {"path": [[first[0], -first[1]], *others]},
        {"path": others},
        {"path": [*genuine["path"], first]},
        {"statement": {**genuine["statement"], "total_fen": genuine["statement"]["total_fen"] + 1}},
        {"statement": None},
        {"receipt": {**receipt, "position": "0"}},
        {"receipt": {**receipt, "position": 1}},
        {"receipt": None},
        {"more": 1},
    )
    file, page = tmp_path / "proof.json", await browser.new_page()
    await page.goto(Path(verify_offline.__file__).with_suffix(".html").as_uri())
    told: list[str] = []
    for change in ({}, *changed, genuine["receipt"], {**receipt, "position": "0"}):
        whole = change if "format" in change else {**genuine, **change}
        file.write_bytes(verify_offline.canonical(whole))
        await page.set_input_files("#file", file)
        await page.evaluate("document.getElementById('result').hidden = true")
        await page.click("form button")
        await expect(page.locator(f"{RESULT} h2")).to_be_visible(timeout=WAIT_MS)
        told.append(await page.locator(RESULT).inner_text())
    holds = [text.startswith(GENUINE) for text in told]
    assert holds == [True, *[False] * len(changed), True, False], told
    assert "¥120.00" in told[0]
    assert "2026-11-23" in told[0]
    await page.close()


def _draw(pdf: bytes, name: str) -> None:
    """The first page as a picture, with UPDATE_SCREENS=1."""
    if os.environ.get("UPDATE_SCREENS") != "1":
        return
    drawn = io.BytesIO()
    seen = pypdfium2.PdfDocument(pdf)[0].render(scale=1.3).to_pil()
    seen.convert("L").quantize(16).save(drawn, "PNG", optimize=True)
    (SCREENS / f"{name}.png").write_bytes(drawn.getvalue())
