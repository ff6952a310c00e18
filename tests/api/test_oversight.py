"""The regulator's own account: read only, masked, each view on record (R15, R42, R43)."""

from __future__ import annotations

from pathlib import Path

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
from mingzhang.transparency.sequencer import Sequencer

PAGES = ("", "/coverage", "/receipts", "/answers", "/record", "/views")
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


async def test_a_regulator_sees_and_leaves_a_trace(database_url: str, tmp_path: Path) -> None:
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
