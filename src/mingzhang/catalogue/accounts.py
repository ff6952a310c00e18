"""Account templates (充值账号): what a target account must look like, and how it is masked (R16)."""

import re

import phonenumbers

from mingzhang.kit.errors import Kind, Problem

_PATTERNS = {
    "qq": re.compile(r"[1-9]\d{4,10}"),
    "steam64": re.compile(r"7656119\d{10}"),
    "game_id": re.compile(r"[0-9A-Za-z_\-.@]{3,40}"),
    "email": re.compile(r"[^@\s]{1,64}@[^@\s]{1,180}\.[A-Za-z0-9-]{2,24}"),
}
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,180}\.[a-z0-9-]{2,24}")
_PHONE = re.compile(r"\+?\d{5,15}")
_PLAIN_MOBILE = re.compile(r"1[0-9]{10}")


def _bad(field: str, template: str) -> Problem:
    return Problem("bad_account", Kind.INVALID, params={"field": field, "template": template})


def clean_account(template: str, text: str) -> str:
    """The account in its one spelling; raises `bad_account`. `none` is for cards, which need no account."""
    text = "".join(text.split())
    if template == "none":
        return ""
    if template == "phone_cn":
        return clean_phone(text)
    if template == "email":
        name, at, host = text.rpartition("@")
        text = name + at + host.lower()
    pattern = _PATTERNS.get(template)
    if pattern is None or pattern.fullmatch(text) is None or not text.isprintable():
        raise _bad("account", template)
    return text


def clean_phone(text: str) -> str:
    """A valid mobile number of mainland China, as 11 digits."""
    if _PLAIN_MOBILE.fullmatch(text):  # as nearly everybody writes it: nothing to parse, all to validate
        number = phonenumbers.PhoneNumber(country_code=86, national_number=int(text))
    else:
        try:
            number = phonenumbers.parse(text, "CN")
        except phonenumbers.NumberParseException:
            raise _bad("account", "phone_cn") from None
    mobile = phonenumbers.PhoneNumberType.MOBILE
    if number.country_code != 86 or phonenumbers.number_type(number) != mobile:
        raise _bad("account", "phone_cn")
    return str(number.national_number)


def carrier_of(phone: str, lang: str) -> str:
    """The carrier (运营商) whose prefix a number has, or nothing. A hint only: numbers are carried along (携号转网)."""
    from phonenumbers import carrier  # noqa: PLC0415 - its table costs a third of a second and is rarely asked

    number = phonenumbers.PhoneNumber(country_code=86, national_number=int(phone))
    return str(carrier.name_for_number(number, "en" if lang == "en" else "zh"))


def clean_contact(text: str) -> str:
    """E-mail or phone to recognise the buyer by, in one spelling; raises `bad_contact`."""
    text = text.strip().lower()
    if _EMAIL.fullmatch(text) or _PHONE.fullmatch(text):
        return text
    raise Problem("bad_contact", Kind.INVALID, params={"field": "contact"})


def mask(text: str) -> str:
    """`13800138000` → `138****8000`; short texts keep only their ends."""
    if "@" in text:
        name, _, host = text.partition("@")
        return f"{name[:2]}***@{host}"
    if len(text) <= 4:
        return "*" * len(text)
    keep = 3 if len(text) >= 9 else 1
    return f"{text[:keep]}****{text[-min(4, len(text) - keep - 1) :]}"
