"""What a password must be: long, and none that everybody tries first. No rule about digits or capitals."""

from __future__ import annotations

import asyncio
from functools import cache
from secrets import token_hex
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from mingzhang.kit.errors import Kind, Problem

LENGTH_MIN: Final = 10
LENGTH_MAX: Final = 200
DIFFERENT_MIN: Final = 5
NAME_PART_MIN: Final = 3
HASHER: Final = PasswordHasher()  # argon2id with the library's current parameters
# What is left of such a password without digits and signs is one of these, once or several times.
COMMON: Final = frozenset(
    (
        "password",
        "passw",
        "pass",
        "admin",
        "administrator",
        "root",
        "qwerty",
        "qwertyuiop",
        "asdfgh",
        "asdfghjkl",
        "zxcvbn",
        "zxcvbnm",
        "abc",
        "abcd",
        "abcdef",
        "abcdefgh",
        "abcdefghij",
        "iloveyou",
        "woaini",
        "woaiwojia",
        "welcome",
        "letmein",
        "monkey",
        "dragon",
        "login",
        "master",
        "hello",
        "secret",
        "changeme",
        "default",
        "test",
        "user",
        "guest",
        "mima",
        "mingzhang",
        "shop",
        "dianpu",
        "taobao",
        "alipay",
        "weixin",
        "wechat",
        "密码",
        "管理员",
    )
)
RUNS: Final = (
    "01234567890123456789",
    "98765432109876543210",
    "qwertyuiopasdfghjklzxcvbnm",
    "abcdefghijklmnopqrstuvwxyz",
)


def check(password: str, name: str) -> None:
    """Raises Problem `password_too_short`, `password_too_common`."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise Problem(
            "password_too_short", Kind.INVALID, f"at least {LENGTH_MIN} characters, at most {LENGTH_MAX}"
        )
    plain = password.casefold()
    if len(set(plain)) < DIFFERENT_MIN or any(plain in run for run in RUNS):
        raise Problem("password_too_common", Kind.INVALID, "too few different characters, or one row of keys")
    if len(name) >= NAME_PART_MIN and name.casefold() in plain:
        raise Problem("password_too_common", Kind.INVALID, "it holds the account's name")
    if _is_common("".join(letter for letter in plain if letter.isalpha())):
        raise Problem("password_too_common", Kind.INVALID, "it is a word that everybody tries first")


def _is_common(letters: str) -> bool:
    return any(word and letters == word * (len(letters) // len(word) or 1) for word in COMMON)


async def hash_new(password: str, name: str) -> str:
    """The hash of a password that may be taken. Raises Problem `password_too_short`, `password_too_common`."""
    check(password, name)
    return await asyncio.to_thread(HASHER.hash, password)


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether it is the password. Without a hash (there is no such person) it takes as long and is not."""
    if password_hash is None:
        await asyncio.to_thread(_verified, await asyncio.to_thread(_decoy), password)
        return False
    return await asyncio.to_thread(_verified, password_hash, password)


def _verified(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except (Argon2Error, InvalidHashError):
        return False


@cache
def _decoy() -> str:
    return HASHER.hash(token_hex(16))
