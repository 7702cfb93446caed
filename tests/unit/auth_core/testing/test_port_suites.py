"""Every port of the core has a contract suite that is shipped, or a reason why not."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import auth_core
from auth_core.testing import contracts

SUITES = {
    "AuditLog": "AuditTrailContract",
    "AuditTrail": "AuditTrailContract",
    "Clock": "ClockContract",
    "CredentialRepository": "CredentialRepositoryContract",
    "DeliveryQueue": "WebhookDeliveryContract",
    "DomainNames": "DomainNamesContract",
    "DomainRepository": "DomainRepositoryContract",
    "EndpointRepository": "WebhookEndpointContract",
    "Entropy": "EntropyContract",
    "EventLog": "EventLogContract",
    "EventPublisher": "EventPublisherContract",
    "FailureSpread": "FailureSpreadContract",
    "Feed": "RevocationSourceContract",
    "GrantsReader": "GrantsReaderContract",
    "Ids": "IdsContract",
    "Introspector": "IntrospectorContract",
    "InvitationRepository": "InvitationRepositoryContract",
    "KeyGenerator": "TokenSignerContract",
    "KeyRepository": "KeyRepositoryContract",
    "KeySource": "KeySourceContract",
    "LetterRenderer": "LetterRendererContract",
    "MailOutbox": "MailOutboxContract",
    "MailQueue": "MailOutboxContract",
    "Mailer": "MailerContract",
    "MembershipRepository": "MembershipRepositoryContract",
    "Metrics": "MetricsContract",
    "OneTimeSecretRepository": "OneTimeSecretRepositoryContract",
    "OrganizationRepository": "OrganizationRepositoryContract",
    "Outbox": "UnitOfWorkContract",
    "PasswordHasher": "PasswordHasherContract",
    "PersonalDataRepository": "PersonalDataContract",
    "RateLimiter": "RateLimiterContract",
    "RefreshCounter": "RefreshCounterContract",
    "RevocationSource": "RevocationSourceContract",
    "RevocationStream": "RevocationStreamContract",
    "RoleLookup": "RoleRepositoryContract",
    "RoleRepository": "RoleRepositoryContract",
    "Sealer": "SealerContract",
    "SessionCache": "SessionCacheContract",
    "SessionRepository": "SessionRepositoryContract",
    "TeamRepository": "TeamRepositoryContract",
    "TokenSigner": "TokenSignerContract",
    "UnitOfWork": "UnitOfWorkContract",
    "UserCache": "SessionCacheContract",
    "UserRepository": "UserRepositoryContract",
    "WebhookSender": "WebhookSenderContract",
}
WITHOUT = {
    "AuditPorts": "a choice of ports",
    "Blocklist": "data of the core; nobody else brings one",
    "BreachedPasswords": "reads one public service: tests/integration/test_range_api.py",
    "ByteStream": "a part of HttpIssuer: RevocationSourceContract runs through it",
    "ForeignHashes": "a part of the password adapter: tests/contract/test_password_hashes.py",
    "HeadSealer": "the core has the only ones",
    "Resolver": "a part of HttpWebhookSender: tests/integration/webhooks",
    "RevocationAnnouncer": "the core's feed is the only one",
    "Transport": "a part of HttpIssuer: KeySourceContract runs through it",
    "Verifier": "the core has the only ones",
}
WITHOUT_RACES = {
    "ClockContract": "reads the time",
    "CrashLawsContract": "drops; the races are in the suites of the repositories",
    "GrantsReaderContract": "reads",
    "IntrospectorContract": "each question is one of its own",
    "KeySourceContract": "one thread asks",
    "LetterRendererContract": "pure",
    "MetricsContract": "one thread counts; of processes: tests/contract/test_shared_metrics.py",
    "RevocationSourceContract": "one thread listens",
    "SealerContract": "pure",
    "TokenSignerContract": "pure, but for making keys, which Entropy makes safe",
    "UnreachableSessionCacheContract": "it is away",
}
"""Suites with no test that lets several at it at once, and why."""


def protocols():
    """The name of every Protocol of the core, but for transactions: those are one, `UnitOfWork`."""
    root = Path(auth_core.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        if "testing" in path.relative_to(root).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and any(
                getattr(base, "id", "") == "Protocol" for base in node.bases
            ):
                found.add(node.name)
    return {name for name in found if name == "UnitOfWork" or not name.endswith("UnitOfWork")}


def suites():
    """Every contract suite by name, but for those that are a part of another."""
    found = {
        name: suite
        for module in pkgutil.iter_modules(contracts.__path__)
        for name, suite in vars(
            importlib.import_module(f"{contracts.__name__}.{module.name}")
        ).items()
        if inspect.isclass(suite) and name.endswith("Contract")
    }
    parts = {base for suite in found.values() for base in suite.__mro__[1:]}
    return {name: suite for name, suite in found.items() if suite not in parts}


def test_every_port_has_a_suite_or_a_reason():
    assert set() == SUITES.keys() & WITHOUT.keys()
    assert protocols() == SUITES.keys() | WITHOUT.keys()
    assert set() == set(SUITES.values()) - suites().keys()


def test_every_suite_says_what_it_needs_and_has_tests():
    for name, suite in suites().items():
        doc = inspect.getdoc(suite) or ""
        assert "eeds" in doc or "ixture" in doc, name
        assert [each for each in dir(suite) if each.startswith("test_")], name
        assert name in contracts.__all__


def test_every_suite_is_run_on_the_adapters_in_memory():
    root = Path(__file__).parents[3]
    tests = "".join(path.read_text() for path in (root / "contract").glob("test_memory*.py"))
    assert [] == [name for name in suites() if name not in tests]


def test_every_suite_races_or_says_why_not():
    calm = {
        name
        for name, suite in suites().items()
        if not any(
            sign in inspect.getsource(getattr(suite, test))
            for test in dir(suite)
            if test.startswith("test_")
            for sign in ("gather(", "create_task(", "_in_threads(", "ensure_future(", "_race")
        )
    }
    assert WITHOUT_RACES.keys() == calm
