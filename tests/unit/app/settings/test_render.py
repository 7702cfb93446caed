"""What people see of the settings is generated from the one table."""

from pathlib import Path

import pytest

from app.settings import FIELDS, render_env_example, render_reference

CONTRACT = [
    "ENVIRONMENT",
    "HOST",
    "PORT",
    "LOG_LEVEL",
    "LOG_FORMAT",
    "REDIS_HOST",
    "REDIS_PORT",
    "REDIS_DB",
    "REDIS_PASSWORD",
    "REDIS_MODE",
    "REDIS_SENTINEL_HOSTS",
    "REDIS_MASTER_SET",
    "REDIS_URL",
    "DATABASE_URL",
    "DB_POOL_SIZE",
    "DB_MAX_OVERFLOW",
    "JWT_ALGORITHM",
    "JWT_SECRET_KEY",
    "JWT_PRIVATE_KEY_PATH",
    "JWT_PUBLIC_KEY_PATH",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "ACCESS_TOKEN_EXPIRE_MINUTES",
    "JWT_ACCESS_TOKEN_EXPIRY_MINUTES",
    "REFRESH_TOKEN_EXPIRE_DAYS",
    "JWT_REFRESH_TOKEN_EXPIRY_DAYS",
    "CORS_ORIGINS",
    "CORS_ALLOW_CREDENTIALS",
    "ENABLE_REGISTRATION",
    "ENABLE_PASSWORD_AUTH",
    "RATE_LIMIT_ENABLED",
    "RATE_LIMIT_REQUESTS",
    "RATE_LIMIT_PERIOD",
    "ENABLE_METRICS",
    "ENABLE_TRACING",
    "DASHBOARD_USERNAME",
    "DASHBOARD_PASSWORD",
]
ROOT = Path(__file__).parents[4]


def test_env_example_is_the_rendering():
    """`.env.example` never drifts: regenerate it with `render_env_example()`."""
    assert render_env_example() == (ROOT / ".env.example").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CONTRACT)
def test_every_name_of_the_contract_is_known_and_documented(name):
    """Names that deployments already set (contract section 4)."""
    assert name in {known for field in FIELDS for known in field.names}
    assert name in render_env_example()
    assert f"`{name}`" in render_reference()


def test_defaults_and_examples_are_values_that_the_setting_takes():
    """Whoever uncomments a line of `.env.example` gets a start, not an error."""
    for field in FIELDS:
        for text in (field.default, field.development, field.example):
            if text:
                assert field.kind.parse(text) is not None, field.name


def test_names_are_unique_and_secrets_are_marked():
    """No name means two things, and what looks like a secret is one."""
    names = [name for field in FIELDS for name in field.names]

    assert len(names) == len(set(names))
    assert {
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "REDIS_URL",
        "REDIS_PASSWORD",
        "REDIS_SENTINEL_PASSWORD",
        "JWT_SECRET_KEY",
        "DASHBOARD_PASSWORD",
        "AUTH_CLIENTS",
        "AUTH_MASTER_KEY",
        "AUTH_MASTER_KEY_PREVIOUS",
        "SMTP_PASSWORD",
        "AUTH_PASSWORD_PEPPER",
        "AUTH_NATS_URL",
        "OTEL_EXPORTER_OTLP_HEADERS",
    } == {field.name for field in FIELDS if field.secret}


def test_the_page_has_one_row_per_setting_and_no_broken_cell():
    """Four columns in every row."""
    lines = render_reference().splitlines()
    rows = [line for line in lines if line.startswith("| `")]

    assert len(rows) == len(FIELDS)
    assert {row.count("|") for row in rows} == {5}
