"""What a deployment brings to the core: its ports, and what it decides."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from auth_core.credentials import (
    AttemptPolicy,
    BreachLookup,
    FailurePolicy,
    PasswordHasher,
    PasswordRules,
)
from auth_core.events import EventPublisher, EventRelayPolicy
from auth_core.kernel import (
    NO_METRICS,
    Clock,
    Entropy,
    FailureSpread,
    Ids,
    Metrics,
    RateLimiter,
)
from auth_core.keys import (
    KeyGenerator,
    Sealer,
)
from auth_core.mail import (
    LetterRenderer,
    Mailer,
    RelayPolicy,
)
from auth_core.organizations import DomainNames, OrganizationPolicy
from auth_core.self_service import (
    SelfServicePolicy,
)
from auth_core.sessions import (
    RefreshCounter,
    RetentionPolicy,
    RevocationStream,
    SessionCache,
)
from auth_core.tokens import (
    SignInPolicy,
    TokenSigner,
)
from auth_core.unit_of_work import CoreUnitOfWork
from auth_core.users import ProfilePolicy
from auth_core.webhooks import DispatchPolicy, WebhookPolicy, WebhookSender


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the core needs from outside."""

    unit_of_work: Callable[[], CoreUnitOfWork]
    refresh_counter: RefreshCounter
    session_cache: SessionCache
    revocation_stream: RevocationStream
    password_hasher: PasswordHasher
    sealer: Sealer
    key_generator: KeyGenerator
    token_signer: TokenSigner
    rate_limiter: RateLimiter
    failure_spread: FailureSpread
    clock: Clock
    ids: Ids
    entropy: Entropy
    webhook_sender: WebhookSender
    metrics: Metrics = NO_METRICS
    letter_renderer: LetterRenderer | None = None
    mailer: Mailer | None = None
    """Without one, or without a renderer, letters wait in the outbox."""
    breach_lookup: BreachLookup | None = None
    domain_names: DomainNames | None = None
    """Without it no organization claims an e-mail domain."""
    event_publishers: tuple[EventPublisher, ...] = ()
    """Each keeps its own progress, beside that of webhooks."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment decides."""

    issuer: str = "https://auth.faultmaven.ai"
    audience: str = "faultmaven-api"
    access_lifetime: timedelta = timedelta(minutes=15)
    session_idle_lifetime: timedelta = timedelta(days=7)
    """Life of a refresh token: how long a session lasts without a refresh."""
    session_lifetime: timedelta = timedelta(days=30)
    """How long a session lasts at most (NIST SP 800-63B-4 §2.1.3)."""
    refresh_parallel_window: timedelta = timedelta(seconds=10)
    """How long a refresh token still gets the newest one after its successor was redeemed."""
    permissions_claim: int = 0
    """Bytes of JSON that the claim ``permissions`` of an access token may have; 0 for no claim."""
    key_rotation_period: timedelta = timedelta(days=30)
    jwks_max_age: timedelta = timedelta(minutes=5)
    """How long relying services may keep a copy of the JWKS; our gateways keep it for 300 s."""
    step_up_max_age: timedelta = timedelta(minutes=15)
    """How recent the sign-in must be for sensitive requests (RFC 9470)."""
    sign_in: SignInPolicy = SignInPolicy()
    passwords: PasswordRules = PasswordRules()
    """In development, 8 characters are enough whatever these say."""
    failures: FailurePolicy = FailurePolicy()
    self_service: SelfServicePolicy = SelfServicePolicy()
    organizations: OrganizationPolicy = OrganizationPolicy()
    profile: ProfilePolicy = ProfilePolicy()
    attempts: AttemptPolicy | None = AttemptPolicy()
    """How often one may try to sign in to an account; None for no limit."""
    retention: RetentionPolicy = RetentionPolicy()
    audit_retention: timedelta | None = None
    """Age at which records leave the audit trail; None keeps them for ever."""
    mail_retention: timedelta = timedelta(days=7)
    """Age at which a letter leaves the outbox, dead or not."""
    mail_relay: RelayPolicy = RelayPolicy()
    event_schemas: str = "https://auth.faultmaven.ai/events/schemas"
    event_relay: EventRelayPolicy = EventRelayPolicy()
    webhooks: WebhookPolicy = WebhookPolicy()
    webhook_dispatch: DispatchPolicy = DispatchPolicy()
    resources: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """The resources of consuming services, each with the actions that can be permitted on it."""
