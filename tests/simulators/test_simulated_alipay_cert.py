"""The simulated Alipay in certificate mode, through python-alipay-sdk's own client for it."""

from __future__ import annotations

import asyncio
import base64
import json
import warnings
from typing import Any

import pytest
from alipay import DCAliPay
from simulated import PRIVATE_PEM, PUBLIC_PEM, Outside

from simulators.keys import read_public, rsa2_verify


async def certified(outside: Outside) -> tuple[DCAliPay, dict[str, Any]]:
    """The SDK with the files that the console gave."""
    files = await outside.control("POST", "/alipay/certificates", {"key": PUBLIC_PEM})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        sdk = DCAliPay(
            appid=outside.ready["alipay"]["app_id"],
            app_notify_url=f"{outside.shop.url}/alipay",
            app_private_key_string=PRIVATE_PEM,
            app_public_key_cert_string=files["app_cert"],
            alipay_public_key_cert_string=files["alipay_cert"],
            alipay_root_cert_string=files["alipay_root_cert"]
            .replace("\n\n", "\n")
            .replace("-----END CERTIFICATE-----\n-----BEGIN", "-----END CERTIFICATE-----\n\n-----BEGIN"),
        )
        assert sdk.app_cert_sn
        assert sdk.alipay_root_cert_sn
    sdk._gateway = outside.ready["alipay"]["gateway"]
    return sdk, files


async def raw(outside: Outside, sdk: DCAliPay, method: str, biz: dict[str, str]) -> dict[str, Any]:
    """The whole answer, with what stands beside the node; its signature is checked under the installed key."""
    query = sdk.sign_data(sdk.build_body(method, biz))
    async with outside.http.get(f"{outside.ready['alipay']['gateway']}?{query}") as answer:
        return dict(json.loads(await answer.read()))


async def test_the_sdk_opens_pays_and_asks_by_certificates(outside: Outside) -> None:
    sdk, files = await certified(outside)
    opened = await asyncio.to_thread(sdk.api_alipay_trade_precreate, "话费", "A1P1", "10")
    assert opened["code"] == "10000"
    await outside.pay("A1P1")
    told = await asyncio.to_thread(sdk.api_alipay_trade_query, "A1P1")
    assert told["trade_status"] == "TRADE_SUCCESS"
    await outside.until(lambda: outside.shop.notifies)
    notify = dict(outside.shop.notifies[0])
    assert sdk.verify(notify, notify.pop("sign"))
    assert (await raw(outside, sdk, "alipay.trade.query", {"out_trade_no": "A1P1"}))[
        "alipay_cert_sn"
    ] == files["alipay_cert_sn"]


@pytest.mark.parametrize(
    ("field", "sub_code"),
    [("app_cert_sn", "isv.invalid-app-cert-sn"), ("alipay_root_cert_sn", "isv.invalid-alipay-root-cert-sn")],
)
async def test_numbers_that_are_not_its_own_are_refused(outside: Outside, field: str, sub_code: str) -> None:
    sdk, _ = await certified(outside)
    setattr(sdk, f"_{field}", "0" * 32)
    answer = await raw(outside, sdk, "alipay.trade.query", {"out_trade_no": "B1P1"})
    assert answer["alipay_trade_query_response"]["sub_code"] == sub_code


async def test_after_a_change_answers_name_a_certificate_that_can_be_downloaded(outside: Outside) -> None:
    sdk, files = await certified(outside)
    renewed = await outside.control("POST", "/alipay/rotate-certificate", {})
    assert renewed["alipay_cert_sn"] != files["alipay_cert_sn"]
    answer = await raw(outside, sdk, "alipay.trade.query", {"out_trade_no": "C1P1"})
    assert answer["alipay_cert_sn"] == renewed["alipay_cert_sn"]
    told = await raw(outside, sdk, "alipay.open.app.alipaycert.download", renewed)
    content = told["alipay_open_app_alipaycert_download_response"]["alipay_cert_content"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert sdk.get_cert_sn(base64.b64decode(content)) == renewed["alipay_cert_sn"]
    missing = await raw(outside, sdk, "alipay.open.app.alipaycert.download", {"alipay_cert_sn": "0" * 32})
    assert missing["alipay_open_app_alipaycert_download_response"]["code"] == "40004"


async def test_an_answer_under_a_number_nobody_issued(outside: Outside) -> None:
    sdk, files = await certified(outside)
    await outside.fault("D1", "alipay", "cert_unknown_serial")
    await outside.open("D1P1", "10")
    await outside.pay("D1P1")
    answer = await raw(outside, sdk, "alipay.trade.query", {"out_trade_no": "D1P1"})
    assert answer["alipay_cert_sn"] != files["alipay_cert_sn"]
    node = json.dumps(answer["alipay_trade_query_response"], ensure_ascii=False, separators=(",", ":"))
    own = read_public(outside.ready["alipay"]["public_key_pem"])
    assert not rsa2_verify(own, node.replace("/", "\\/").encode(), answer["sign"])
    again = await raw(outside, sdk, "alipay.trade.query", {"out_trade_no": "D1P1"})
    assert again["alipay_cert_sn"] == files["alipay_cert_sn"]


async def test_a_key_that_is_none_gets_no_certificate(outside: Outside) -> None:
    bodies: list[Any] = [{"key": "x"}, {}, [], None]
    for body in bodies:
        told = await outside.control("POST", "/alipay/certificates", body, status=400)
        assert told["error"] == "not_a_public_key"
