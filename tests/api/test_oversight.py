"""The regulator's own account: read only, masked, each view on record (R15, R42, R43)."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path

from test_staff import Person
from test_staff_pages import sign_in_strong

from house import House, open_house
from mingzhang.app.cli_audit import run_drill
from mingzhang.app.http_guard import SAFE, Caller
from mingzhang.app.oversight_watch import do_chore
from mingzhang.app.rights_table import NO, doors, mark
from mingzhang.app.transparency import signer_of
from mingzhang.kit.database import transaction
from mingzhang.oversight import chores
from mingzhang.staff.rights import Role
from mingzhang.transparency.digest import digest_next
from mingzhang.transparency.notes import parse_note, verified
from mingzhang.transparency.sequencer import Sequencer

PAGES = ("", "/coverage", "/receipts", "/answers", "/record", "/views", "/sample", "/licences", "/pack")
EXPORTS = "/staff/export/"
OWN = "/staff/me"  # one's own password, authenticator and sessions


def test_no_door_that_changes_anything_is_open_to_an_overseer() -> None:
    open_ones = {
        (door.method, door.path)
        for role in (Role.REGULATOR, Role.AUDITOR)
        for door in doors()
        if door.guard.caller is Caller.STAFF and door.method not in SAFE and mark(door, role) != NO
    }
    allowed = {each for each in open_ones if each[1].startswith(OWN) or each[1] == "/staff/sign-out"}
    exports = {
        each for each in open_ones - allowed if each[1].startswith(EXPORTS) or each[1].endswith("/pack")
    }
    assert open_ones == allowed | exports
    theirs = [door for door in doors() if (door.method, door.path) in exports]
    assert {mark(door, Role.REGULATOR) for door in theirs} == {NO}, "an auditor may take lists and packs away"


async def test_a_regulator_sees_draws_and_takes_away_and_leaves_a_trace(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        order_id = await house.buy()
        await house.until(order_id, lambda page: page.supply_badge == "arrived")
        silent = await house.buy(("fulu", "silent"))
        await house.until(silent, lambda page: page.pay_badge == "paid")
        await house.stop_worker()
        await house.desk.pool.execute("UPDATE orders SET promise_s = 0 WHERE order_id = $1", silent)
        await _recorded(house)
        eye = await sign_in_strong(house, "jian", Role.REGULATOR)
        async with eye.session:
            for name in PAGES:
                status, html = await eye.look(f"/staff/oversight{name}")
                assert status == 200, name
                assert "13800138000" not in html
                assert "buyer@example.com" not in html
            _, html = await eye.look("/staff/oversight/receipts")
            assert silent in html
            assert order_id not in html
            for path in ("/staff/orders", f"/staff/orders/{order_id}", "/staff/custody", "/staff/records"):
                assert (await eye.look(path))[0] == 403, path
            _, html = await eye.look("/staff/oversight/record")
            assert "每一行都与记录一致" in html
            assert "<code>evidence</code>" in html
            assert (await eye.look("/staff/oversight/coverage?day=2026-99-99"))[0] == 404
            _, html = await eye.look("/staff/oversight/views?kind=viewed")
            await _draws_the_same_again(house, eye)
            await _reads_licences(house, eye)
            await _takes_the_pack(house, eye, silent)
        assert "/staff/oversight/receipts" in html
        rows = await house.desk.pool.fetch("SELECT subject FROM staff_action WHERE kind = 'viewed'")
        assert [row["subject"] for row in rows].count("/staff/oversight/receipts") == 2


async def _recorded(house: House) -> None:
    """The record with a digest of today's messages, made anew by the chore and by the command."""
    ctx, pool, settings = house.desk.ctx, house.desk.pool, house.desk.settings
    async with transaction(pool) as conn:
        await chores.ensure(conn, ["digest", "drill"], ctx.now())
    told = await do_chore(ctx, settings, "digest")
    assert told is not None
    assert set(told) == {"until", "rows"}
    async with transaction(pool, "repeatable_read") as conn:
        assert await digest_next(conn, "evidence", ctx.now(), ctx.now()) > 0
    sequencer = Sequencer(pool, signer_of(settings), ctx.now)
    while await sequencer.round():
        continue
    told = await do_chore(ctx, settings, "drill")
    assert told is not None
    assert (told["troubles"], told["entries"] > 3) == (0, True)
    assert await do_chore(ctx, settings, "drill") is None, "not due again before tomorrow"
    assert (await run_drill(house.desk)).ok


async def _draws_the_same_again(house: House, eye: Person) -> None:
    """A seed draws the same orders for anybody, and a message that was changed shows."""
    url = "/staff/oversight"
    drawn = [json.loads((await eye.look(f"{url}/sample/export?seed=梅&n=2"))[1]) for _ in range(2)]
    assert [one["order"]["order_id"] for one in drawn[0]["orders"]] == [
        one["order"]["order_id"] for one in drawn[1]["orders"]
    ]
    assert drawn[0]["population"] == 2
    checks = {check["code"]: check["ok"] for one in drawn[0]["orders"] for check in one["checks"]}
    assert {code for code, ok in checks.items() if ok} >= {"legs", "places", "evidence", "log"}
    assert "13800138000" not in json.dumps(drawn)
    assert (await eye.look(f"{url}/sample?seed=x&n=99"))[0] == 422
    async with house.desk.pool.acquire() as conn, conn.transaction():
        await conn.execute("ALTER TABLE evidence DISABLE TRIGGER USER")
        await conn.execute("UPDATE evidence SET body = body || 'x'")
    status, html = await eye.look(f"{url}/sample?seed=梅&n=2")
    assert (status, "2 张有不成立的项" in html) == (200, True)


async def _reads_licences(house: House, eye: Person) -> None:
    """Entered by one who may, read by the overseer, told of before they end."""
    keeper, url = await sign_in_strong(house, "wen", Role.OPERATOR), "/staff/oversight"
    async with keeper.session:
        soon = (house.desk.clock.now() + timedelta(days=20)).date()
        form = {
            "kind": "supplier",
            "party": "fulu",
            "title": "营业执照",
            "number": "914201",
            "contact": "027-1",
        }
        assert "M0" not in (await keeper.look("/staff/licences"))[1]
        assert (await keeper.send("/staff/licences", **form, valid_until="soon"))[0] == 422
        assert (await keeper.send("/staff/licences", **form, valid_until=str(soon)))[0] == 303
        assert (await keeper.send("/staff/licences", **form, licence_id="no-such"))[0] == 404
        assert (await eye.send("/staff/licences", **form))[0] == 403
        _, html = await eye.look(f"{url}/licences")
        assert "914201" in html
        async with transaction(house.desk.pool) as conn:
            await chores.ensure(conn, ["licences"], house.desk.clock.now())
        told = await do_chore(house.desk.ctx, house.desk.settings, "licences")
        assert told == {"licences": 1, "ending": 1}


async def _takes_the_pack(house: House, eye: Person, silent: str) -> None:
    """One zip: every part is the one that the signed manifest names, and nothing secret is in it."""
    url = "/staff/oversight"
    async with eye.session.get(f"{house.url}{url}/pack/download") as answer:
        assert answer.status == 200
        pack = zipfile.ZipFile(io.BytesIO(await answer.read()))
    for status in (200, 200, 429):  # each reads the whole shop
        async with eye.session.get(f"{house.url}{url}/pack/download") as answer:
            assert answer.status == status
    manifest = json.loads(pack.read("manifest.json"))
    for part in manifest["parts"]:
        assert hashlib.sha256(pack.read(part["name"])).hexdigest() == part["sha256"], part["name"]
    names = set(pack.namelist()) - {"manifest.json", "manifest.note"}
    assert {part["name"] for part in manifest["parts"]} == names
    note = parse_note(pack.read("manifest.note").decode())
    assert verified(note, signer_of(house.desk.settings).verifier)
    assert base64.b64encode(hashlib.sha256(pack.read("manifest.json")).digest()).decode() in note.text
    owed = pack.read("owed.csv").decode()
    assert f"{silent}," in owed
    assert silent in pack.read("open/orders.csv").decode()
    assert "027-1" in pack.read("contacts.json").decode()
    everything = b"".join(pack.read(name) for name in pack.namelist())
    for secret in ("13800138000", "buyer@example.com", house.desk.settings.adapters["fulu_app_secret"]):
        assert secret.encode() not in everything
