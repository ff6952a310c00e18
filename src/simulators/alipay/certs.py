"""The simulated Alipay's certificate mode: an authority of its own, certificates to install, and their change.

POST /alipay/certificates {"key"}: issue the app certificate for the merchant's public key; answers the three files.
POST /alipay/rotate-certificate: from now on answers are signed with a new certificate, named by its number.
The root file also holds a root on another curve, which no serial number counts (Alipay's own holds two).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from simulators.keys import PrivateKey, PublicKey, own_key, read_public
from simulators.world import World

YEARS = timedelta(days=365 * 5)
AUTHORITY = "Simulated Certification Authority"


@dataclass
class Issued:
    """A certificate, its number as Alipay counts it, and the key if it is the authority's or Alipay's own."""

    cert: x509.Certificate
    key: PrivateKey | None = None

    @property
    def sn(self) -> str:
        parts = {part.oid: str(part.value) for part in self.cert.issuer}
        name = (
            f"CN={parts[NameOID.COMMON_NAME]},OU={parts[NameOID.ORGANIZATIONAL_UNIT_NAME]},"
            f"O={parts[NameOID.ORGANIZATION_NAME]},C={parts[NameOID.COUNTRY_NAME]}"
        )
        text = f"{name}{self.cert.serial_number}"
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    @property
    def pem(self) -> str:
        return self.cert.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def public_key(self) -> PublicKey:
        key = self.cert.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise TypeError("not an RSA certificate")
        return key


class Authority:
    """Root, intermediate and the certificates they issued; made when first asked for."""

    def __init__(self, world: World, key: PrivateKey) -> None:
        self.world = world
        root_key, middle_key = own_key(None, "root"), own_key(None, "middle")
        self.root = self._issue("R1", root_key.public_key(), "R1", root_key, ca=True)
        self.root.key = root_key
        self.middle = self._issue("Class 2 R1", middle_key.public_key(), "R1", root_key, ca=True)
        self.middle.key = middle_key
        self.other_root = self._other_root()
        self.apps: dict[str, Issued] = {}
        self.own: dict[str, Issued] = {}
        self.current = self.renew(key)

    def renew(self, key: PrivateKey) -> Issued:
        """A new certificate of Alipay's for this key; answers name it from now on."""
        assert self.middle.key is not None
        issued = self._issue("Alipay", key.public_key(), "Class 2 R1", self.middle.key)
        issued.key = key
        self.own[issued.sn] = issued
        self.current = issued
        return issued

    def app(self, key: PublicKey) -> Issued:
        """The merchant's certificate for its public key."""
        assert self.middle.key is not None
        issued = self._issue("Merchant", key, "Class 2 R1", self.middle.key)
        self.apps[issued.sn] = issued
        return issued

    @property
    def root_sn(self) -> str:
        return self.root.sn

    def files(self, app: Issued) -> dict[str, str]:
        """What the console gives to install."""
        return {
            "app_cert": app.pem,
            "alipay_cert": f"{self.current.pem}\n{self.middle.pem}",
            "alipay_root_cert": f"{self.other_root}\n{self.root.pem}",
            "alipay_cert_sn": self.current.sn,
        }

    def download(self, sn: str) -> str | None:
        """``alipay_cert_content``: base64 of the PEM; None for a number never issued."""
        issued = self.own.get(sn)
        return None if issued is None else base64.b64encode(issued.pem.encode()).decode()

    def _issue(
        self, subject: str, key: PublicKey, issuer: str, issuer_key: PrivateKey, *, ca: bool = False
    ) -> Issued:
        now = self.world.now()
        number = int(self.world.digest("certificate", self.world.next_number())[:30], 16)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(issuer))
            .public_key(key)
            .serial_number(number)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + YEARS)
        )
        if ca:
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return Issued(builder.sign(issuer_key, hashes.SHA256()))

    def _other_root(self) -> str:
        key, now = ec.generate_private_key(ec.SECP384R1()), self.world.now()
        cert = (
            x509.CertificateBuilder()
            .subject_name(_name("E1"))
            .issuer_name(_name("E1"))
            .public_key(key.public_key())
            .serial_number(int(self.world.digest("other root")[:16], 16))
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + YEARS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA384())
        )
        return cert.public_bytes(serialization.Encoding.PEM).decode()


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "模拟支付"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, AUTHORITY),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


class CertControl:
    """The two control calls."""

    def __init__(self, authority: Callable[[], Authority]) -> None:
        self.authority = authority

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/alipay/certificates", self.issue),
            web.post("/alipay/rotate-certificate", self.rotate),
        ]

    async def issue(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read())
            key = read_public(str(body.get("key") or ""))
        except (ValueError, AttributeError):
            return web.json_response({"error": "not_a_public_key"}, status=400)
        authority = self.authority()
        return web.json_response(authority.files(authority.app(key)))

    async def rotate(self, _: web.Request) -> web.Response:
        renewed = self.authority().renew(own_key(None, "renewed"))
        return web.json_response({"alipay_cert_sn": renewed.sn})
