"""E-mail over SMTP (RFC 5321) with aiosmtplib: one connection a letter, STARTTLS or TLS, plain text in UTF-8.

The steps are taken one by one, because only what happens after DATA began can be unknown: whatever fails
before proves that nothing was sent. A mail that goes out twice has the same Message-ID both times.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Final

import aiosmtplib
import msgspec

from mingzhang.kit.errors import Kind, Problem
from mingzhang.notices.couriers.base import Delivery, Letter, Outcome, answer_message

_TLS: Final = frozenset({"starttls", "tls", "none"})
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_NAME: Final = re.compile(rf"(?=.{{1,64}}\Z){_ATOM}(?:\.{_ATOM})*")  # RFC 5321's dot-string, in ASCII only
_DOMAIN: Final = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")


class EmailSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The mail server that takes our mails. `tls`: starttls, tls or none (this machine only). `ca_path`: a file
    of authorities besides the machine's own. `timeout_s`: real seconds for the whole delivery.
    """

    host: str
    port: int
    sender: str
    sender_name: str = ""
    username: str = ""
    password: str = ""
    tls: str = "starttls"
    ca_path: str = ""
    timeout_s: float = 20.0

    def __repr__(self) -> str:
        return f"EmailSettings(host={self.host!r}, port={self.port}, tls={self.tls!r}, secrets hidden)"


def _on_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Email:
    """The courier `email`."""

    name = "email"

    def __init__(self, settings: EmailSettings) -> None:
        """Raises Problem `settings_invalid` for an unknown or unsafe way to connect."""
        if settings.tls not in _TLS or (settings.tls == "none" and not _on_this_machine(settings.host)):
            raise Problem("settings_invalid", Kind.INVALID, "mail must go over starttls or tls")
        if "@" not in settings.sender:
            raise Problem("settings_invalid", Kind.INVALID, "the sender is no mail address")
        self._settings = settings
        self._domain = settings.sender.rpartition("@")[2]
        self._context = ssl.create_default_context(cafile=settings.ca_path or None)

    async def send(self, letter: Letter) -> Delivery:
        """Hand one mail to the server."""
        recipient = _clean(letter.address)
        if not recipient:
            return Delivery(outcome=Outcome.REFUSED, code="bad_address")
        mail = self._write(letter, recipient)
        attempt = _Attempt(self._client(), letter, mail, self._settings)
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                return await attempt.run(self._settings.sender, recipient)
        except TimeoutError:
            return attempt.broken("timed_out")
        finally:
            attempt.close()

    async def aclose(self) -> None:
        """Nothing is kept open."""

    def _client(self) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username or None,
            password=settings.password or None,
            local_hostname=self._domain,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            tls_context=None if settings.tls == "none" else self._context,
            timeout=settings.timeout_s,
        )

    def _write(self, letter: Letter, recipient: str) -> bytes:
        mail = EmailMessage(policy=SMTP_POLICY)
        mail["From"] = Address(self._settings.sender_name, addr_spec=self._settings.sender)
        mail["To"] = Address(addr_spec=recipient)
        mail["Subject"] = " ".join(letter.subject.split())
        mail["Date"] = letter.written_at
        mail["Message-ID"] = f"<{letter.notice_id.lower()}@{self._domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
        body = f"{letter.text}\n\n{letter.link}" if letter.link else letter.text
        mail.set_content(body, cte="base64")
        return mail.as_bytes()


def _clean(address: str) -> str:
    """The address as it may stand in a command and a header, its domain in ASCII; empty when it is none."""
    name, _, domain = address.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return f"{name}@{domain}" if _NAME.fullmatch(name) and _DOMAIN.fullmatch(domain) else ""


class _Attempt:
    """One delivery. `data_begun` divides what certainly was not sent from what may have been."""

    def __init__(self, client: aiosmtplib.SMTP, letter: Letter, mail: bytes, settings: EmailSettings) -> None:
        self._client = client
        self._letter = letter
        self._mail = mail
        self._hide = (settings.password, settings.username)
        self._data_begun = False

    async def run(self, sender: str, recipient: str) -> Delivery:
        client = self._client
        try:
            await client.connect()
            await client.mail(sender)
            await client.rcpt(recipient)
            self._data_begun = True
            answer = await client.data(self._mail)
        except aiosmtplib.SMTPResponseException as error:
            return self._answered(error)
        except TimeoutError:
            return self.broken("timed_out")
        except OSError:  # the library's broken connections are such errors too
            return self.broken("broken_off")
        except aiosmtplib.SMTPException:  # no STARTTLS, no way to log in
            return self.broken("unsupported")
        return self._delivery(Outcome.ACCEPTED, answer.code, answer.message)

    def _answered(self, error: aiosmtplib.SMTPResponseException) -> Delivery:
        # 5xx for the address or the mail is for ever. For our login or sender it is our own setting that is wrong.
        ours = not isinstance(error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError)
        outcome = Outcome.REFUSED if error.code >= 500 and not ours else Outcome.NOT_NOW
        return self._delivery(outcome, error.code, error.message)

    def _delivery(self, outcome: Outcome, code: int, words: str) -> Delivery:
        message = answer_message(Email.name, self._letter, f"{code} {words}".encode(), self._mail, self._hide)
        return Delivery(outcome=outcome, code=f"smtp_{code}", messages=(message,))

    def broken(self, code: str) -> Delivery:
        """The connection ended without an answer."""
        return Delivery(outcome=Outcome.UNKNOWN if self._data_begun else Outcome.NOT_SENT, code=code)

    def close(self) -> None:
        """Drop the connection; a mail that was answered needs no QUIT."""
        self._client.close()
