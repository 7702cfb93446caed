"""The core's view of the settings."""

from datetime import timedelta
from urllib.parse import urlsplit

from adapters.time_zones import time_zones
from app.settings import OrganizationSettings, Settings
from auth_core.core import Options
from auth_core.credentials import AttemptPolicy, PasswordRules
from auth_core.mail import RelayPolicy
from auth_core.organizations import OrganizationPolicy
from auth_core.self_service import RegistrationMode, SelfServicePolicy
from auth_core.sessions import RetentionPolicy
from auth_core.tokens import SignInPolicy
from auth_core.users import ProfilePolicy
from auth_core.webhooks import WebhookPolicy

DEFAULT_SESSION_DAYS = 30
CLAIM_SLACK = timedelta(seconds=30)
"""How much longer than the mail server may take a letter is left to the relay that has it."""


def options(settings: Settings) -> Options:
    """The core's view of the settings."""
    mode = _registration_mode(settings)
    return Options(
        issuer=settings.tokens.issuer,
        audience=settings.tokens.audience,
        access_lifetime=timedelta(minutes=settings.tokens.access_minutes),
        permissions_claim=settings.tokens.permissions_bytes,
        session_idle_lifetime=timedelta(days=settings.tokens.refresh_days),
        session_lifetime=_session_lifetime(settings),
        key_rotation_period=timedelta(days=settings.security.key_rotation_days),
        refresh_parallel_window=timedelta(seconds=settings.sessions.refresh_parallel_seconds),
        retention=_retention(settings),
        audit_retention=timedelta(days=settings.worker.audit_days) or None,
        mail_retention=timedelta(days=settings.mail.retention_days),
        event_schemas=f"{own_address(settings)}/events/schemas",
        webhooks=WebhookPolicy(retention=timedelta(days=settings.webhooks.log_days)),
        mail_relay=_mail_relay(settings),
        passwords=PasswordRules(
            service_names=("FaultMaven", urlsplit(settings.tokens.issuer).hostname or "")
        ),
        step_up_max_age=timedelta(minutes=settings.sessions.step_up_minutes),
        resources=settings.access.resources,
        organizations=_organizations(settings.organizations),
        profile=ProfilePolicy(claims=settings.profile.claims, time_zones=time_zones()),
        attempts=AttemptPolicy() if settings.limits.enabled else None,
        sign_in=SignInPolicy(
            development=settings.service.is_development,
            registration=mode is RegistrationMode.OPEN,
            passwords=settings.registration.password_auth,
        ),
        self_service=SelfServicePolicy(
            registration=mode,
            email_sign_in=settings.registration.email_sign_in,
            deletion_grace=timedelta(days=settings.registration.deletion_grace_days),
        ),
    )


def _session_lifetime(settings: Settings) -> timedelta:
    longest = max(settings.tokens.refresh_days, DEFAULT_SESSION_DAYS)
    return timedelta(days=settings.sessions.max_days or longest)


def _organizations(settings: OrganizationSettings) -> OrganizationPolicy:
    return OrganizationPolicy(
        max_members=settings.max_members,
        max_teams=settings.max_teams,
        max_domains=settings.max_domains,
        max_owned=settings.max_owned,
        anybody_creates=settings.creation == "anybody",
        invitation_days=settings.invitation_days,
        deletion_grace=timedelta(days=settings.deletion_grace_days),
    )


def _mail_relay(settings: Settings) -> RelayPolicy:
    return RelayPolicy(claim_time=timedelta(seconds=settings.mail.timeout_seconds) + CLAIM_SLACK)


def own_address(settings: Settings) -> str:
    """Where others reach this service, without a slash at the end; never from a request."""
    return (settings.public_url or settings.tokens.issuer).rstrip("/")


def _retention(settings: Settings) -> RetentionPolicy:
    return RetentionPolicy(
        sessions=timedelta(days=settings.worker.session_days),
        events=timedelta(days=settings.events.retention_days),
    )


def _registration_mode(settings: Settings) -> RegistrationMode:
    registration = settings.registration
    return RegistrationMode(registration.mode) if registration.enabled else RegistrationMode.CLOSED
