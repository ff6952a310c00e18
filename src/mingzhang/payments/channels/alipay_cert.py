"""Alipay's certificate mode (公钥证书模式): serial numbers, the chain to the root, and certificates that change.

A request names the shop's certificate (``app_cert_sn``) and the root it trusts (``alipay_root_cert_sn``); an
answer names the certificate that it is signed with (``alipay_cert_sn``). A certificate is believed when it
chains, by signatures and in time, to an RSA root of the installed root file. Alipay replaces its certificate
without a word: a serial number nobody here knows is asked for (``alipay.open.app.alipaycert.download``), and what
comes is held to the same root. Source: wire.md; Alipay's documents on certificates.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

from mingzhang.kit.clock import Clock
from mingzhang.kit.errors import Kind, Problem
from mingzhang.payments.channels.alipay_wire import Signer, Verifier

DOWNLOAD: Final = "alipay.open.app.alipaycert.download"
ASK_EVERY: Final = timedelta(minutes=1)
"""At most one question for an unknown certificate in this time, however many serial numbers strangers invent."""

_KNOWN_MAX: Final = 8
_DEPTH_MAX: Final = 4
_RSA_SIGNATURES: Final = "1.2.840.113549.1.1."
_SERIAL: Final = re.compile(r"[0-9a-f]{32}")
_BLOCK: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_SHORT: Final = {
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.COUNTRY_NAME: "C",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.LOCALITY_NAME: "L",
}


class AlipayCertificates(msgspec.Struct, frozen=True, kw_only=True):
    """The three files of Alipay's console, as PEM text; none of them is secret.

    ``app_cert``: appCertPublicKey. ``alipay_cert``: alipayCertPublicKey_RSA2, with its intermediate; may hold
    old and new while Alipay changes it. ``alipay_root_cert``: alipayRootCert.
    """

    app_cert: str
    alipay_cert: str
    alipay_root_cert: str


class CertVerifier(Verifier):
    """Verifies with the certificate that the signer names; learns new ones, never without their chain."""

    def __init__(self, given: AlipayCertificates, signer: Signer, clock: Clock) -> None:
        self._clock = clock
        self._roots = [
            cert for cert in read_certs(given.alipay_root_cert, lenient=True) if _signed_by_rsa(cert)
        ]
        self._known: dict[str, x509.Certificate] = {}
        self._between: list[x509.Certificate] = []  # intermediates of the installed file
        self._asked_at: datetime | None = None
        own = read_certs(given.app_cert)
        if not own or _numbers(own[0]) != signer.public_numbers():
            raise Problem(
                "alipay_cert_invalid", Kind.INVALID, "the app certificate is not the merchant key's"
            )
        self._own = own[0]
        if not self._roots:
            raise Problem("alipay_cert_invalid", Kind.INVALID, "the root file holds no RSA certificate")
        if not self.learn(given.alipay_cert):
            raise Problem(
                "alipay_cert_invalid", Kind.INVALID, "Alipay's certificate does not chain to the root"
            )
        self.app_cert_sn: Final = serial_of(self._own)
        self.root_cert_sn: Final = "_".join(serial_of(cert) for cert in self._roots)

    def knows(self, cert_sn: str) -> bool:
        """Whether the certificate is here. Without a serial number there is nothing to ask for."""
        return not cert_sn or cert_sn in self._known

    def may_ask(self, cert_sn: str) -> bool:
        """Whether to ask for this unknown certificate now; saying yes counts as having asked."""
        now = self._clock.now()
        if _SERIAL.fullmatch(cert_sn) is None or self.knows(cert_sn):
            return False
        if self._asked_at is not None and now - self._asked_at < ASK_EVERY:
            return False
        self._asked_at = now
        return True

    def learn(self, pem: str, cert_sn: str = "") -> bool:
        """Take the certificates that chain to the root, `cert_sn` among them; False and none otherwise.

        Every merchant's certificate chains to the same root. So what comes later must also bear the very
        subject of the one that was installed, or any merchant could speak as Alipay.
        """
        certs = read_certs(pem, lenient=True)
        subjects = {cert.subject for cert in self._known.values()}
        helpers = [*self._between, *(cert for cert in certs if _is_ca(cert))]
        good = {
            serial_of(cert): cert
            for cert in certs
            if not _is_ca(cert) and self._chains(cert, helpers) and (not subjects or cert.subject in subjects)
        }
        if not good or (cert_sn and cert_sn not in good):
            return False
        if not self._known:
            self._between = helpers
        self._known.update(good)
        for old in sorted(self._known, key=lambda sn: self._known[sn].not_valid_after_utc)[:-_KNOWN_MAX]:
            del self._known[old]
        return True

    def expiries(self) -> dict[str, datetime]:
        """When what is installed ends: ``app`` (renew it at Alipay), ``alipay`` (the latest), ``root`` (the first)."""
        return {
            "app": self._own.not_valid_after_utc,
            "alipay": max(cert.not_valid_after_utc for cert in self._known.values()),
            "root": min(cert.not_valid_after_utc for cert in self._roots),
        }

    def _keys_for(self, cert_sn: str) -> Sequence[RSAPublicKey]:
        """The named certificate's key, every known one's when none is named (notifies), none that has ended."""
        named = [self._known[cert_sn]] if cert_sn in self._known else []
        certs = named if cert_sn else self._known.values()
        return [key for cert in certs if self._in_time(cert) and (key := _rsa_key(cert)) is not None]

    def _chains(self, cert: x509.Certificate, helpers: Sequence[x509.Certificate]) -> bool:
        at = cert
        for _ in range(_DEPTH_MAX):
            if not self._in_time(at):
                return False
            if any(self._in_time(root) and _issued(root, at) for root in self._roots):
                return True
            above = next((each for each in helpers if _issued(each, at)), None)
            if above is None:
                return False
            at = above
        return False

    def _in_time(self, cert: x509.Certificate) -> bool:
        return cert.not_valid_before_utc <= self._clock.now() <= cert.not_valid_after_utc


def serial_of(cert: x509.Certificate) -> str:
    """The serial number (证书序列号) as Alipay counts it: MD5 of the issuer's name and the certificate's number.

    The name reads from the last of its parts to the first, ``CN=…,OU=…,O=…,C=…``, nothing escaped.
    """
    parts = [f"{_SHORT.get(part.oid, part.oid.dotted_string)}={part.value!s}" for part in cert.issuer]
    text = ",".join(reversed(parts)) + str(cert.serial_number)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def read_certs(pem: str, *, lenient: bool = False) -> list[x509.Certificate]:
    """Every certificate in a PEM text. `lenient`: those that can't be read are left out (SM2 in the root file)."""
    certs = []
    for block in _BLOCK.findall(pem):
        try:
            certs.append(x509.load_pem_x509_certificate(block.encode()))
        except ValueError:
            if not lenient:
                raise Problem("alipay_cert_invalid", Kind.INVALID, "a certificate cannot be read") from None
    return certs


def read_download(content: str) -> str:
    """The PEM inside ``alipay_cert_content``, which is base64 of it; empty for anything else."""
    try:
        return base64.b64decode(content, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""


def _issued(above: x509.Certificate, cert: x509.Certificate) -> bool:
    try:
        cert.verify_directly_issued_by(above)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _is_ca(cert: x509.Certificate) -> bool:
    try:
        return cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _signed_by_rsa(cert: x509.Certificate) -> bool:
    return cert.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES)


def _rsa_key(cert: x509.Certificate) -> RSAPublicKey | None:
    try:
        key = cert.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return None
    return key if isinstance(key, RSAPublicKey) else None


def _numbers(cert: x509.Certificate) -> object:
    key = _rsa_key(cert)
    return None if key is None else key.public_numbers()
