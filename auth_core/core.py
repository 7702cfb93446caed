"""The whole core, put together from ports."""

import msgspec

from auth_core.access import PermissionRegistry, RoleBook
from auth_core.administration import Administration, Impersonation
from auth_core.audit import AuditService
from auth_core.credentials import (
    DEVELOPMENT_PASSWORD_MIN,
    AccountService,
    PasswordPolicy,
    PasswordProof,
    SignInAttempts,
    shipped_blocklist,
)
from auth_core.deployment import Options, Ports
from auth_core.events import EventRelay, Events, EventSource
from auth_core.kernel import CountedLimits
from auth_core.keys import (
    KeyService,
    KeyUse,
    RotationPolicy,
)
from auth_core.mail import (
    LetterVault,
    MailOffice,
    MailRelay,
)
from auth_core.organizations import Organizations
from auth_core.privacy import PersonalDataService
from auth_core.roles import GrantsWatch, PermissionChecks, RoleService, Subjects
from auth_core.self_service import (
    MailedSecrets,
    NewPassword,
    OwnerCheck,
    SelfService,
    SessionStart,
    Trail,
)
from auth_core.sessions import (
    AccountLifecycle,
    RefreshRotation,
    RetentionSweep,
    RevocationFeed,
    SessionService,
    StepUp,
)
from auth_core.tokens import (
    AccessTokenVerification,
    Authenticator,
    OrganizationSwitch,
    PermissionsClaim,
    Reauthentication,
    RefreshGrant,
    RefreshTokenReader,
    SignIn,
    TokenIntrospection,
    TokenIssuer,
    VerifiedTokens,
)
from auth_core.unit_of_work import CoreUnitOfWork
from auth_core.users import UserService
from auth_core.webhooks import Webhooks

__all__ = ["Core", "CoreUnitOfWork", "Options", "Ports"]


class Core:
    """The services of the core over one set of ports. Cheap to make, does no I/O by itself."""

    def __init__(self, ports: Ports, options: Options) -> None:
        clock, ids = ports.clock, ports.ids
        self.role_book = RoleBook(PermissionRegistry(options.resources))
        self.keys = _keys(ports, options)
        self.users = UserService(ports.unit_of_work, ports.session_cache, clock, ids)
        self.password_policy = _password_policy(ports, options)
        self.password_proof = _password_proof(ports, options)
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
        self.webhooks = _webhooks(ports, options)
        self.events = _events(ports, options, self.webhooks)
        self.lifecycle = self._lifecycle(ports)
        self.subjects = Subjects(ports.unit_of_work, self.role_book)
        self.permission_checks = PermissionChecks(self.subjects, self.role_book)
        self.roles = self._roles(ports)
        self.grants_watch = GrantsWatch(ports.unit_of_work, ports.session_cache, clock)
        self.personal_data = self._personal_data(ports, options)
        self.organizations = self._organizations(ports, options)
        self.limits = CountedLimits(ports.rate_limiter, ports.metrics)
        self.attempts = self._attempts(ports, options)
        issuer = self._issuer(ports, options)
        self.sign_in = self._sign_in(ports, options, issuer)
        self.self_service = self._self_service(ports, options, issuer)
        self.step_up = StepUp(clock, max_age=options.step_up_max_age)
        self.reauthentication = self._reauthentication(ports, issuer)
        self.organization_switch = _organization_switch(ports, issuer)
        self.administration = self._administration(ports)
        self.impersonation = Impersonation(ports.unit_of_work, self.sessions, issuer, ids)
        reader, rotation = RefreshTokenReader(self.keys, clock), self._rotation(ports, options)
        self.refresh = RefreshGrant(reader, rotation, issuer)
        self.authenticator = self._authenticator(ports, options)
        self.introspection = TokenIntrospection(self.authenticator, reader, rotation, self.sessions)

    def _organizations(self, ports: Ports, options: Options) -> Organizations:
        return Organizations(
            *(ports.unit_of_work, self.role_book, ports.session_cache),
            *(ports.clock, ports.ids, ports.entropy),
            policy=options.organizations,
            names=ports.domain_names,
        )

    def _roles(self, ports: Ports) -> RoleService:
        return RoleService(
            ports.unit_of_work,
            self.subjects,
            self.role_book,
            ports.session_cache,
            ports.clock,
            ports.ids,
        )

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
            metrics=ports.metrics,
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
            metrics=ports.metrics,
        )

    def _self_service(self, ports: Ports, options: Options, issuer: TokenIssuer) -> SelfService:
        development = options.sign_in.development
        passwords = NewPassword(
            self.password_policy, enabled=options.sign_in.passwords or development
        )
        return SelfService(
            ports.unit_of_work,
            users=self.users,
            sessions=self.sessions,
            sign_in=self.sign_in,
            start=SessionStart(self.sessions, issuer, self.sign_in),
            hasher=ports.password_hasher,
            cache=ports.session_cache,
            organizations=self.organizations,
            clock=ports.clock,
            policy=options.self_service,
            mailed=MailedSecrets(ports.clock, ports.ids, ports.entropy, ports.sealer),
            trail=Trail(ports.clock, ports.ids),
            passwords=passwords,
            again=OwnerCheck(
                ports.unit_of_work, self.password_proof, passwords, development=development
            ),
        )

    def _attempts(self, ports: Ports, options: Options) -> SignInAttempts:
        return SignInAttempts(
            ports.unit_of_work,
            self.limits,
            ports.failure_spread,
            ports.clock,
            ports.ids,
            options.attempts,
        )

    def _reauthentication(self, ports: Ports, issuer: TokenIssuer) -> Reauthentication:
        return Reauthentication(
            ports.unit_of_work, self.sessions, issuer, self.password_proof, ports.clock
        )

    def _administration(self, ports: Ports) -> Administration:
        return Administration(
            ports.unit_of_work,
            self.users,
            self.sessions,
            self.lifecycle,
            self.self_service.deletion,
            ports.password_hasher,
            self.password_policy,
            clock=ports.clock,
            ids=ports.ids,
        )

    def _feed(self, ports: Ports, options: Options) -> RevocationFeed:
        return RevocationFeed(
            ports.unit_of_work,
            ports.revocation_stream,
            ports.session_cache,
            ports.clock,
            access_lifetime=options.access_lifetime,
            metrics=ports.metrics,
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
            metrics=ports.metrics,
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
            permissions=PermissionsClaim(self.role_book, longest=options.permissions_claim)
            if options.permissions_claim
            else None,
            metrics=ports.metrics,
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
            metrics=ports.metrics,
        )


def _organization_switch(ports: Ports, issuer: TokenIssuer) -> OrganizationSwitch:
    return OrganizationSwitch(
        ports.unit_of_work, ports.session_cache, issuer, ports.clock, ports.ids
    )


def _relay(ports: Ports, options: Options, vault: LetterVault) -> MailRelay | None:
    """What sends letters, if this process may."""
    renderer, mailer, policy = ports.letter_renderer, ports.mailer, options.mail_relay
    if renderer is None or mailer is None:
        return None
    return MailRelay(
        *(ports.unit_of_work, vault, renderer, mailer, ports.clock, policy), metrics=ports.metrics
    )


def _source(options: Options) -> EventSource:
    return EventSource(uri=options.issuer, schemas=options.event_schemas)


def _webhooks(ports: Ports, options: Options) -> Webhooks:
    return Webhooks(
        *(ports.unit_of_work, ports.sealer, ports.webhook_sender),
        *(ports.clock, ports.ids, ports.entropy),
        source=_source(options),
        policy=options.webhooks,
        dispatch=options.webhook_dispatch,
        metrics=ports.metrics,
    )


def _events(ports: Ports, options: Options, webhooks: Webhooks) -> Events:
    """One for each publisher: none waits for another."""
    relays = (
        EventRelay(
            *(ports.unit_of_work, publisher, _source(options)),
            *(ports.clock, options.event_relay),
            metrics=ports.metrics,
        )
        for publisher in (*ports.event_publishers, webhooks.fan_out)
    )
    return Events(ports.unit_of_work, relays)


def _password_proof(ports: Ports, options: Options) -> PasswordProof:
    return PasswordProof(
        *(ports.unit_of_work, ports.password_hasher, ports.clock, ports.ids, options.failures),
        metrics=ports.metrics,
    )


def _password_policy(ports: Ports, options: Options) -> PasswordPolicy:
    rules = options.passwords
    if options.sign_in.development:
        minimum = min(rules.minimum, DEVELOPMENT_PASSWORD_MIN)
        rules = msgspec.structs.replace(rules, minimum=minimum)
    return PasswordPolicy(shipped_blocklist(), rules, lookup=ports.breach_lookup)


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
