"""The servers behind a deployment, and what is stored in them."""

from collections.abc import AsyncIterator
from datetime import timedelta

from adapters.mail import SmtpMailer
from adapters.postgres.diagnosis import postgres_facts
from adapters.redis.cluster.diagnosis import cluster_facts
from adapters.redis.diagnosis import RedisFacts, redis_facts
from adapters.redis.sentinel_diagnosis import sentinel_facts
from app.doctor.cluster import cluster_findings
from app.doctor.finding import Finding, Level
from app.doctor.pooling import pooling
from app.doctor.redis_server import memory_findings
from app.doctor.sentinels import sentinel_findings
from app.in_process import ConnectedCore
from app.settings import Settings
from auth_core.kernel import Misconfigured, Secret
from auth_core.keys import KeyStatus, KeyUse, SealedKey
from auth_core.mail import MailFailure

TESTED_POSTGRES = 18
NEARLY_RIGHT = timedelta(seconds=2)
"""Clocks that differ by less are as good as equal."""
LEEWAY = timedelta(seconds=10)
"""What verifiers forgive (SEC-27)."""
_LATE_EVENTS = timedelta(minutes=1)
_OVERDUE = 1.2
_FOREIGN_CONNECTIONS = 10
"""Left to others: migrations, backups, whoever looks."""


async def database(core: ConnectedCore, settings: Settings) -> AsyncIterator[Finding]:
    """Reachable, of a version that we know, with our schema, and with room for all workers."""
    about = "postgresql"
    await core.database.check()  # the message of what it raises says what to do
    facts = await postgres_facts(core.database, core.clock)
    yield Finding(Level.OK, about, f"PostgreSQL {facts.version}, schema up to date")
    yield _clock("PostgreSQL", facts.ahead)
    if facts.major < TESTED_POSTGRES:
        text = f"PostgreSQL {facts.version} is older than any that we test"
        yield Finding(Level.WARNING, about, text, f"upgrade to {TESTED_POSTGRES} or newer")
    if facts.read_only:
        text = "it takes no writes: a replica, or a server that protects itself"
        yield Finding(Level.ERROR, about, text, "let DATABASE_URL lead to the primary")
    pool = settings.database.pool_size + settings.database.max_overflow
    wanted = settings.service.workers * pool + _FOREIGN_CONNECTIONS
    if wanted > facts.max_connections and not facts.pooled:  # else that is the pooler's affair
        yield Finding(
            Level.WARNING,
            about,
            f"{settings.service.workers} worker(s) may open {pool} connections each, and"
            f" max_connections is {facts.max_connections}, for all nodes together",
            "raise max_connections, lower DB_POOL_SIZE + DB_MAX_OVERFLOW, or use PgBouncer",
        )
    async for found in pooling(facts, settings.database):
        yield found
    role = await core.database.role()
    if role.bypasses_row_security or role.owns_tables:
        yield Finding(
            Level.WARNING,
            about,
            f"row-level security does not bind {role.name}",
            "see docs/guides/database-roles.md: let DATABASE_URL be a role that owns nothing",
        )


async def redis(core: ConnectedCore, settings: Settings) -> AsyncIterator[Finding]:
    """Reachable, standing alone, writable, and not about to throw away what we rely on."""
    about = "redis"
    nodes = await cluster_facts(_redis_url(settings), core.clock)
    if nodes is not None:
        for finding in cluster_findings(nodes):
            yield finding
        return
    sentinels = await sentinel_facts(_redis_url(settings))
    if sentinels is not None:
        for finding in sentinel_findings(sentinels):
            yield finding
    facts = await _redis_facts(core, settings)
    yield Finding(Level.OK, about, f"{facts.server} {facts.version}, {facts.mode}")
    yield _clock(facts.server, facts.ahead)
    if facts.mode != "standalone":
        text = f"its mode is {facts.mode}, and REDIS_MODE is {settings.redis.mode}"
        yield Finding(Level.ERROR, about, text, f"set REDIS_MODE={facts.mode}")
    if facts.role not in {"master", "primary"}:
        text = "it is a replica: it takes no writes"
        yield Finding(Level.ERROR, about, text, "let REDIS_URL lead to the primary")
    for finding in memory_findings(facts, about):
        yield finding


async def keys(core: ConnectedCore, settings: Settings) -> AsyncIterator[Finding]:  # noqa: ARG001
    """There, opened by the master key, and not older than they should be."""
    stored = await core.keys.examined()
    if not stored:
        yield Finding(Level.OK, "keys", "none yet: the first worker makes them")
        return
    for use in KeyUse:
        of_use = [key for key, _ in stored if key.use is use]
        active = next((key for key in of_use if key.status is KeyStatus.ACTIVE), None)
        if active is None:
            text = f"no {use} key signs"
            yield Finding(Level.ERROR, "keys", text, "start a worker, and see what it logs")
        else:
            yield _age(core, active)
    for key, problem in stored:
        if problem:
            yield Finding(Level.ERROR, "keys", f"{key.use} key {key.kid[:12]}…: {problem}")


async def outbox(core: ConnectedCore, settings: Settings) -> AsyncIterator[Finding]:  # noqa: ARG001
    """Events leave soon after they have happened."""
    now = core.clock.now()
    for backlog in await core.events.backlogs():
        waits = timedelta(0) if backlog.oldest is None else now - backlog.oldest
        text = f"{backlog.publisher}: {backlog.depth} events wait, for {_shown(waits)}"
        if waits <= _LATE_EVENTS:
            yield Finding(Level.OK, "outbox", text)
            continue
        advice = "is a worker running (fm-auth worker, AUTH_EMBEDDED_WORKER)? Its log says why not"
        yield Finding(Level.WARNING, "outbox", text, advice)


async def mail(core: ConnectedCore, settings: Settings) -> AsyncIterator[Finding]:
    """A mail server that admits us, over TLS if it should."""
    about, mailer = "mail", core.ports.mailer
    if not isinstance(mailer, SmtpMailer):
        if settings.service.is_development:
            yield Finding(Level.OK, about, "no mail server; letters are read at /dev/mail")
            return
        text = "no mail server: letters wait, and nobody gets a link or a code"
        yield Finding(Level.WARNING, about, text, "set SMTP_HOST, SMTP_FROM and AUTH_PUBLIC_URL")
        return
    host = settings.mail.host
    try:
        await mailer.greet()
    except MailFailure as failure:
        text = f"{host} does not admit us: {failure.reason}"
        advice = "see SMTP_HOST, SMTP_PORT, SMTP_SECURITY, SMTP_USERNAME, SMTP_CA_PATH"
        yield Finding(Level.ERROR, about, text, advice)
        return
    text = f"{host} admits us; whether it delivers, `fm-auth mail test ADDRESS` tells"
    yield Finding(Level.OK, about, text)


def _clock(whose: str, ahead: timedelta) -> Finding:
    off = abs(ahead)
    way = "ahead of" if ahead > timedelta(0) else "behind"
    if off < NEARLY_RIGHT:
        return Finding(Level.OK, "clock", f"as that of {whose}")
    level = Level.WARNING if off < LEEWAY else Level.ERROR
    text = f"that of {whose} is {_shown(off)} {way} ours"
    return Finding(level, "clock", text, "keep all clocks right with NTP: tokens live by them")


def _age(core: ConnectedCore, key: SealedKey) -> Finding:
    age = core.clock.now() - (key.activated_at or key.created_at)
    period = core.options.key_rotation_period
    text = f"the {key.use} key ({key.algorithm}) signs for {_shown(age)}"
    if age <= _OVERDUE * period or core.ports.key_generator.is_fixed(key.use):
        return Finding(Level.OK, "keys", text)
    advice = "nobody rotates it: run fm-auth worker, or see its log for task=keys"
    return Finding(Level.WARNING, "keys", f"{text}, and should for {_shown(period)}", advice)


async def _redis_facts(core: ConnectedCore, settings: Settings) -> RedisFacts:
    return await redis_facts(_redis_url(settings), core.clock)


def _redis_url(settings: Settings) -> Secret[str]:
    url = settings.redis.url
    if url is None:
        raise Misconfigured("REDIS_URL is not set")
    return url


def _shown(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.1f} s"
