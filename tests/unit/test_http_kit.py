"""The edge's own parts: settings from the environment, the map from kinds to statuses, their books."""

import json

import pytest

from mingzhang.app.http_demo import their_amount
from mingzhang.app.problems import STATUS, body_of, field_error
from mingzhang.app.settings import Settings
from mingzhang.kit.errors import Kind, Problem

ENVIRON = {"DATABASE_URL": "postgresql://u:word@h/d", "MINGZHANG_SECRET_KEY": "ab" * 32}


def test_settings_are_read_and_secrets_are_not_shown() -> None:
    settings = Settings.from_env({**ENVIRON, "MINGZHANG_PORT": "9", "MINGZHANG_DEMO": "yes"})
    assert (settings.port, settings.demo, settings.buckets) == (9, True, 1)
    assert "word" not in repr(settings)
    assert "\\xab" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "x"),
        ("PORT", "70000"),
        ("DEMO", "perhaps"),
        ("SECRET_KEY", "ab"),
        ("BASE_URL", "h"),
        ("BUCKETS", "0"),
    ],
)
def test_a_wrong_setting_is_named(name: str, text: str) -> None:
    with pytest.raises(Problem) as refused:
        Settings.from_env({**ENVIRON, f"MINGZHANG_{name}": text})
    assert refused.value.params["setting"] == name.lower()


def test_every_kind_has_a_status_and_internal_details_stay_inside() -> None:
    assert set(STATUS) == set(Kind)
    body = json.loads(body_of(Problem("internal", Kind.INTERNAL, "a secret"), 500))
    assert (body["code"], body["detail"]) == ("internal", "")


def test_a_form_is_told_which_field_to_mend() -> None:
    assert field_error(Problem("bad_contact", Kind.INVALID)) == ("contact", "contact_invalid")
    assert field_error(Problem("key_reused", Kind.CONFLICT)) is None


def test_a_party_that_did_not_answer_is_not_zero() -> None:
    assert their_amount({}, "channel", "alipay") is None
    assert their_amount({"fulu": {"balance_fen": 5}}, "supplier.free", "fulu") == 5
