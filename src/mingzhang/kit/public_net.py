"""Calls to addresses that somebody typed: only to the public internet, whatever a name resolves to (SSRF).

A name is judged where it is used: the addresses it resolves to at connection time are the ones that are looked at, so
a name that changes its mind between look and call gains nothing. Redirects are not followed (`outbound.py`).
"""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from mingzhang.kit.outbound import Outbound

URL_MAX: Final = 500
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_SCHEMES: Final = {"http": 80, "https": 443}


def is_public(text: str) -> bool:
    """Whether an address, as text, is one of the public internet; an IPv4 address inside an IPv6 one counts as itself."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast and not address.is_reserved


def url_fault(url: str, *, private: bool) -> str:
    """Why a URL cannot be called, as a code: `url_invalid`, `url_private`; empty when it can. No name is looked up.

    `private`: whether addresses of this machine and its network are allowed, for development.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "url_invalid"
    if len(url) > URL_MAX or not url.isascii() or not url.isprintable() or " " in url:
        return "url_invalid"
    if parts.scheme not in _SCHEMES or not host or port == 0 or "@" in parts.netloc or parts.fragment:
        return "url_invalid"
    if private:
        return ""
    return "url_private" if _is_address(host) and not is_public(host) else ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class PublicResolver(AbstractResolver):
    """Resolves names, and gives out public addresses alone. Raises OSError when there is none."""

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        """As aiohttp asks for it."""
        found = await self._inner.resolve(host, port, family)  # type: ignore[arg-type]
        public = [each for each in found if is_public(each["host"])]
        if not public:
            raise OSError(f"{host} has no public address")
        return public

    async def close(self) -> None:
        """Nothing is held."""
        await self._inner.close()


def public_outbound(*, private: bool) -> Outbound:
    """A session that reaches public addresses alone, or with `private` everything."""
    return Outbound(resolver=None if private else PublicResolver)
