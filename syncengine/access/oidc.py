"""Sign-in by an identity provider: OpenID Connect, code flow with PKCE, state and nonce. Optional: the extra ``oidc``.

Whom the provider names is a user of the CRM already: known by the provider's subject, or at the first time by a verified e-mail
address. Nobody is made a user by signing in.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from syncengine.errors import IdentityProviderFailed, SettingsInvalid, SignInRefused
from syncengine.model import User
from syncengine.settings import EngineSettings

SCOPE: Final = "openid email profile"
_TIMEOUT_S: Final = 10
_LEEWAY_S: Final = 60
_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True)
class Journey:
    """What is remembered in the browser while somebody is at the provider."""

    state: str
    nonce: str
    verifier: str
    next: str = "/"

    def remembered(self) -> dict[str, str]:
        """As JSON knows it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whom the provider says somebody is; ``email`` only if the provider has verified it."""

    subject: str
    email: str | None


@dataclass(frozen=True, kw_only=True)
class Provider:
    """The identity provider, as its discovery document describes it."""

    issuer: str
    client_id: str
    client_secret: SecretStr | None
    endpoints: Mapping[str, Any] = field(repr=False)

    def address(self, journey: Journey, redirect_uri: str) -> str:
        """Where the browser is sent to sign in."""
        url: str
        url, _ = self._client(redirect_uri).create_authorization_url(
            self.endpoints["authorization_endpoint"],
            state=journey.state,
            nonce=journey.nonce,
            code_verifier=journey.verifier,
        )
        return url

    def identity(self, journey: Journey, given: Mapping[str, str], redirect_uri: str) -> Identity:
        """Who came back. Raises SignInRefused for what this browser did not ask for, IdentityProviderFailed."""
        if not secrets.compare_digest(given.get("state", "").encode(), journey.state.encode()):
            raise SignInRefused("this sign-in was not begun in this browser, or too long ago")
        if "code" not in given:
            raise SignInRefused("the identity provider did not let you in")
        return self._proved(self._id_token(journey, given["code"], redirect_uri), journey.nonce)

    def _id_token(self, journey: Journey, code: str, redirect_uri: str) -> str:
        from authlib.common.errors import AuthlibBaseError  # noqa: PLC0415 - an extra

        try:
            token = self._client(redirect_uri).fetch_token(
                self.endpoints["token_endpoint"], code=code, code_verifier=journey.verifier, timeout=_TIMEOUT_S
            )
            return str(token["id_token"])
        except (AuthlibBaseError, requests.RequestException, KeyError, ValueError) as error:
            raise IdentityProviderFailed(f"the identity provider gave no identity: {type(error).__name__}") from None

    def _proved(self, id_token: str, nonce: str) -> Identity:
        """What a signed token says, for us and for this sign-in."""
        from joserfc import jwt  # noqa: PLC0415 - comes with the extra
        from joserfc.errors import JoseError  # noqa: PLC0415
        from joserfc.jwk import KeySet  # noqa: PLC0415

        expected = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            keys = KeySet.import_key_set(_fetched(str(self.endpoints["jwks_uri"])))  # type: ignore[arg-type]
            claims = jwt.decode(id_token, keys, algorithms=_ALGORITHMS).claims
            expected.validate(claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise IdentityProviderFailed(f"the identity cannot be trusted: {type(error).__name__}") from None
        verified = claims.get("email_verified") is True
        return Identity(
            subject=str(claims["sub"]), email=str(claims["email"]) if verified and "email" in claims else None
        )

    def _client(self, redirect_uri: str) -> Any:
        from authlib.integrations.requests_client import OAuth2Session  # noqa: PLC0415 - an extra

        return OAuth2Session(
            self.client_id,
            self.client_secret and self.client_secret.get_secret_value(),
            scope=SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self.client_secret else "none",
        )


def begin(to: str) -> Journey:
    """A new sign-in that ends on the page ``to`` of ours."""
    return Journey(
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        verifier=secrets.token_urlsafe(48),
        next=_own_page(to),
    )


def _own_page(to: str) -> str:
    # A page of ours and nothing else: browsers read '//' and '/\' as the address of another host.
    ours = to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable()
    return to if ours else "/"


def is_offered(settings: EngineSettings) -> bool:
    """Whether an identity provider is configured."""
    return settings.oidc_issuer is not None


def discover(settings: EngineSettings) -> Provider:
    """The provider that is configured. Raises SettingsInvalid, IdentityProviderFailed."""
    issuer, client_id = settings.oidc_issuer, settings.oidc_client_id
    if issuer is None or client_id is None:
        raise SettingsInvalid("no identity provider is configured", field="oidc_issuer")
    _require_extra()
    if not _is_safe(issuer):
        raise SettingsInvalid("an identity provider is reached over https", field="oidc_issuer")
    endpoints = _fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if endpoints.get("issuer") != issuer or any(name not in endpoints for name in needed):
        raise IdentityProviderFailed("the description of the identity provider is that of another one")
    return Provider(issuer=issuer, client_id=client_id, client_secret=settings.oidc_client_secret, endpoints=endpoints)


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in _LOCAL


def _require_extra() -> None:
    try:
        import authlib  # noqa: F401, PLC0415
    except ImportError:
        raise SettingsInvalid(
            "sign-in by an identity provider needs the package authlib",
            field="oidc_issuer",
            remedy="Install the program with its extra `oidc`, or remove the setting oidc_issuer.",
        ) from None


def _fetched(address: str) -> dict[str, Any]:
    try:
        answer = requests.get(address, timeout=_TIMEOUT_S, allow_redirects=False)
        found = answer.json() if answer.status_code == requests.codes.ok else None
    except (requests.RequestException, ValueError) as error:
        raise IdentityProviderFailed(f"the identity provider does not answer: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise IdentityProviderFailed("the identity provider does not answer as one")
    return found


def known(session: Session, identity: Identity) -> tuple[User, bool]:
    """The active user of an identity, and whether it was tied to it now. Raises SignInRefused when there is none."""
    user = session.scalar(select(User).where(User.oidc_subject == identity.subject, User.active))
    if user is not None:
        return user, False
    found = [] if identity.email is None else _by_email(session, identity.email)
    if len(found) != 1:
        raise SignInRefused("there is no user of the CRM for this identity")
    found[0].oidc_subject = identity.subject
    session.flush()
    return found[0], True


def _by_email(session: Session, email: str) -> list[User]:
    query = select(User).where(func.lower(User.email) == email.lower(), User.active, User.oidc_subject.is_(None))
    return list(session.scalars(query.limit(2)))
