"""What the demo's buyer takes home is checked where there is neither product nor network, and no changed byte passes."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import aiohttp
import pytest
from rich.console import Console

from alone import run_alone
from mingzhang.app.demo import Demo

pytestmark = pytest.mark.long

CHANGES = 1_000
# The buyer's own few lines, beside verify.py in a folder of its own: the program itself judges each changed copy.
ATTACK = """
import contextlib, io, pathlib, random, sys
sys.path.insert(0, ".")
import verify
assert not any(name.startswith("mingzhang") for name in sys.modules)
name, changes = sys.argv[1], int(sys.argv[2])
genuine, chosen, reasons = pathlib.Path(name).read_bytes(), random.Random(8), set()
changed = pathlib.Path("changed" + pathlib.Path(name).suffix)
for n in range(changes):
    at = chosen.randrange(len(genuine))
    other = bytes([chosen.choice([byte for byte in range(256) if byte != genuine[at]])])
    changed.write_bytes(genuine[:at] + other + genuine[at + 1 :])
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = verify.main([str(changed)])
    told = said.getvalue()
    assert code == 1 and told.startswith("REFUSED: ") and len(told) > 12, (at, other, code, told)
    reasons.add(told)
print(changes, "refused,", len(reasons), "reasons")
"""


async def test_a_receipt_and_a_pack_of_the_demo_hold_alone_and_a_thousand_changes_of_each_do_not(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "alone"
    folder.mkdir()
    demo = Demo(tmp_path / "demo", 0, console=Console(quiet=True))
    try:
        await demo.start()
        await _take_home(demo.base_url, folder)
    finally:
        await demo.stop()
    (folder / "attack.py").write_text(ATTACK, encoding="ascii")
    for name, says in (("receipt.json", "at the payment channel (alipay)"), ("pack.zip", "buyer edition")):
        told = run_alone(folder, "verify.py", name)
        assert told.returncode == 0, told.stdout + told.stderr
        assert told.stdout.startswith("GENUINE: ")
        assert says in told.stdout
        told = run_alone(folder, "attack.py", name, str(CHANGES))
        assert told.returncode == 0, told.stdout + told.stderr
        assert told.stdout.startswith(f"{CHANGES} refused, ")


async def _take_home(url: str, folder: Path) -> None:
    """Buy as `/demo` does, wait until the goods arrived and all is recorded, and save three files."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as buyer:

        async def get(path: str) -> bytes:
            async with buyer.get(url + path) as answer:
                assert answer.status == 200, (path, await answer.text())
                return await answer.read()

        async with buyer.post(f"{url}/demo/run/normal", headers={"Origin": url}) as answer:
            assert answer.status == 200, await answer.text()
            order_id = (await answer.json())["order_id"]
        receipts: list[str] = []
        for _ in range(300):
            proof = (await get(f"/orders/{order_id}/proof")).decode()
            receipts = re.findall(rf'href="(/orders/{order_id}/receipts/\d+)"', proof)
            if len(receipts) >= 6:  # placed, opened, paid, sent, taken on, delivered
                break
            await asyncio.sleep(0.1)
        files = {
            "verify.py": "/log/verify.py",
            "receipt.json": receipts[2],
            "pack.zip": f"/orders/{order_id}/pack.zip",
        }
        for name, path in files.items():
            (folder / name).write_bytes(await get(path))
