"""Makes timestamps (RFC 3161) as a real authority does: CMS signed data over a TSTInfo, under a certificate for that use."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from simulators.tsa import der

POLICY = "1.3.6.1.4.1.32473.1"  # of the arc that is set aside for examples
SHA256 = der.tlv(der.SEQUENCE, der.oid("2.16.840.1.101.3.4.2.1"))
ECDSA_SHA256 = der.tlv(der.SEQUENCE, der.oid("1.2.840.10045.4.3.2"))
SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
TIMESTAMP_INFO = der.oid("1.2.840.113549.1.9.16.1.4")
CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
DIGEST = der.oid("1.2.840.113549.1.9.4")
SIGNING_CERTIFICATE = der.oid("1.2.840.113549.1.9.16.2.47")
REJECTED = der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, der.integer(2)))
BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
END = datetime(2099, 12, 31, tzinfo=UTC)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """One that is valid in any time a world may be set to. The root where subject and issuer are one."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .add_extension(x509.BasicConstraints(ca=subject == issuer, path_length=None), critical=True)
    )
    if subject != issuer:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(by, hashes.SHA256())


class Authority:
    """Root and signing key, made anew or kept in a folder."""

    def __init__(self, folder: Path | None) -> None:
        path = folder / "tsa.pem" if folder else None
        if path is None or not path.exists():
            root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
            self._key = key
            self._root = _certificate("Simulated TSA Root", root_key, "Simulated TSA Root", root_key)
            self._own = _certificate("Simulated TSA", key, "Simulated TSA Root", root_key)
            if path is not None:
                self._keep(path)
        else:
            self._read(path.read_bytes())
        self._serial = 0

    def _keep(self, path: Path) -> None:
        encoding = serialization.Encoding.PEM
        key = self._key.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(key + self._own.public_bytes(encoding) + self._root.public_bytes(encoding))

    def _read(self, pem: bytes) -> None:
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("tsa.pem holds another kind of key")
        self._key = key
        self._own, self._root = x509.load_pem_x509_certificates(pem)

    @property
    def root_pem(self) -> str:
        """What those who trust this authority hold."""
        return self._root.public_bytes(serialization.Encoding.PEM).decode()

    def answer(self, request: bytes, now: datetime, *, other: bool = False) -> bytes:
        """The TimeStampResp to a TimeStampReq; refused when it cannot be read. ``other``: stamps something else."""
        try:
            version, imprint, *rest = der.children(request, der.SEQUENCE)
            algorithm, digest = der.children(imprint, der.SEQUENCE)
            known = der.children(algorithm, der.SEQUENCE)[0] == der.children(SHA256, der.SEQUENCE)[0]
        except (ValueError, IndexError):
            return REJECTED
        if version != der.integer(1) or not known or len(digest) != 34:
            return REJECTED
        if other:
            digest = der.tlv(der.OCTETS, hashlib.sha256(b"something else").digest())
        nonce = next((part for part in rest if part[0] == der.INTEGER), b"")
        token = self._token(der.tlv(der.SEQUENCE, algorithm, digest), nonce, now, der.TRUE in rest)
        return der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, der.integer(0)), token)

    def _token(self, imprint: bytes, nonce: bytes, now: datetime, certificate: bool) -> bytes:
        self._serial += 1
        time = now.astimezone(UTC).replace(microsecond=0)
        info = der.tlv(
            der.SEQUENCE,
            der.integer(1),
            der.oid(POLICY),
            imprint,
            der.integer(self._serial),
            der.tlv(der.TIME, time.strftime("%Y%m%d%H%M%SZ").encode()),
            nonce,
        )
        content = der.tlv(der.SEQUENCE, TIMESTAMP_INFO, der.tlv(0xA0, der.tlv(der.OCTETS, info)))
        own = self._own.public_bytes(serialization.Encoding.DER)
        signed = der.tlv(
            der.SEQUENCE,
            der.integer(3),
            der.tlv(der.SET, SHA256),
            content,
            der.tlv(0xA0, own) if certificate else b"",
            der.tlv(der.SET, self._signer(info, own)),
        )
        return der.tlv(der.SEQUENCE, SIGNED_DATA, der.tlv(0xA0, signed))

    def _signer(self, info: bytes, own: bytes) -> bytes:
        def attribute(kind: bytes, value: bytes) -> bytes:
            return der.tlv(der.SEQUENCE, kind, der.tlv(der.SET, value))

        hashed = der.tlv(der.SEQUENCE, der.tlv(der.OCTETS, hashlib.sha256(own).digest()))
        attributes = sorted(
            [
                attribute(CONTENT_TYPE, TIMESTAMP_INFO),
                attribute(DIGEST, der.tlv(der.OCTETS, hashlib.sha256(info).digest())),
                attribute(SIGNING_CERTIFICATE, der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, hashed))),
            ]
        )
        signature = self._key.sign(der.tlv(der.SET, *attributes), ec.ECDSA(hashes.SHA256()))
        serial = der.integer(self._own.serial_number)
        return der.tlv(
            der.SEQUENCE,
            der.integer(1),
            der.tlv(der.SEQUENCE, self._own.issuer.public_bytes(), serial),
            SHA256,
            der.tlv(0xA0, *attributes),
            ECDSA_SHA256,
            der.tlv(der.OCTETS, signature),
        )
