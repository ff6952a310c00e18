"""Keys are changed while the shop is open: old alone, both, new alone; nothing true is refused on the way (issue 3, 11)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import alipay
import pytest
from test_alipay_cert import FILES, ROOT_FILE
from test_alipay_cert import NOW as CERT_NOW
from test_alipay_cert import PRIVATE as CERT_PRIVATE
from test_alipay_notify import APP, SELLER, arrived, signed
from test_alipay_wire import PRIVATE, PUBLIC
from test_epay_notify import FIELDS
from test_wechat_notify import APP as WECHAT_APP
from test_wechat_notify import NEXT, NOW, PAID
from test_wechat_notify import arrived as wechat_arrived
from test_wechat_wire import API_KEY, MCHID, MERCHANT, MERCHANT_SERIAL, WECHAT, notify_body

from mingzhang.app.adapters import Adapters
from mingzhang.app.check_adapters.our_channels import key_pair
from mingzhang.app.settings import Settings
from mingzhang.evidence.messages import HttpMessage
from mingzhang.kit.clock import ManualClock
from mingzhang.kit.outbound import Outbound
from mingzhang.payments.channels.base import TradeState
from mingzhang.payments.channels.epay_wire import Signing

OTHER_PRIVATE, OTHER_PUBLIC = key_pair()
OTHER_ALIPAY = alipay.AliPay(appid=APP, app_private_key_string=OTHER_PRIVATE, alipay_public_key_string=PUBLIC)
OTHER_API_KEY = "z" * 32


@dataclasses.dataclass
class Case:
    """One channel: its settings, what its files hold in the three steps, a notify of the old and of the new key."""

    name: str
    settings: dict[str, str]
    steps: tuple[dict[str, str], ...]
    old: HttpMessage
    new: HttpMessage


def epay_case(_folder: Path) -> Case:
    def told(key: str) -> HttpMessage:
        query = urlencode(Signing(key).signed(FIELDS))
        return HttpMessage(method="GET", query=query, headers={}, body=b"")

    old, new = "a" * 32, "b" * 32
    return Case(
        "epay",
        {"url": "https://pay.example.com", "pid": "1001"},
        (
            {"key": old, "previous_key": ""},
            {"key": new, "previous_key": old},
            {"key": new, "previous_key": ""},
        ),
        told(old),
        told(new),
    )


def alipay_case(_folder: Path) -> Case:
    return Case(
        "alipay",
        {
            "gateway": "http://127.0.0.1:9/gateway.do",
            "app_id": APP,
            "seller_id": SELLER,
            "private_key": PRIVATE,
        },
        (
            {"public_key": PUBLIC, "previous_public_key": ""},
            {"public_key": OTHER_PUBLIC, "previous_public_key": PUBLIC},
            {"public_key": OTHER_PUBLIC, "previous_public_key": ""},
        ),
        arrived(signed()),
        arrived(signed(OTHER_ALIPAY)),
    )


def wechat_case(folder: Path) -> Case:
    for n, witness in enumerate((WECHAT, NEXT)):
        (folder / f"platform-{n}.pem").write_text(witness.public)
    first, second = (f"{w.serial}={folder / f'platform-{n}.pem'}" for n, w in enumerate((WECHAT, NEXT)))
    return Case(
        "wechat",
        {
            "gateway": "http://127.0.0.1:9",
            "mchid": MCHID,
            "app_id": WECHAT_APP,
            "merchant_serial": MERCHANT_SERIAL,
            "private_key": MERCHANT.private,
        },
        (
            {"public_keys": first, "api_v3_keys": API_KEY},
            {"public_keys": f"{second},{first}", "api_v3_keys": f"{OTHER_API_KEY},{API_KEY}"},
            {"public_keys": second, "api_v3_keys": OTHER_API_KEY},
        ),
        wechat_arrived(notify_body(PAID)),
        wechat_arrived(notify_body(PAID, key=OTHER_API_KEY), NEXT),
    )


def write(folder: Path, files: dict[str, str]) -> None:
    """As a person does it: one file after the other."""
    for name, text in files.items():
        (folder / name).write_text(text)


@pytest.mark.parametrize("make", [alipay_case, wechat_case, epay_case])
async def test_both_keys_are_good_while_one_is_changed(make: Callable[[Path], Case], tmp_path: Path) -> None:
    case = make(tmp_path)
    write(tmp_path, case.steps[0])
    named = {f"{name}_file": str(tmp_path / name) for name in case.steps[0]}
    told = {f"{case.name}_{name}": text for name, text in (case.settings | named).items()}
    settings = Settings(
        database_url="unused", secret_key=b"k" * 32, adapters=told | {"stock_off": "1", "manual_off": "1"}
    )
    http = Outbound()
    adapters = Adapters(settings, http, ManualClock(NOW))

    def believed() -> tuple[bool, bool]:
        channel = adapters.channels[case.name]
        old, new = (channel.read_notify(each).state is TradeState.PAID for each in (case.old, case.new))
        return old, new

    seen = [believed()]
    for step in case.steps[1:]:
        before = adapters.channels[case.name]
        write(tmp_path, step)
        assert adapters.reread() == [case.name]
        assert adapters.channels[case.name] is not before
        seen.append(believed())
        assert adapters.reread() == []
        await before.aclose()  # calls under way end with the old one; a later notify meets the new one
    assert seen == [(True, False), (True, True), (False, True)]
    (tmp_path / "private_key").write_text("no key")
    assert adapters.reread() == []
    await adapters.channels[case.name].aclose()
    await http.aclose()


def test_a_file_that_is_no_key_leaves_the_adapter_as_it_is(tmp_path: Path) -> None:
    case = alipay_case(tmp_path)
    write(tmp_path, case.steps[0])
    told = {f"alipay_{name}": text for name, text in case.settings.items()}
    told["alipay_public_key_file"] = str(tmp_path / "public_key")
    settings = Settings(
        database_url="unused", secret_key=b"k" * 32, adapters=told | {"stock_off": "1", "manual_off": "1"}
    )
    adapters = Adapters(settings, Outbound(), ManualClock(NOW))
    (tmp_path / "public_key").write_text(OTHER_PUBLIC[:100])  # half written
    assert adapters.reread() == []
    assert adapters.channels["alipay"].read_notify(case.old).state is TradeState.PAID
    (tmp_path / "public_key").write_text(OTHER_PUBLIC)
    assert adapters.reread() == ["alipay"]
    assert adapters.channels["alipay"].read_notify(case.new).state is TradeState.PAID


def test_certificates_come_from_files_and_tell_their_end(tmp_path: Path) -> None:
    case = alipay_case(tmp_path)
    told = {f"alipay_{name}": text for name, text in case.settings.items()}
    told |= {
        "alipay_private_key": CERT_PRIVATE,
        "alipay_app_cert": FILES.app_cert,
        "alipay_cert": FILES.alipay_cert,
        "alipay_root_cert": ROOT_FILE,
    }
    settings = Settings(
        database_url="unused", secret_key=b"k" * 32, adapters=told | {"stock_off": "1", "manual_off": "1"}
    )
    terms = Adapters(settings, Outbound(), ManualClock(CERT_NOW)).channels["alipay"].key_terms()  # type: ignore[attr-defined]
    assert {term.key for term in terms} == {"app", "alipay", "root"}
