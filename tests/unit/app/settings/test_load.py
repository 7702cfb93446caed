"""The settings read from an environment."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings import FIELDS, SettingsError, describe, load, load_settings
from app.settings.field import later
from tests.unit.app.settings.test_tracing_settings import BAD

KEY = bytes(range(32))
SERVERS = {
    "DATABASE_URL": "postgresql://u:canary-db@db:5432/auth",
    "REDIS_HOST": "cache",
    "AUTH_MASTER_KEY": base64.b64encode(KEY).decode(),
}


def problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    return str(caught.value).split("\n")


def only_problem(**environ: str) -> str:
    (problem,) = problems(**environ)
    return problem


def test_nothing_set_is_the_embedded_development_run():
    """An empty environment starts our own servers in development mode on loopback."""
    loaded = load_settings({})

    assert loaded.embedded
    assert loaded.service.is_development
    assert loaded.service.host == "127.0.0.1"
    assert loaded.service.port == 8000
    assert loaded.service.log_format == "console"
    assert loaded.service.data_dir == Path(".data")
    assert loaded.tokens.access_minutes == 1440
    assert loaded.security.master_key is None
    assert loaded.not_in_effect == ()


def test_configured_servers_default_to_production():
    """Forgetting ENVIRONMENT must not open the password-less routes."""
    loaded = load_settings(SERVERS)

    assert not loaded.embedded
    assert loaded.service.environment == "production"
    assert loaded.service.log_format == "json"
    assert loaded.tokens.access_minutes == 15
    assert loaded.cors.origins == ()
    assert loaded.database.url is not None
    assert loaded.database.url.reveal() == "postgresql+asyncpg://u:canary-db@db:5432/auth"
    assert loaded.redis.url is not None
    assert loaded.redis.url.reveal() == "redis://cache:6379/0"
    assert loaded.security.master_key is not None
    assert loaded.security.master_key.reveal() == KEY


def test_the_tree_is_frozen():
    """Nobody changes a setting after the start."""
    loaded = load_settings({})

    with pytest.raises(AttributeError):
        loaded.service.port = 1  # type: ignore[misc]


def test_empty_values_count_as_not_set():
    """Compose passes every listed name, empty when the shell has none."""
    empty = {name: "" for field in FIELDS for name in field.names}
    empty |= {f"{name}_FILE": "" for field in FIELDS if field.secret for name in field.names}

    assert load_settings(empty) == load_settings({})


def test_all_problems_are_reported_at_once():
    """One start tells all that is wrong, one line each."""
    lines = problems(PORT="0", WORKERS="many", AUTH_DATA_DIRS="x")

    assert lines == [
        "'AUTH_DATA_DIRS' is not a setting; the nearest is AUTH_DATA_DIR",
        "PORT='0' is out of range; allowed: a whole number from 1 to 65535",
        "WORKERS='many' is not a whole number; allowed: a whole number from 1 to 256",
    ]


SENTINEL = {
    "REDIS_MODE": "sentinel",
    "REDIS_SENTINEL_HOSTS": "s1, [::1]:7000,s3:26379",
    "REDIS_MASTER_SET": "fm-auth",
}
MAIL = {
    "SMTP_HOST": "mail.example.com",
    "SMTP_FROM": "FaultMaven <no-reply@example.com>",
    "AUTH_PUBLIC_URL": "https://auth.example.com/",
}
INTEGERS = {
    "PORT": (1, 65535),
    "AUTH_METRICS_PORT": (1, 65535),
    "WORKERS": (1, 256),
    "AUTH_SHUTDOWN_DELAY": (0, 300),
    "SHUTDOWN_TIMEOUT": (5, 600),
    "DB_POOL_SIZE": (1, 1000),
    "DB_MAX_OVERFLOW": (0, 1000),
    "REDIS_PORT": (1, 65535),
    "REDIS_DB": (0, 9999),
    "ACCESS_TOKEN_EXPIRE_MINUTES": (1, 1440),
    "AUTH_PERMISSIONS_CLAIM_BYTES": (0, 4096),
    "JWT_ACCESS_TOKEN_EXPIRY_MINUTES": (1, 1440),
    "REFRESH_TOKEN_EXPIRE_DAYS": (1, 365),
    "JWT_REFRESH_TOKEN_EXPIRY_DAYS": (1, 365),
    "AUTH_SESSION_CACHE_SECONDS": (1, 900),
    "AUTH_KEY_ROTATION_DAYS": (1, 365),
    "AUTH_SESSION_MAX_DAYS": (1, 3650),
    "AUTH_SESSION_RETENTION_DAYS": (1, 3650),
    "AUTH_DELETION_GRACE_DAYS": (0, 365),
    "AUTH_EVENT_RETENTION_DAYS": (1, 3650),
    "AUTH_EVENT_STREAM_LENGTH": (0, 1_000_000_000),
    "AUTH_NATS_STREAM_LENGTH": (1, 1_000_000_000),
    "AUTH_AUDIT_RETENTION_DAYS": (0, 36500),
    "AUTH_WEBHOOK_LOG_DAYS": (1, 3650),
    "RATE_LIMIT_REQUESTS": (1, 1_000_000),
    "RATE_LIMIT_PERIOD": (1, 86_400),
    "AUTH_PROXY_HOPS": (1, 32),
    "AUTH_REFRESH_PARALLEL_SECONDS": (0, 300),
    "SMTP_PORT": (1, 65535),
    "SMTP_TIMEOUT_SECONDS": (1, 300),
    "AUTH_MAIL_RETENTION_DAYS": (3, 365),
    "AUTH_ARGON2_MEMORY_KIB": (8, 1048576),
    "AUTH_ARGON2_TIME_COST": (1, 10),
    "AUTH_ARGON2_PARALLELISM": (1, 16),
    "AUTH_STEP_UP_MINUTES": (1, 1440),
    "AUTH_ORGANIZATION_MAX_OWNED": (1, 100_000),
    "AUTH_ORGANIZATION_MAX_MEMBERS": (1, 1_000_000),
    "AUTH_ORGANIZATION_MAX_TEAMS": (1, 1_000_000),
    "AUTH_ORGANIZATION_MAX_DOMAINS": (0, 1000),
    "AUTH_ORGANIZATION_INVITATION_DAYS": (1, 30),
    "AUTH_ORGANIZATION_DELETION_GRACE_DAYS": (0, 365),
}
NOT_INTEGERS = ["1.0", "1e3", "0x10", "1_0", "٣", "ten", "1 0", "1\x000", "\udcff", "-", "+", "NaN"]


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_take_their_range_and_nothing_else(name):
    """Both ends are in, one beyond is out, other notations are refused."""
    low, high = INTEGERS[name]
    base = {
        **SERVERS,
        "ENVIRONMENT": "production",
        "AUTH_ALLOW_WEAK_HASHES": "true",
        "AUTH_TRUSTED_PROXIES": "10.0.0.1",
        "ENABLE_METRICS": "true",
        "AUTH_SHUTDOWN_DELAY": "0",
        "SHUTDOWN_TIMEOUT": "600",
    }

    for good in (str(low), str(high), f" {high} ", f"0{high}"):
        load_settings({**base, name: good})
    for bad in (str(low - 1), str(high + 1), "-1", "9" * 5000, *NOT_INTEGERS):
        problem = only_problem(**{**base, name: bad})
        assert problem.startswith(f"{name}=")
        assert f"a whole number from {low} to {high}" in problem
        assert len(problem) < 400
        assert problem.isascii()


TEXTS = {
    "ENVIRONMENT": ["prod", "dev elopment", "\udcff"],
    "HOST": ["a b", "h\x00", "http://x", "ü", "x" * 256],
    "LOG_LEVEL": ["loud", "10"],
    "LOG_FORMAT": ["xml"],
    "AUTH_DATA_DIR": ["a\x00b", "\udcff", "x" * 2000],
    "DATABASE_OWNER_URL": ["mysql://u:canary@h/d", "postgresql://u:canary@h"],
    "DATABASE_URL": [
        "sqlite:///canary.db",
        "sqlite+aiosqlite://",
        "mysql://u:canary@h/d",
        "postgresql+psycopg2://u:canary@h/d",
        "postgresql://u:canary@h",
        "postgresql://u:canary@h/",
        "postgresql:///canary",
        "postgresql://u:canary@h:0/d",
        "postgresql://u:canary@h:99999/d",
        "postgresql://u:canary@h:port/d",
        "postgresql://u:canary@h:1,h:port/d",
        "postgresql://u:canary@h:1,/d",
        "postgresql://u:canary,@h:1,h:0/d",
        "postgresql://u:canary@[::1/d",
        "postgresql://u:can#ary@h/d",
        "postgresql://u:canary\x00@h/d",
        "postgresql://u:canary @h/d",
        "postgresql://u:canary\udcff@h/d",
        "postgresql:u:canary@h/d",
        "postgresql://u:1/canary@h/d",
        "host=h password=canary",
        "postgresql://" + "canary" * 1000,
    ],
    "REDIS_URL": ["http://:canary@h", "redis://:canary@", "redis://:canary@h:0", "unix://",
                  "redis://:canary@h/x", "redis://:canary@[x", "canary", "unix:///s?db=canary",
                  "redis+sentinel://:canary@h", "redis+sentinel://:canary@h/x?master=m",
                  "redis+sentinel://:canary@h,h:0/0?master=m", "redis+sentinel://[x?master=canary ",
                  "redis+sentinel://:canary@h/0?master=%20", "redis+sentinel://:canary#@h?master=m",
                  "redis+sentinel://:canary@[h/0?master=m",
                  "redis+sentinel://:" + "canary" * 1000 + "@h?master=m",
                  "redis+cluster://:canary@", "redis+cluster://:canary@h,",
                  "redis+cluster://:canary@h,h:0", "redis+cluster://:canary@h/1",
                  "redis+cluster://:canary@h?db=2", "redis+cluster://:canary#@h",
                  "redis+cluster://:canary@[h", "redis+cluster://:canary@" + ",".join(33 * "h"),
                  "redis+cluster://:" + "canary" * 1000 + "@h"],
    "AUTH_NATS_URL": ["h:4222", "redis://canary@h", "nats://canary@", "nats://canary@h:0",
                      "nats://canary@h/x", "nats://h,h2", "nats://h,", "nats://canary@h?a=b"],
    "AUTH_NATS_STREAM": ["a.b", "a b", "a/b", "x" * 65, "a*", "ä"],
    "REDIS_HOST": ["redis://:canary@h", "a/b"],
    "REDIS_PASSWORD": ["canary\n", "canary\x00", "canary\udcff", "canary" * 500],
    "REDIS_MODE": ["clusters", "ha"],
    "REDIS_SENTINEL_HOSTS": ["a b", "a:0", "a:70000", "a,", "redis://:canary@h", "a,a:26379",
                             "a:1/", ",".join(f"s{number}" for number in range(33))],
    "REDIS_SENTINEL_PASSWORD": ["canary\n", "canary" * 500],
    "REDIS_MASTER_SET": ["a b", "a?b", "x" * 65, "ä"],
    "JWT_ALGORITHM": ["EdDSA", "none", "RS512"],
    "JWT_SECRET_KEY": ["canary\n", "canary\x00", "canary" * 1000],
    "AUTH_ALLOW_HS256": ["yep"],
    "JWT_PRIVATE_KEY_PATH": ["a\x00b", "x" * 2000],
    "JWT_PUBLIC_KEY_PATH": ["a\x00b", "x" * 2000],
    "JWT_ISSUER": ["a b", "ü", "x" * 256],
    "JWT_AUDIENCE": ["a\x00b", "a,\tb"],
    "CORS_ORIGINS": ["https://a.b", "{}", "[1]", '["https://a.b/"]', '["https://a.b/p"]',
                     '["ftp://a"]', '["null"]', '[""]', '["https://u:p@h"]', '["https://h:99999"]',
                     '["https://h:0"]', '["*"]', '["https://*.a.b"]', "[" * 9000, '["a\\ud800"]',
                     '["chrome-extension://a/b"]', "[" + '"https://a",' * 65 + '"https://a"]'],
    "CORS_ALLOW_CREDENTIALS": ["maybe", "2"],
    "ENABLE_REGISTRATION": ["y", "tru"],
    "REGISTRATION_MODE": ["closed-ish", "true"],
    "AUTH_EMAIL_SIGN_IN": ["maybe"],
    "ENABLE_PASSWORD_AUTH": ["nope"],
    "AUTH_ALLOW_NEWER_SCHEMA": ["-1"],
    "AUTH_MIGRATE_ON_START": ["perhaps"],
    "AUTH_SESSION_IP": ["partial"],
    "RATE_LIMIT_ENABLED": ["maybe"],
    "ENABLE_METRICS": ["maybe"],
    "ENABLE_TRACING": ["maybe"],
    "AUTH_METRICS_HOST": ["a b", "http://x"],
    "AUTH_TRUSTED_PROXIES": ["proxy.example.com", "10.0.0.1/8", "10.0.0.0/33", ",", "*"],
    "AUTH_PROXY_HEADER": ["X-Client-IP"],
    "AUTH_EMBEDDED_WORKER": ["sometimes"],
    "AUTH_WEBHOOK_ALLOW_PRIVATE": ["10.0.0.0/8"],
    "DASHBOARD_USERNAME": ["ab", "a\x00bc", "x" * 255],
    "DASHBOARD_PASSWORD": ["canary", "canary-\x00-canary", "canary" * 500],
    "AUTH_PROFILE_CLAIMS_SCHEMA": [
        "text", "[]", "1", "[" * 9000, '{"a": "text"}', '{"a": 1}', '{"A": "string"}',
        '{"a-b": "string"}', '{"": "string"}', json.dumps({f"a{n}": "string" for n in range(33)}),
    ],
    "AUTH_RESOURCES": [
        "text", "[]", "1", "[" * 9000, '{"a": 1}', '{"a": []}', '{"A": ["read"]}',
        '{"a": ["read all"]}', '{"users": ["read"]}',
        json.dumps({f"a{n}": ["read"] for n in range(65)}),
    ],
    "AUTH_ORGANIZATION_CREATION": ["nobody", "yes"],
    "AUTH_ORGANIZATION_DNS_SERVERS": [
        "dns.example", "192.0.2.1,", ",", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:x",
        "192.0.2.1/24", "user@192.0.2.1", "[2001:db8::1", "2001:db8::1:99999", "192.0.2.256",
        "192.0.2.1 192.0.2.2", ",".join(["192.0.2.1"] * 9), "udp://192.0.2.1",
    ],
    "AUTH_CLIENTS": [
        "canary", "{}", "[1]", '["canary"]', "[" * 9000,
        '[{"client_id": "a", "allow": []}]',
        '[{"client_id": "a", "allow": [], "client_secret": "canary"}]',
        '[{"client_id": "a b", "allow": [], "client_secret": "canary-canary-canary-canary-c"}]',
        '[{"client_id": "a", "allow": ["all"], "client_secret": "canary-canary-canary-canary-c"}]',
        '[{"client_id": "a", "allow": [], "client_secret_sha256": "canary"}]',
        '[{"client_id": "a", "allow": [], "secret": "canary-canary-canary-canary-canary"}]',
        '[{"client_id": "a", "allow": [], "client_secret": "canary-canary-canary-canary-canary",'
        ' "client_secret_sha256": "' + "0" * 64 + '"}]',
        "[" + ",".join(
            ['{"client_id": "a", "allow": [], "client_secret": "canary-canary-canary-canary-cana"}']
            * 2
        ) + "]",
    ],
    "AUTH_PUBLIC_URL": [
        "auth.example.com", "ftp://h", "https://", "https://h?a=b", "https://h/?", "https://h#f",
        "https://u:canary@h", "https://h:0", "https://h:99999", "https://h/a b", "https://h\x00",
        "https://[x", "javascript:x", "https://h/" + "x" * 2000,
    ],
    "SMTP_HOST": ["smtp://h", "a b", "h\x00"],
    "SMTP_SECURITY": ["ssl", "off", "starttls,none"],
    "SMTP_CA_PATH": ["a\x00b", "x" * 2000],
    "SMTP_USERNAME": ["a\x00b", "x" * 255],
    "SMTP_PASSWORD": ["canary\n", "canary\x00", "canary" * 500],
    "SMTP_FROM": [
        "nobody", "a@", "@b", "<>", "a@b c", "A <a@b> <c@d>", "a@b, c@d", "A <a@b",
        "A\r\nBcc: b@h <a@b>", "A <a\r\n@b>", "ä@b.example", "A <" + "x" * 600 + "@b>",
    ],
    "AUTH_ALLOW_WEAK_HASHES": ["perhaps"],
    "AUTH_PASSWORD_PEPPER": [
        "canary",
        "a:canary",
        "a:" + "canary" * 7,
        "a_b:" + "canary" * 8,
        "a:" + "A" * 43,
        "a:" + "canary-1" * 6 + ",a:" + "canary-2" * 6,
        "a:" + "canary-1" * 6 + ";b:" + "canary-2" * 6,
    ],
    "AUTH_BREACH_LOOKUP_URL": [
        "somewhere",
        "http://example.com/range/",
        "https://user:canary@example.com/",
        "https://example.com/?q",
        "https://[x",
        "ftp://example.com/",
    ],
    "AUTH_BREACH_LOOKUP_FAILURE": ["perhaps"],
    "AUTH_MASTER_KEY_PREVIOUS": ["canary", "00" * 31, "00" * 32],
    "AUTH_MASTER_KEY": ["canary", "00" * 31, "g" * 64, "A" * 43, "00" * 32, "é" * 43, "A" * 44],
}  # fmt: skip
BAD_TEXTS = [(name, value) for name, values in TEXTS.items() for value in values]


@pytest.mark.sec("SEC-67")
@pytest.mark.parametrize(("name", "bad"), BAD_TEXTS, ids=lambda text: ascii(text)[:40])
def test_a_wrong_value_is_refused_by_name_and_its_secret_is_not_shown(name, bad):
    """The message names the setting and what it takes; a credential in the value stays out."""
    base = {**SERVERS, "DASHBOARD_USERNAME": "admin", "DASHBOARD_PASSWORD": "a long password"}
    base |= {**MAIL, "SMTP_USERNAME": "us", "SMTP_PASSWORD": "a password"}
    base |= {"AUTH_TRUSTED_PROXIES": "10.0.0.1"}
    if name == "AUTH_METRICS_HOST":
        base |= {"ENABLE_METRICS": "true", "AUTH_METRICS_PORT": "9464"}
    if name == "REDIS_URL":
        del base["REDIS_HOST"]
    if name in SENTINEL or name == "REDIS_SENTINEL_PASSWORD":
        del base["REDIS_HOST"]
        base |= SENTINEL

    problem = only_problem(**{**base, name: bad})

    assert problem.startswith(name)
    assert "canary" not in problem
    assert "\n" not in problem
    assert len(problem) < 600


HS256 = {"JWT_ALGORITHM": "HS256", "JWT_SECRET_KEY": "s" * 32}


def test_hs256_needs_a_long_secret_and_leave_outside_development():
    base = {**SERVERS, "ENVIRONMENT": "production"}

    assert "AUTH_ALLOW_HS256" in only_problem(**base, **HS256)
    assert "32 bytes" in only_problem(**SERVERS, ENVIRONMENT="development", JWT_ALGORITHM="HS256")
    short = {**HS256, "JWT_SECRET_KEY": "canary" * 5, "AUTH_ALLOW_HS256": "true"}
    problem = only_problem(**base, **short)
    assert "32 bytes" in problem
    assert "canary" not in problem
    both = {**HS256, "AUTH_ALLOW_HS256": "true", "JWT_PRIVATE_KEY_PATH": "/k"}
    assert "exclude each other" in only_problem(**base, **both)
    assert "HS256" == load_settings({**base, **HS256, "AUTH_ALLOW_HS256": "true"}).tokens.algorithm
    assert load_settings({**SERVERS, **HS256, "ENVIRONMENT": "development"})


def test_a_short_secret_of_a_deployment_that_does_not_use_it_is_no_problem():
    assert load_settings({**SERVERS, "JWT_SECRET_KEY": "short"})


@pytest.mark.parametrize(
    ("memory", "passes"), [(47103, 1), (19455, 2), (12287, 3), (9215, 4), (7167, 5), (7167, 10)]
)
def test_a_hash_below_the_minimum_of_owasp_needs_leave_outside_development(memory, passes):
    cost = {"AUTH_ARGON2_MEMORY_KIB": str(memory), "AUTH_ARGON2_TIME_COST": str(passes)}
    enough = {**cost, "AUTH_ARGON2_MEMORY_KIB": str(memory + 1)}

    assert "AUTH_ALLOW_WEAK_HASHES" in only_problem(**SERVERS, **cost)
    assert load_settings({**SERVERS, **enough}).passwords.memory_kib == memory + 1
    for leave in ({"ENVIRONMENT": "development"}, {"AUTH_ALLOW_WEAK_HASHES": "true"}):
        assert memory == load_settings({**SERVERS, **cost, **leave}).passwords.memory_kib


def test_each_lane_of_a_hash_needs_its_memory():
    lanes = {"AUTH_ARGON2_MEMORY_KIB": "8", "AUTH_ARGON2_PARALLELISM": "2"}

    problem = only_problem(**SERVERS, **lanes, ENVIRONMENT="development")
    assert "AUTH_ARGON2_PARALLELISM" in problem


@pytest.mark.sec("SEC-10")
def test_pepper_keys_keep_their_order_and_hide_themselves():
    pepper = "2026-11:" + "Y2FuYXJ5" * 6 + "\n2025-01:" + "b2xkIG9uZQ" * 5

    loaded = load_settings({**SERVERS, "AUTH_PASSWORD_PEPPER": pepper})

    assert loaded.passwords.pepper is not None
    assert ["2026-11", "2025-01"] == [kid for kid, _ in loaded.passwords.pepper]
    assert b"canary" * 6 == loaded.passwords.pepper[0][1].reveal()
    shown = {name: value for name, value, _ in describe(loaded)}
    assert "2026-11:***, 2025-01:***" == shown["AUTH_PASSWORD_PEPPER"]
    assert "canary" not in repr(loaded)


@pytest.mark.sec("SEC-06")
def test_whoever_looks_passwords_up_says_what_happens_without_an_answer():
    url = {"AUTH_BREACH_LOOKUP_URL": "https://api.example.com/range/"}

    assert "set both or none" in only_problem(**SERVERS, **url)
    assert "set both or none" in only_problem(**SERVERS, AUTH_BREACH_LOOKUP_FAILURE="open")
    loaded = load_settings({**SERVERS, **url, "AUTH_BREACH_LOOKUP_FAILURE": "closed"})
    assert "closed" == loaded.passwords.breach_failure


def test_a_public_key_needs_its_private_one():
    assert "set both" in only_problem(**SERVERS, JWT_PUBLIC_KEY_PATH="/k.pub")


def test_every_setting_has_bad_values_in_these_tests():
    """A new setting comes with a test of what it refuses."""
    tested = INTEGERS.keys() | TEXTS.keys() | BAD.keys()
    assert {field.name for field in FIELDS if field.in_effect} <= tested


@pytest.mark.sec("SEC-67")
def test_no_secret_in_repr_or_description():
    """Secrets, and passwords inside URLs, are masked wherever settings are shown."""
    loaded = load_settings(
        SERVERS
        | {
            "DATABASE_URL": "postgres://u:canary%2F@db/auth?password=canary",
            "REDIS_PASSWORD": "canary-redis",
            "DASHBOARD_USERNAME": "admin",
            "DASHBOARD_PASSWORD": "canary-dash",
        }
    )
    shown = repr(loaded) + repr(describe(loaded))

    assert "canary" not in shown
    assert SERVERS["AUTH_MASTER_KEY"] not in shown
    assert ("REDIS_PASSWORD", "***", "env") in describe(loaded)
    assert ("REDIS_HOST", "cache", "env") in describe(loaded)
    assert ("PORT", "8000", "default") in describe(loaded)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("postgres://h/d", "postgresql+asyncpg://h/d"),
        ("postgresql+asyncpg://u:p%40@[::1]:5/d", "postgresql+asyncpg://u:p%40@[::1]:5/d"),
        ("POSTGRESQL://h/d", "postgresql+asyncpg://h/d"),
        ("postgresql:///d?host=/run/pg", "postgresql+asyncpg:///d?host=/run/pg"),
        ("postgres://u:a,b@h:1,[::1]:2,i/d", "postgresql+asyncpg://u:a,b@h:1,[::1]:2,i/d"),
    ],
)
def test_database_urls_are_normalised(given, expected):
    """All spellings of a PostgreSQL URL end as the one that the engine takes."""
    url = load_settings({**SERVERS, "DATABASE_URL": given}).database.url

    assert url is not None
    assert url.reveal() == expected


def test_redis_url_and_parts_say_the_same():
    """The parts are filled in from the URL, and the URL from the parts."""
    servers = {name: SERVERS[name] for name in ("DATABASE_URL", "AUTH_MASTER_KEY")}
    by_url = load_settings({**servers, "REDIS_URL": "redis://:p%2Fw@c:7000/3"}).redis
    by_parts = load_settings(
        servers
        | {"REDIS_HOST": "c", "REDIS_PORT": "7000", "REDIS_DB": "3", "REDIS_PASSWORD": "p/w"}
    ).redis

    assert by_url == by_parts
    assert by_url.password is not None
    assert by_url.password.reveal() == "p/w"


def test_sentinels_in_a_url_and_by_themselves_say_the_same():
    """And both lead to the same URL, which the adapters get."""
    servers = {name: SERVERS[name] for name in ("DATABASE_URL", "AUTH_MASTER_KEY")}
    by_parts = load_settings(
        servers
        | {**SENTINEL, "REDIS_PASSWORD": "p/w", "REDIS_SENTINEL_PASSWORD": "s&p", "REDIS_DB": "3"}
        | {"REDIS_PORT": "6379"}
    ).redis
    assert by_parts.url is not None
    by_url = load_settings({**servers, "REDIS_URL": by_parts.url.reveal()}).redis

    assert by_url == by_parts
    assert by_parts.mode == "sentinel"
    assert by_parts.sentinel_hosts == ("s1:26379", "[::1]:7000", "s3:26379")
    assert by_parts.master_set == "fm-auth"
    assert by_parts.port is None
    assert by_parts.url.reveal() == (
        "redis+sentinel://:p%2Fw@s1:26379,[::1]:7000,s3:26379/3"
        "?master=fm-auth&sentinel_password=s%26p"
    )


def test_a_cluster_in_a_url_and_by_itself_say_the_same():
    """And all lead to the same URL, which the adapters get."""
    servers = {name: SERVERS[name] for name in ("DATABASE_URL", "AUTH_MASTER_KEY")}
    by_parts, by_url, by_scheme = [
        load_settings({**servers, **said}).redis
        for said in (
            {"REDIS_MODE": "cluster", "REDIS_HOST": "n1", "REDIS_PORT": "7000"}
            | {"REDIS_PASSWORD": "p/w"},
            {"REDIS_MODE": "cluster", "REDIS_URL": "redis://:p%2Fw@n1:7000/0"},
            {"REDIS_URL": "redis+cluster://:p%2Fw@n1:7000/0"},
        )
    ]

    assert by_parts == by_url == by_scheme
    assert by_parts.mode == "cluster"
    assert by_parts.url is not None
    assert by_parts.url.reveal() == "redis+cluster://:p%2Fw@n1:7000/0"
    several = load_settings({**servers, "REDIS_URL": "REDISS+cluster://:p@n1,[::1]:7001"}).redis
    assert several.url is not None
    assert several.url.reveal() == "rediss+cluster://:p@n1,[::1]:7001"
    assert (several.host, several.port, several.mode) == ("n1", 6379, "cluster")


def test_what_a_url_of_sentinels_says_is_not_shown_if_it_may_be_secret():
    """Its query has a password of its own."""
    url = "rediss+sentinel://:canary@s1,s2/0?master=m&sentinel_password=canary"
    servers = {name: SERVERS[name] for name in ("DATABASE_URL", "AUTH_MASTER_KEY")}
    shown = {
        name: value for name, value, _ in describe(load_settings({**servers, "REDIS_URL": url}))
    }

    assert shown["REDIS_URL"] == "rediss+sentinel://***@s1,s2/0?***"
    assert shown["REDIS_SENTINEL_PASSWORD"] == "***"
    assert "canary" not in str(shown).replace("canary-db", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"REDIS_MODE": "sentinel"} | dict(list(SENTINEL.items())[1:]),
            "REDIS_HOST and REDIS_MODE=sentinel",
        ),
        ({**SENTINEL, "REDIS_HOST": "", "REDIS_MASTER_SET": ""}, "needs REDIS_MASTER_SET"),
        (
            {
                **SENTINEL,
                "REDIS_HOST": "",
                "REDIS_SENTINEL_HOSTS": "",
                "DATABASE_URL": "",
                "AUTH_MASTER_KEY": "",
            },
            "needs REDIS_SENTINEL_HOSTS",
        ),
        (
            {**SENTINEL, "REDIS_MODE": "standalone"},
            "REDIS_SENTINEL_HOSTS is set but REDIS_MODE is not",
        ),
        ({"REDIS_SENTINEL_PASSWORD": "x"}, "REDIS_SENTINEL_PASSWORD is set but REDIS_MODE is not"),
        (
            {"REDIS_HOST": "", "REDIS_URL": "redis://h", "REDIS_MODE": "sentinel"},
            "REDIS_MODE and REDIS_URL are both set and differ",
        ),
        (
            {"REDIS_HOST": "", "REDIS_URL": "redis+sentinel://h?master=m", "REDIS_MASTER_SET": "n"},
            "REDIS_MASTER_SET and REDIS_URL are both set and differ",
        ),
        (
            {"REDIS_HOST": "", "REDIS_URL": "redis+cluster://h", "REDIS_MODE": "sentinel"},
            "REDIS_MODE and REDIS_URL are both set and differ",
        ),
        (
            {"REDIS_HOST": "", "REDIS_URL": "unix:///s", "REDIS_MODE": "cluster"},
            "REDIS_MODE and REDIS_URL are both set and differ",
        ),
        ({"REDIS_MODE": "cluster", "REDIS_DB": "1"}, "has one database only"),
        (
            {"REDIS_HOST": "", "REDIS_URL": "redis://h/2", "REDIS_MODE": "cluster"},
            "has one database only",
        ),
        ({"DATABASE_URL": ""}, "REDIS_HOST is set but DATABASE_URL is not"),
        (
            {
                "DATABASE_URL": "",
                "REDIS_HOST": "",
                "DATABASE_OWNER_URL": "postgresql://o:p@db/auth",
            },
            "DATABASE_OWNER_URL is set but DATABASE_URL is not",
        ),
        ({"REDIS_HOST": ""}, "DATABASE_URL is set but neither REDIS_URL nor REDIS_HOST is"),
        ({"AUTH_MASTER_KEY": ""}, "AUTH_MASTER_KEY (or AUTH_MASTER_KEY_FILE) is required"),
        ({"REDIS_URL": "redis://other"}, "REDIS_HOST and REDIS_URL are both set and differ"),
        ({"DASHBOARD_USERNAME": "admin"}, "DASHBOARD_PASSWORD is not: set both or none"),
        ({"DASHBOARD_PASSWORD": "long enough"}, "DASHBOARD_USERNAME is not: set both or none"),
        (
            {"DASHBOARD_USERNAME": "admin", "DASHBOARD_PASSWORD": "changeme-please"},
            "DASHBOARD_PASSWORD is the documented example",
        ),
        (
            {"ACCESS_TOKEN_EXPIRE_MINUTES": "5", "JWT_ACCESS_TOKEN_EXPIRY_MINUTES": "6"},
            "ACCESS_TOKEN_EXPIRE_MINUTES and JWT_ACCESS_TOKEN_EXPIRY_MINUTES are both set",
        ),
        ({"REDIS_PORT": "tcp://10.0.0.1:6379"}, "Kubernetes"),
        ({"SMTP_USERNAME": "a"}, "SMTP_USERNAME is set but SMTP_PASSWORD is not"),
        ({"SMTP_PASSWORD": "a"}, "SMTP_PASSWORD is set but SMTP_USERNAME is not"),
        ({**MAIL, "SMTP_FROM": ""}, "SMTP_HOST is set but SMTP_FROM is not"),
        ({**MAIL, "AUTH_PUBLIC_URL": ""}, "SMTP_HOST is set but AUTH_PUBLIC_URL is not"),
        (
            {**MAIL, "SMTP_SECURITY": "none", "SMTP_USERNAME": "a", "SMTP_PASSWORD": "canary"},
            "SMTP_SECURITY=none would send SMTP_PASSWORD unencrypted",
        ),
        ({"DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "0"}, "webhooks needs two connections"),
    ],
)
def test_settings_that_do_not_go_together(change, message):
    """Each contradiction has one message that says what to change."""
    assert message in only_problem(**{**SERVERS, **change})


def test_a_mail_server_is_named_with_its_sender_and_the_place_of_the_links():
    """The slash at the end goes: paths begin with one."""
    loaded = load_settings({**SERVERS, **MAIL})

    assert loaded.mail.host == "mail.example.com"
    assert (loaded.mail.security, loaded.mail.port) == ("starttls", None)
    assert loaded.public_url == "https://auth.example.com"
    assert loaded.mail.sender is not None
    assert str(loaded.mail.sender) == "FaultMaven <no-reply@example.com>"


@pytest.mark.parametrize(
    ("text", "name"),
    [("a@b.example", ""), ("<a@b.example>", ""), ('"Us, Inc." <a@b.example>', "Us, Inc."),
     ("Zoë's Dienst <a@b.example>", "Zoë's Dienst")],
)  # fmt: skip
def test_a_sender_is_an_address_alone_or_behind_a_name(text, name):
    """Quotes around the name are taken off."""
    sender = load_settings({**SERVERS, "SMTP_FROM": text}).mail.sender

    assert sender is not None
    assert (name, "a@b.example") == (sender.name, sender.address)


def test_links_lead_to_this_machine_in_development_only():
    """Elsewhere nobody guesses."""
    assert load_settings({"PORT": "8123"}).public_url == "http://127.0.0.1:8123"
    assert load_settings(SERVERS).public_url is None


def test_redis_parts_without_a_host_are_refused():
    """A password for a server that nobody named has no effect, so it is a mistake."""
    assert "REDIS_PASSWORD is set but neither" in only_problem(REDIS_PASSWORD="secret")


def test_contradictions_that_agree_are_taken():
    """Both spellings with one value, and a URL repeated by its parts, are fine."""
    loaded = load_settings(
        SERVERS
        | {
            "REDIS_URL": "redis://cache",
            "REDIS_PORT": "6379",
            "ACCESS_TOKEN_EXPIRE_MINUTES": "30",
            "JWT_ACCESS_TOKEN_EXPIRY_MINUTES": "30",
        }
    )

    assert loaded.tokens.access_minutes == 30


def test_the_example_password_works_in_development():
    """The documented example may be tried out, only there."""
    loaded = load_settings({"DASHBOARD_USERNAME": "admin", "DASHBOARD_PASSWORD": "changeme-please"})

    assert loaded.registration.admin_username == "admin"


def test_cors_star_needs_credentials_off():
    """The star is allowed once no credentials can follow it."""
    loaded = load_settings({"CORS_ORIGINS": '["*"]', "CORS_ALLOW_CREDENTIALS": "false"})

    assert loaded.cors.origins == ("*",)


def test_origins_are_lower_cased_and_listed_once():
    """As browsers send them."""
    listed = '["HTTPS://App.Example.com", "https://app.example.com", "moz-extension://*"]'

    assert load_settings({"CORS_ORIGINS": listed}).cors.origins == (
        "https://app.example.com",
        "moz-extension://*",
    )


def test_names_without_effect_are_listed(monkeypatch):
    """Start-up can warn about each by name."""
    monkeypatch.setattr(load, "FIELDS", (*FIELDS, later("OF_A_LATER_VERSION", "Nothing yet")))

    assert load_settings({"OF_A_LATER_VERSION": "x"}).not_in_effect == ("OF_A_LATER_VERSION",)


def test_requests_are_limited_unless_in_development():
    """The flood of a developer's own tools is no attack."""
    assert not load_settings({}).limits.enabled
    assert load_settings({"RATE_LIMIT_ENABLED": "true"}).limits.enabled
    limits = load_settings({**SERVERS, "RATE_LIMIT_REQUESTS": "7", "RATE_LIMIT_PERIOD": "9"}).limits

    assert (limits.enabled, limits.requests, limits.period) == (True, 7, 9)


def test_trusted_proxies_are_networks_each_listed_once():
    """In the form in which they are compared."""
    listed = "10.0.0.0/8, 2001:DB8::/32,192.0.2.7 ,UNIX,10.0.0.0/8"

    assert load_settings({"AUTH_TRUSTED_PROXIES": listed}).proxies.trusted == (
        "10.0.0.0/8",
        "2001:db8::/32",
        "192.0.2.7/32",
        "unix",
    )
    assert load_settings({}).proxies.trusted is None


@pytest.mark.sec("SEC-14")
@pytest.mark.parametrize("listed", ["*", "0.0.0.0/0", "10.0.0.0/8,::/0"])
def test_a_list_that_trusts_everybody_or_nobody_known_is_refused(listed):
    """A proxy is an address, and not all of them."""
    assert only_problem(AUTH_TRUSTED_PROXIES=listed).startswith("AUTH_TRUSTED_PROXIES=")


@pytest.mark.parametrize("alone", [{"AUTH_PROXY_HOPS": "1"}, {"AUTH_PROXY_HEADER": "forwarded"}])
def test_how_proxies_speak_needs_proxies(alone):
    """A setting without effect is a mistake."""
    (name,) = alone

    assert only_problem(**alone) == (
        f"{name} is set but AUTH_TRUSTED_PROXIES is not: it would have no effect"
    )


@pytest.mark.parametrize(
    ("delay", "timeout"), [("5", "9"), ("21", "25"), ("0", "5"), ("20", "25"), ("300", "305")]
)
def test_a_stop_leaves_time_for_what_is_under_way(delay, timeout):
    given = {"AUTH_SHUTDOWN_DELAY": delay, "SHUTDOWN_TIMEOUT": timeout}
    if int(timeout) - int(delay) < 5:
        assert "SHUTDOWN_TIMEOUT must be at least 5 s more" in only_problem(**given)
    else:
        load_settings(given)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"AUTH_METRICS_PORT": "9464"}, "ENABLE_METRICS is not true"),
        ({"AUTH_METRICS_HOST": "::1", "ENABLE_METRICS": "1"}, "AUTH_METRICS_PORT is not"),
        ({"AUTH_METRICS_PORT": "8000", "ENABLE_METRICS": "1"}, "is PORT, too"),
    ],
)
def test_metrics_have_all_that_they_need(given, problem):
    """What looks as if it watched, and does not, is a mistake."""
    assert problem in only_problem(**given)


@pytest.mark.parametrize(
    "encoded",
    [
        KEY.hex(),
        KEY.hex().upper(),
        base64.b64encode(KEY).decode(),
        base64.urlsafe_b64encode(b"\xfb" * 31 + b"\x00").decode().rstrip("="),
    ],
)
def test_master_key_encodings(encoded):
    """Hexadecimal, base64 and base64url, padded or not."""
    key = load_settings({"AUTH_MASTER_KEY": encoded}).security.master_key

    assert key is not None
    assert len(key.reveal()) == 32


class TestFiles:
    def test_a_secret_comes_from_a_file_without_its_last_newline(self, tmp_path):
        """Only the newline that editors add is dropped from a password."""
        file = tmp_path / "password"
        file.write_bytes(b" long password \r\n")
        loaded = load_settings(
            {"DASHBOARD_USERNAME": "admin", "DASHBOARD_PASSWORD_FILE": str(file)}
        )

        assert loaded.registration.admin_password is not None
        assert loaded.registration.admin_password.reveal() == " long password "
        assert ("DASHBOARD_PASSWORD", "file") in loaded.sources

    @pytest.mark.parametrize("name", [field.name for field in FIELDS if field.secret])
    def test_every_secret_has_a_file_variant(self, name, tmp_path):
        """A missing file is reported under the name that pointed to it."""
        assert any(
            line.startswith(f"{name}_FILE=") and "does not exist" in line
            for line in problems(**{f"{name}_FILE": str(tmp_path / "missing")})
        )

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "is empty"),
            (b"\n", "is empty"),
            (b"\xff", "is not valid UTF-8"),
            (b"x" * 70000, "is larger than"),
        ],
    )
    def test_bad_files(self, content, message, tmp_path):
        """Each kind of bad file has its own message."""
        file = tmp_path / "key"
        file.write_bytes(content)

        assert message in only_problem(AUTH_MASTER_KEY_FILE=str(file))

    @pytest.mark.sec("SEC-67")
    def test_a_bad_value_in_a_file_is_not_shown(self, tmp_path):
        """The message names the variable, not the content."""
        file = tmp_path / "key"
        file.write_text("canary")
        problem = only_problem(AUTH_MASTER_KEY_FILE=str(file))

        assert problem.startswith("AUTH_MASTER_KEY_FILE='***'")
        assert "canary" not in problem

    def test_folders_pipes_and_impossible_paths(self, tmp_path):
        """None of them blocks or crashes the start."""
        os.mkfifo(tmp_path / "pipe")

        for path in (tmp_path, tmp_path / "pipe", "/dev/zero"):
            assert "is not a regular file" in only_problem(AUTH_MASTER_KEY_FILE=str(path))
        for path in ("a\x00b", "x" * 5000):
            assert only_problem(AUTH_MASTER_KEY_FILE=path).startswith("AUTH_MASTER_KEY_FILE=")

    def test_value_and_file_together_are_refused(self, tmp_path):
        """Also when they agree: one of them will be forgotten."""
        file = tmp_path / "key"
        file.write_text(KEY.hex())

        assert "are both set: keep one" in only_problem(
            AUTH_MASTER_KEY=KEY.hex(), AUTH_MASTER_KEY_FILE=str(file)
        )


class TestUnknownNames:
    @pytest.mark.parametrize(
        ("name", "nearest"),
        [
            ("AUTH_MASTERKEY", "AUTH_MASTER_KEY"),
            ("AUTH_SESSION_CACHE_SECOND", "AUTH_SESSION_CACHE_SECONDS"),
            ("AUTH_MASTER_KEY_FILES", "AUTH_MASTER_KEY_FILE"),
            ("AUTH_PORT", "PORT"),
            ("AUTH_DATA_DIR_FILE", "AUTH_DATA_DIR"),
        ],
    )
    def test_the_nearest_known_name_is_offered(self, name, nearest):
        """A typo stops the start and says what was probably meant; the value stays out."""
        problem = only_problem(**{name: "canary"})

        assert problem == f"'{name}' is not a setting; the nearest is {nearest}"

    def test_kubernetes_service_links_are_left_alone(self):
        """A service called "auth" puts such names into every pod of its namespace."""
        settings = load_settings(
            {
                "AUTH_SERVICE_HOST": "10.0.0.1",
                "AUTH_SERVICE_PORT": "8000",
                "AUTH_SERVICE_PORT_HTTP": "8000",
                "AUTH_PORT": "tcp://10.0.0.1:8000",
                "AUTH_PORT_8000_TCP": "tcp://10.0.0.1:8000",
                "AUTH_PORT_8000_TCP_PROTO": "tcp",
                "AUTH_PORT_8000_TCP_PORT": "8000",
                "AUTH_PORT_8000_TCP_ADDR": "10.0.0.1",
            }
        )

        assert settings == load_settings({})

    def test_hostile_names(self):
        """An endless or unprintable name gives a short, printable message."""
        for name in ("AUTH_" + "X" * 5000, "AUTH_\udcff\x1b[2J", "AUTH_"):
            problem = only_problem(**{name: "x"})
            assert problem.isascii()
            assert problem.isprintable()
            assert len(problem) < 300

    def test_other_peoples_names_are_ignored(self):
        """Only our prefix is ours."""
        others = {"PATH": "/bin", "PORT_FILE": "/x", "XAUTH_X": "1", "auth_x": "1"}

        assert load_settings(others) == load_settings({})


@given(
    st.dictionaries(
        st.sampled_from([field.name for field in FIELDS] + ["AUTH_X", "DATABASE_URL_FILE"]),
        st.text(max_size=60) | st.text(max_size=40).map("redis://{}".format),
        max_size=6,
    )
)
def test_any_environment_gives_settings_or_a_settings_error(environ):
    """No value whatever makes the start crash in another way, or shows an unprintable."""
    try:
        loaded = load_settings(environ)
    except SettingsError as error:
        assert all(problem.isprintable() for problem in error.problems)  # noqa: PT017
    else:
        assert all(cell.isprintable() for row in describe(loaded) for cell in row)


def test_importing_the_settings_loads_nothing_heavy():
    """The command line imports them before it prints its help."""
    code = (
        "import sys, app.settings;"
        "heavy = {'litestar', 'structlog', 'sqlalchemy', 'asyncpg', 'redis', 'joserfc'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[4]

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=root)

    assert b"[]\n" == run.stdout


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("192.0.2.53", ["192.0.2.53:53"]),
        ("192.0.2.53, 192.0.2.54:5353", ["192.0.2.53:53", "192.0.2.54:5353"]),
        ("2001:db8::53", ["[2001:db8::53]:53"]),
        ("[2001:DB8::53]:5353", ["[2001:db8::53]:5353"]),
    ],
)
def test_name_servers_are_addresses_with_a_port(text, shown):
    settings = load_settings({"AUTH_ORGANIZATION_DNS_SERVERS": text})

    assert shown == [str(each) for each in settings.organizations.dns_servers]
    told = {name: value for name, value, _ in describe(settings)}
    assert ", ".join(shown) == told["AUTH_ORGANIZATION_DNS_SERVERS"]
