"""Mail: alerts by SMTP, in French, to one address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from smtplib import (
    SMTP,
    SMTP_SSL,
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
)
from ssl import SSLCertVerificationError, create_default_context
from typing import Final

from syncengine.core.alert_words import Mail
from syncengine.errors import SettingsInvalid
from syncengine.service.answer import Answer, Outcome
from syncengine.settings import EngineSettings, SmtpSecurity

TIMEOUT_S: Final = 15.0
_PERMANENT: Final = 500
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Mailer:
    """Sends mails as the settings say. ``timeout_s`` bounds each silence of the server."""

    settings: EngineSettings
    timeout_s: float = TIMEOUT_S

    def send(self, to: str, mail: Mail, *, message_id: str) -> Answer:
        """What became of the mail; nothing that may happen on the way is raised."""
        try:
            envelope = self._envelope(to, mail, message_id)
            with self._connected() as server:
                server.send_message(envelope)
        except (SettingsInvalid, SMTPException, OSError) as error:
            return _refused(error)
        return Answer(outcome=Outcome.TAKEN, text="taken by the mail server")

    def _envelope(self, to: str, mail: Mail, message_id: str) -> EmailMessage:
        sender = self.settings.mail_from
        if self.settings.smtp_host is None or sender is None:
            raise SettingsInvalid("the settings smtp_host and mail_from are needed to send mails", field="smtp_host")
        envelope = EmailMessage(policy=SMTP_POLICY)
        envelope["From"], envelope["To"], envelope["Subject"] = sender, to, mail.subject
        envelope["Date"] = format_datetime(datetime.now(UTC))
        envelope["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2].strip('> ') or 'syncengine'}>"
        # RFC 3834: no holiday replies to a machine.
        envelope["Auto-Submitted"] = "auto-generated"
        envelope.set_content(mail.text)
        return envelope

    @contextmanager
    def _connected(self) -> Iterator[SMTP]:
        host, port, security = self.settings.smtp_host or "", self.settings.smtp_port, self.settings.smtp_security
        if security is SmtpSecurity.TLS:
            opened: SMTP = SMTP_SSL(host, port, timeout=self.timeout_s, context=create_default_context())
        else:
            opened = SMTP(host, port, timeout=self.timeout_s)
        with opened as server:
            if security is SmtpSecurity.STARTTLS:
                server.starttls(context=create_default_context())
            self._sign_in(server)
            yield server

    def _sign_in(self, server: SMTP) -> None:
        user, password = self.settings.smtp_user, self.settings.smtp_password
        if user is None or password is None:
            return
        if self.settings.smtp_security is SmtpSecurity.NONE and self.settings.smtp_host not in _LOOPBACK:
            raise SettingsInvalid(
                "the password is not sent over an open line: set smtp_security", field="smtp_security"
            )
        server.login(user, password.get_secret_value())


def _refused(error: SettingsInvalid | SMTPException | OSError) -> Answer:
    match error:
        case SettingsInvalid():
            said = error.message
        case SMTPRecipientsRefused():
            # One address, so one answer.
            code, words = next(iter(error.recipients.values()))
            return Answer(outcome=Outcome.NEVER if code >= _PERMANENT else Outcome.LATER, text=_said(code, words))
        case SMTPAuthenticationError():
            said = f"{error.smtp_code} the mail server refused user or password"
        case SMTPResponseException():
            said = _said(error.smtp_code, error.smtp_error)
        case SMTPNotSupportedError():
            said = "the mail server offers neither what smtp_security asks for nor sign-in without it"
        case SSLCertVerificationError():
            said = f"the certificate of the mail server is not trusted: {error.verify_message}"
        case _:
            said = f"no answer from the mail server: {type(error).__name__}"
    return Answer(outcome=Outcome.LATER, text=said)


def _said(code: int, said: bytes | str) -> str:
    return f"{code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
