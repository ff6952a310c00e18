"""One's own account, the team and what waits for a second person, over HTTP (docs/staff.md)."""

from __future__ import annotations

import re
from pathlib import Path

import pyotp
from test_staff import PASSWORD, person
from test_staff_pages import sign_in_strong
from test_staff_rights import office_of

from house import open_house
from mingzhang.kit.clock import SystemClock
from mingzhang.staff import accounts
from mingzhang.staff.rights import Role


async def test_a_person_binds_an_authenticator_and_changes_the_password(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        office = office_of(house)
        await accounts.add(office, "lin", PASSWORD, [Role.FINANCE])
        me = person(house)
        async with me.session:
            assert await me.sign_in(name="lin") == 303
            status, html = await me.look("/staff/me")
            assert (status, "还没有绑定验证器" in html) == (200, True)
            assert (await me.send("/staff/me/totp/begin", password="not the one 42"))[0] == 422
            _, html = await me.send("/staff/me/totp/begin", password=PASSWORD)
            secret = "".join(re.findall(r"<code>((?:[A-Z2-7]{4} ?)+)</code>", html)[0].split())
            sealed = re.findall(r'name="sealed" value="([^"]+)"', html)[0]
            assert (await me.send("/staff/me/totp", sealed=sealed, code="000000"))[0] == 422
            code = pyotp.TOTP(secret).at(SystemClock().now())
            status, html = await me.send("/staff/me/totp", sealed=sealed, code=code)
            codes = re.findall(r"<code>([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})</code>", html)
            assert (status, len(codes)) == (200, 10)
            assert await house.desk.pool.fetchval("SELECT array_agg(strong) FROM staff_session") == [True]
            new = {"new_password": "another long one", "again": "another long one"}
            differs = {**new, "again": "another long two"}
            assert (await me.send("/staff/me/password", password=PASSWORD, code=codes[0], **differs))[
                0
            ] == 422
            assert (await me.send("/staff/me/password", password=PASSWORD, code=codes[0], **new))[0] == 303
            assert (await me.look("/staff/decisions"))[0] == 200
            session_id = await house.desk.pool.fetchval("SELECT session_id FROM staff_session")
            assert (await me.send("/staff/me/sessions/none/end"))[0] == 404
            assert (await me.send(f"/staff/me/sessions/{session_id}/end"))[0] == 303
            assert (await me.look("/staff/me"))[0] == 303


async def test_the_team_is_managed_by_admins_and_roles_take_two_of_them(
    database_url: str, tmp_path: Path
) -> None:
    async with open_house(database_url, tmp_path) as house:
        office = office_of(house)
        await accounts.add(office, "小林", PASSWORD, [Role.SUPPORT])
        boss = await sign_in_strong(house, "boss", Role.ADMIN)
        other = await sign_in_strong(house, "other", Role.ADMIN)
        lin = person(house)
        async with boss.session, other.session, lin.session:
            assert await lin.sign_in(name="小林") == 303
            assert (await boss.look("/staff/team"))[0] == 200
            path = "/staff/team/小林/roles"
            assert (await boss.send(path, reason="moves to finance"))[0] == 422
            assert (await boss.send(path, role_finance="1", reason="moves to finance"))[0] == 303
            approval = await house.desk.pool.fetchval("SELECT approval_id FROM approval")
            _, mine = await boss.look("/staff/decisions")
            assert mine.index(">小林</a>") > mine.index('id="others"')
            assert (await boss.send(f"/staff/team/小林/approvals/{approval}", word="approve"))[0] == 403
            _, theirs = await other.look("/staff/decisions")
            assert theirs.index(">小林</a>") < theirs.index('id="others"')
            await other.look("/staff/team")
            assert (await other.send(f"/staff/team/小林/approvals/{approval}", word="approve"))[0] == 303
            roles = {each.name: each.roles for each in await accounts.list_accounts(office)}
            assert roles["小林"] == ("finance",)
            assert (await lin.look("/staff/me"))[0] == 303
            assert await lin.sign_in(name="小林") == 303
            session_id = (await accounts.list_sessions(office, "小林"))[0].session_id
            assert (await other.send(f"/staff/team/sessions/{session_id}/end"))[0] == 303
            assert (await lin.look("/staff/me"))[0] == 303
            assert (await boss.look("/staff/team"))[0] == 200
            assert (await boss.send("/staff/team/boss/revoke"))[0] == 403
            assert (await boss.send("/staff/team/nobody/revoke"))[0] == 404
            assert (await boss.send("/staff/team/小林/revoke"))[0] == 303
        active = {each.name: each.active for each in await accounts.list_accounts(office)}
        assert active == {"boss": True, "other": True, "小林": False}
        assert (
            await house.desk.pool.fetchval(
                "SELECT count(*) FROM staff_action WHERE action IN ('staff_roles_set', 'staff_revoked') AND name <> 'cli'"
            )
            == 2
        )
