"""The whole core, put together from ports."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from auth_core.access import PermissionRegistry, RoleBook
from auth_core.administration import Administration, Impersonation
from auth_core.audit import AuditService
from auth_core.credentials import (
    DEVELOPMENT_PASSWORD_MIN,
    AccountService,
    AttemptPolicy,
    BreachLookup,
    FailurePolicy,
    PasswordHasher,
    PasswordPolicy,
    PasswordProof,
    PasswordRules,
    SignInAttempts,
    shipped_blocklist,
)
from auth_core.kernel import Clock, Entropy, FailureSpread, Ids, RateLimiter
from auth_core.keys import (
    KeyGenerator,
    KeyService,
    KeyUse,
    RotationPolicy,
    Sealer,
)
from auth_core.mail import (
    LetterRenderer,
    LetterVault,
    Mailer,
    MailOffice,
    MailRelay,
    RelayPolicy,
)
from auth_core.organizations import OrganizationPolicy, Organizations
from auth_core.privacy import PersonalDataService
from auth_core.self_service import (
    NewPassword,
    SelfService,
    SelfServicePolicy,
)
from auth_core.sessions import (
    AccountLifecycle,
    RefreshCounter,
    RefreshRotation,
    RetentionPolicy,
    RetentionSweep,
    RevocationFeed,
    RevocationStream,
    SessionCache,
    SessionService,
    StepUp,
)
from auth_core.tokens import (
    AccessTokenVerification,
    Authenticator,
    Reauthentication,
    RefreshGrant,
    RefreshTokenReader,
    SignIn,
    SignInPolicy,
    TokenIntrospection,
    TokenIssuer,
    TokenSigner,
    VerifiedTokens,
)
from auth_core.unit_of_work import CoreUnitOfWork
from auth_core.users import ProfilePolicy, UserService

__all__ = ["Core", "CoreUnitOfWork", "Options", "Ports"]


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
    letter_renderer: LetterRenderer | None = None
    mailer: Mailer | None = None
    """Without one, or without a renderer, letters wait in the outbox."""
    breach_lookup: BreachLookup | None = None


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
    resources: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """The resources of consuming services, each with the actions that can be permitted on it."""


class Core:
    """The services of the core over one set of ports. Cheap to make, does no I/O by itself."""

    def __init__(self, ports: Ports, options: Options) -> None:
        clock, ids = ports.clock, ports.ids
        self.role_book = RoleBook(PermissionRegistry(options.resources))
        self.keys = _keys(ports, options)
        self.users = UserService(ports.unit_of_work, ports.session_cache, clock, ids)
        self.password_policy = _password_policy(ports, options)
        self.password_proof = PasswordProof(
            ports.unit_of_work, ports.password_hasher, clock, ids, options.failures
        )
        self.accounts = AccountService(
            ports.unit_of_work, self.users, ports.password_hasher, self.password_policy
        )
        self.revocations = self._feed(ports, options)
        self.sessions = self._sessions(ports, options)
        self.retention = RetentionSweep(ports.unit_of_work, clock, options.retention)
        self.audit = AuditService(ports, keep=options.audit_retention)
        vault = LetterVault(ports.sealer)
        self.mail = MailOffice(ports.unit_of_work, vault, clock, retention=options.mail_retention)
        self.mail_relay = _relay(ports, options, vault)
        self.lifecycle = self._lifecycle(ports)
        self.personal_data = self._personal_data(ports, options)
        self.organizations = Organizations(
            *(ports.unit_of_work, self.role_book, ports.session_cache, clock, ids, ports.entropy),
            policy=options.organizations,
        )
        self.attempts = _attempts(ports, options)
        issuer = self._issuer(ports, options)
        self.sign_in = self._sign_in(ports, options, issuer)
        self.self_service = self._self_service(ports, options, issuer)
        self.step_up = StepUp(clock, max_age=options.step_up_max_age)
        self.reauthentication = Reauthentication(
            ports.unit_of_work, self.sessions, issuer, self.password_proof, clock
        )
        self.administration = self._administration(ports)
        self.impersonation = Impersonation(ports.unit_of_work, self.sessions, issuer, ids)
        reader, rotation = RefreshTokenReader(self.keys, clock), self._rotation(ports, options)
        self.refresh = RefreshGrant(reader, rotation, issuer)
        self.authenticator = self._authenticator(ports, options)
        self.introspection = TokenIntrospection(self.authenticator, reader, rotation, self.sessions)

    def _lifecycle(self, ports: Ports) -> AccountLifecycle:
        return AccountLifecycle(
            *(ports.unit_of_work, self.sessions, ports.password_hasher, self.password_policy),
            *(ports.clock, ports.ids),
        )

    def _authenticator(self, ports: Ports, options: Options) -> Authenticator:
        return Authenticator(
            self.keys,
            self.sessions,
            AccessTokenVerification(
                issuer=options.issuer, audience=options.audience, clock=ports.clock
            ),
            VerifiedTokens(),
            ports.clock,
        )

    def _personal_data(self, ports: Ports, options: Options) -> PersonalDataService:
        return PersonalDataService(
            ports.unit_of_work,
            self.lifecycle,
            ports.session_cache,
            ports.clock,
            ports.ids,
            access_lifetime=options.access_lifetime,
        )

    def _sign_in(self, ports: Ports, options: Options, issuer: TokenIssuer) -> SignIn:
        return SignIn(
            ports.unit_of_work,
            self.users,
            self.sessions,
            issuer,
            ports.password_hasher,
            self.password_policy,
            self.password_proof,
            options.sign_in,
        )

    def _self_service(self, ports: Ports, options: Options, issuer: TokenIssuer) -> SelfService:
        development = options.sign_in.development
        return SelfService(
            ports.unit_of_work,
            users=self.users,
            sessions=self.sessions,
            sign_in=self.sign_in,
            tokens=issuer,
            hasher=ports.password_hasher,
            sealer=ports.sealer,
            cache=ports.session_cache,
            clock=ports.clock,
            ids=ports.ids,
            entropy=ports.entropy,
            policy=options.self_service,
            passwords=NewPassword(
                self.password_policy, enabled=options.sign_in.passwords or development
            ),
            proof=self.password_proof,
            development=development,
        )

    def _administration(self, ports: Ports) -> Administration:
        return Administration(
            ports.unit_of_work,
            self.users,
            self.sessions,
            self.lifecycle,
            ports.password_hasher,
            self.password_policy,
            ports.clock,
            ports.ids,
        )

    def _feed(self, ports: Ports, options: Options) -> RevocationFeed:
        return RevocationFeed(
            ports.unit_of_work,
            ports.revocation_stream,
            ports.session_cache,
            ports.clock,
            access_lifetime=options.access_lifetime,
        )

    def _sessions(self, ports: Ports, options: Options) -> SessionService:
        return SessionService(
            ports.unit_of_work,
            ports.session_cache,
            ports.clock,
            ports.ids,
            self.revocations,
            idle_lifetime=options.session_idle_lifetime,
            absolute_lifetime=options.session_lifetime,
        )

    def _issuer(self, ports: Ports, options: Options) -> TokenIssuer:
        return TokenIssuer(
            self.keys,
            ports.token_signer,
            ports.clock,
            ports.ids,
            issuer=options.issuer,
            audience=options.audience,
            access_lifetime=options.access_lifetime,
        )

    def _rotation(self, ports: Ports, options: Options) -> RefreshRotation:
        return RefreshRotation(
            ports.unit_of_work,
            ports.refresh_counter,
            ports.session_cache,
            ports.clock,
            ports.ids,
            self.revocations,
            idle_lifetime=options.session_idle_lifetime,
            parallel_window=options.refresh_parallel_window,
        )


def _relay(ports: Ports, options: Options, vault: LetterVault) -> MailRelay | None:
    """What sends letters, if this process may."""
    renderer, mailer, policy = ports.letter_renderer, ports.mailer, options.mail_relay
    if renderer is None or mailer is None:
        return None
    return MailRelay(ports.unit_of_work, vault, renderer, mailer, ports.clock, policy)


def _password_policy(ports: Ports, options: Options) -> PasswordPolicy:
    rules = options.passwords
    if options.sign_in.development:
        minimum = min(rules.minimum, DEVELOPMENT_PASSWORD_MIN)
        rules = msgspec.structs.replace(rules, minimum=minimum)
    return PasswordPolicy(shipped_blocklist(), rules, lookup=ports.breach_lookup)


def _attempts(ports: Ports, options: Options) -> SignInAttempts:
    return SignInAttempts(
        ports.unit_of_work,
        ports.rate_limiter,
        ports.failure_spread,
        ports.clock,
        ports.ids,
        options.attempts,
    )


def _keys(ports: Ports, options: Options) -> KeyService:
    policy = RotationPolicy(
        period=options.key_rotation_period,
        jwks_max_age=options.jwks_max_age,
        lifetimes={
            KeyUse.ACCESS: options.access_lifetime,
            KeyUse.REFRESH: options.session_lifetime,
        },
    )
    return KeyService(
        ports.unit_of_work, ports.sealer, ports.key_generator, ports.clock, ports.ids, policy
    )
