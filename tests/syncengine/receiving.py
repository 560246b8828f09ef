"""Who alerts are sent to: a real web server and a real mail server on this machine, which keep what they are told."""

from __future__ import annotations

import ssl
import threading
import time
from asyncio import Server as AsyncServer
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

MAIL_USER, MAIL_PASSWORD = "alertes", "Mot-de-passe-SMTP"
GONE_ADDRESS = "partie@societe.example"


@dataclass(kw_only=True)
class Receiver:
    """A web server: ``status`` is what it answers, ``pause_s`` how long it lets each byte of its answer wait."""

    url: str
    status: int = 204
    pause_s: float = 0.0
    requests: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """The ids of the messages, in the order they came."""
        return [headers["webhook-id"] for _, headers, _ in self.requests]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A web server while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            found.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            if found.pause_s:
                return self._drip()
            self.send_response(found.status)
            self.send_header("Location", f"{found.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None

        def _drip(self) -> None:
            for letter in b"HTTP/1.1 204 No Content\r\n\r\n":
                time.sleep(found.pause_s)
                try:
                    self.wfile.write(bytes([letter]))
                except OSError:
                    return

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    found = Receiver(url=f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(kw_only=True)
class Mailbox:
    """A mail server: STARTTLS, a user with a password, and one address that is gone."""

    port: int
    certificate: Path
    mails: list[EmailMessage] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of an engine that sends through it."""
        return {
            "smtp_host": "localhost",
            "smtp_port": self.port,
            "smtp_user": MAIL_USER,
            "smtp_password": MAIL_PASSWORD,
            "mail_from": "Synchronisation <sync@societe.example>",
        }

    async def handle_RCPT(  # noqa: N802 - named by aiosmtpd
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Refuse the address that is gone."""
        if address == GONE_ADDRESS:
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Keep a mail."""
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content.replace(b"\r\n", b"\n"), policy=default))
        return "250 OK"


class _AnyPort(Controller):
    """A controller that takes a free port."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, AsyncServer)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def mailbox(folder: Path) -> Iterator[Mailbox]:
    """A mail server while the block lasts."""
    certificate = _certificate(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    found = Mailbox(port=0, certificate=certificate)
    controller = _AnyPort(
        found,
        hostname="localhost",
        port=0,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=_authenticated,
    )
    controller.start()
    try:
        found.port = controller.port
        yield found
    finally:
        controller.stop()


def _authenticated(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
    wanted = LoginPassword(MAIL_USER.encode(), MAIL_PASSWORD.encode())
    return AuthResult(success=given == wanted, handled=False)


def _certificate(folder: Path) -> Path:
    """A certificate for this machine with its key, which vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=10))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "mail.pem"
    file.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return file
