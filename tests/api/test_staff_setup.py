"""The set-up wizard over HTTP: looked at step by step, tried against the simulated parties, left and gone on with."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from test_staff_pages import sign_in_strong

from house import open_house
from mingzhang.app.setup import checks
from mingzhang.app.setup.keys import fingerprint, keys_of
from mingzhang.app.setup.store import Note
from mingzhang.kit.vault import Vault
from mingzhang.shop.model import ShopFace
from mingzhang.staff.model import Account
from mingzhang.staff.rights import Role
from mingzhang.web.model_setup import STEPS

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PRODUCT = {
    "template": "phone",
    "product_id": "phone-20",
    "title_zh": "话费直充 20元",
    "face_value": "20",
    "price": "20",
    "cost": "19.6",
    "supplier": "fulu",
    "supplier_product": "20000020",
}


async def test_a_shop_is_set_up_step_by_step(database_url: str, tmp_path: Path) -> None:
    async with open_house(database_url, tmp_path) as house:
        boss = await sign_in_strong(house, "boss", Role.ADMIN, Role.OPERATOR)
        clerk = await sign_in_strong(house, "clerk", Role.SUPPORT)
        async with boss.session, clerk.session:
            status, html = await boss.look("/staff/setup")
            assert (status, "店铺与资质" in html) == (200, True)
            for step in STEPS:
                assert (await boss.look(f"/staff/setup/{step}"))[0] == 200
            assert (await clerk.look("/staff/setup"))[0] == 403
            assert (await boss.look("/staff/setup/keys"))[0] == 404
            assert (await clerk.send("/staff/setup/channel", name="alipay"))[0] == 403

            _, html = await boss.look("/staff/setup/channels")
            assert "MINGZHANG_ALIPAY_PRIVATE_KEY" in html
            assert "还没有测试过" in html
            assert "BEGIN" not in html
            assert (await boss.send("/staff/setup/channel", name="alipay"))[0] == 303
            assert "已回答" in (await boss.look("/staff/setup/channels"))[1]
            assert (await boss.send("/staff/setup/supplier", name="fulu"))[0] == 303
            assert "已回答" in (await boss.look("/staff/setup/suppliers"))[1]
            assert (await boss.send("/staff/setup/channel", name="nobody"))[0] == 404

            assert (await boss.send("/staff/setup/custody", choice="ours"))[0] == 422
            assert (await boss.send("/staff/setup/custody", choice="self"))[0] == 303
            assert "商家自有账户（未存管）" in (await boss.look("/staff/setup/custody"))[1]

            assert (await boss.send("/staff/setup/product", **{**PRODUCT, "price": "x"}))[0] == 422
            assert (await boss.send("/staff/setup/product", **PRODUCT))[0] == 303
            assert "话费直充 20元" in (await boss.look("/staff/setup/product"))[1]

            sent = await boss.send("/staff/setup/order", product_id="phone-100", account="13800138000")
            assert sent[0] == 303
            for _ in range(300):
                _, html = await boss.look("/staff/setup/launch")
                if 'mz-setup-ok"><svg' in html and "测试订单已到账" in _passed(html):
                    break
                await asyncio.sleep(0.1)
            assert "测试订单已到账" in _passed(html)
            assert "时钟一致" not in _passed(html)  # a test's clock runs sixty times as fast
            assert (await boss.send("/staff/setup/address"))[0] == 303
            assert "回调地址能访问到" in _passed((await boss.look("/staff/setup/launch"))[1])
        assert (await house.audit()).ok


def _passed(html: str) -> str:
    """The items of the checklist that passed."""
    items = html.split('<li class="mz-setup-')[1:]
    return " ".join(item.partition("</b>")[0] for item in items if item.startswith("ok"))


def test_keys_are_told_apart_and_never_shown(tmp_path: Path) -> None:
    vault = Vault(b"v" * 32)
    secret = tmp_path / "epay.key"
    secret.write_text("very-secret-key\n", encoding="ascii")
    values = {"epay_url": "https://pay.example", "epay_key_file": str(secret), "epay_pid_file": "/nowhere"}
    url, pid, key = keys_of("epay", values, vault)
    assert (url.where, url.shown) == ("environment", "https://pay.example")
    assert (pid.where, pid.setting) == ("unreadable", "MINGZHANG_EPAY_PID_FILE")
    assert (key.where, key.shown) == ("file", "")
    assert key.fingerprint == fingerprint("very-secret-key", vault)[0]
    assert key.fingerprint != fingerprint("very-secret-key", Vault(b"w" * 32))[0]
    assert "secret" not in repr(key)
    assert {each.where for each in keys_of("epay", {}, vault)} == {"missing"}


def _account(name: str, *roles: str, totp: bool = True, active: bool = True) -> Account:
    return Account(
        name=name, roles=roles, active=active, totp=totp, created_at=NOW, signed_in_at=None, sessions=0
    )


def test_the_checklist_is_computed() -> None:
    finance, clerk = _account("f", "finance"), _account("c", "support")
    assert checks.check_two_people([finance, clerk]).state == "ok"
    assert checks.check_two_people([finance]).state == "no"
    assert checks.check_two_people([finance, _account("c", "support", totp=False)]).state == "no"
    assert checks.check_two_people([clerk, _account("d", "support")]).state == "no"
    assert checks.check_licence(ShopFace(licence="x", icp="y")).detail == "address"
    said = Note(subject="address", outcome="answered", detail="200", noted_by="b", noted_at=NOW)
    assert checks.check_address(None, NOW).state == "unknown"
    assert checks.check_address(said, NOW + timedelta(hours=1)).state == "ok"
    assert checks.check_address(said, NOW + timedelta(hours=25)).state == "unknown"
    assert checks.kernel_synchronised() in (True, False, None)
