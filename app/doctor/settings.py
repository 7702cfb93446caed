"""What can be said of the settings alone. That they are valid was found out before."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from app.doctor.finding import Finding, Level
from app.settings import Settings
from auth_core.kernel import Secret

_ABOUT = "settings"


def settings_findings(settings: Settings) -> Iterator[Finding]:
    """The settings are valid; these are about what is valid and yet a risk."""
    service = settings.service
    text = f"valid; {service.environment}, {service.workers} worker(s)"
    yield Finding(Level.OK, _ABOUT, text)
    for name in settings.not_in_effect:
        yield Finding(Level.WARNING, _ABOUT, f"{name} has no effect in this version", "remove it")
    if settings.tokens.algorithm == "HS256":
        yield Finding(
            Level.WARNING,
            _ABOUT,
            "HS256: whoever can verify a token can make one",
            "set JWT_ALGORITHM=ES256 as soon as every verifier reads the JWKS",
        )
    if service.is_development:
        yield Finding(
            Level.WARNING,
            _ABOUT,
            "development: accounts without a password open by their name",
            "set ENVIRONMENT=production wherever others can reach it",
        )
    elif not settings.limits.enabled:
        yield Finding(
            Level.WARNING,
            _ABOUT,
            "no limits: passwords can be guessed at any rate",
            "set RATE_LIMIT_ENABLED=true, unless something in front limits by account, too",
        )
    if settings.webhooks.allow_private and not service.is_development:
        yield Finding(
            Level.WARNING,
            _ABOUT,
            "webhooks reach private networks",
            "set AUTH_WEBHOOK_ALLOW_PRIVATE=false",
        )
    yield from _servers_findings(settings)


def _servers_findings(settings: Settings) -> Iterator[Finding]:
    if settings.database.url is not None and takes_any_server(settings.database.url):
        yield Finding(
            Level.WARNING,
            _ABOUT,
            "DATABASE_URL names several servers and takes any: a standby answers every write 503",
            "add target_session_attrs=primary to it",
        )


def takes_any_server(url: Secret[str]) -> bool:
    """Whether a URL names several servers and asks nothing of them."""
    parts = urlsplit(url.reveal())
    query = parse_qs(parts.query)
    several = "," in parts.netloc.rpartition("@")[2] or "," in query.get("host", [""])[0]
    return several and query.get("target_session_attrs", ["any"])[0] == "any"
