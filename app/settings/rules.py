"""Rules between settings. Each gives a sentence that says what to change."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from app.settings import cluster, sentinel
from app.settings.connect import compose_redis_url, split_redis_url
from app.settings.fields import EXAMPLE_PASSWORD
from app.settings.passwords import lookup_choice, weak_hash
from app.settings.tracing import check_tracing
from auth_core.kernel import Secret

Values = Mapping[str, object]
_REDIS_PARTS = ("REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_PASSWORD")
_OTHER_REDIS_PARTS = (
    "REDIS_MODE",
    "REDIS_SENTINEL_HOSTS",
    "REDIS_MASTER_SET",
    "REDIS_SENTINEL_PASSWORD",
)
SAY_WHERE_REDIS_IS = ("REDIS_URL", "REDIS_HOST", "REDIS_SENTINEL_HOSTS")
_HS256_BYTES = 32
_LEAST_TO_STOP = 5
_MASTER_KEY_MISSING = (
    "AUTH_MASTER_KEY (or AUTH_MASTER_KEY_FILE) is required when DATABASE_URL is set;"
    " `openssl rand -base64 32` makes one"
)
_STAR_WITH_CREDENTIALS = (
    'CORS_ORIGINS has "*" while CORS_ALLOW_CREDENTIALS is true: list the origins,'
    " or set CORS_ALLOW_CREDENTIALS=false"
)
_IN_THE_OPEN = (
    "SMTP_SECURITY=none would send SMTP_PASSWORD unencrypted: use starttls or tls,"
    " or a mail server that needs no password"
)

_TOO_SHORT_TO_STOP = (
    f"SHUTDOWN_TIMEOUT must be at least {_LEAST_TO_STOP} s more than AUTH_SHUTDOWN_DELAY, so that"
    " what is under way can finish"
)

_ONE_CONNECTION = (
    "DB_POOL_SIZE=1 with DB_MAX_OVERFLOW=0 is too few: whoever passes events on to webhooks needs"
    " two connections"
)


def check(values: Values, given: AbstractSet[str]) -> list[str]:
    """Problems between ``values`` (bad ones are missing) of which ``given`` were set."""
    rules: tuple[Callable[[Values, AbstractSet[str]], list[str]], ...] = (
        _both_servers_or_none,
        _redis_parts_need_a_host,
        _redis_url_agrees,
        sentinel.check,
        cluster.check,
        _master_key_present,
        _cors_star_without_credentials,
        _whole_administrator,
        _no_example_password,
        _hs256_on_purpose,
        _public_key_of_a_private_one,
        _whole_mail_server,
        _mail_password_in_the_open,
        lambda values, _: weak_hash(values),
        lambda values, _: lookup_choice(values),
        _proxies_are_listed,
        _metrics_are_on,
        check_tracing,
        _two_connections,
        _time_to_stop,
    )
    return [problem for rule in rules for problem in rule(values, given)]


def redis_parts(values: Values) -> dict[str, object]:
    """REDIS_URL and its parts, each filled in from the other."""
    url = cluster.effective_url(values)
    if url is not None:
        parts = split_redis_url(url)
        secrets = {
            name: Secret(text) if isinstance(text := parts.get(name), str) else None
            for name in ("REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD")
        }
        return {**parts, **secrets, "REDIS_URL": url}
    if values["REDIS_SENTINEL_HOSTS"] is not None:
        return sentinel.compose(values)
    host, port, db = values["REDIS_HOST"], values["REDIS_PORT"], values["REDIS_DB"]
    if not (isinstance(host, str) and isinstance(port, int) and isinstance(db, int)):
        return {}
    url = compose_redis_url(host=host, port=port, db=db, password=_text(values))
    return {"REDIS_URL": cluster.of(url) if values["REDIS_MODE"] == "cluster" else url}


def _text(values: Values) -> str | None:
    password = values["REDIS_PASSWORD"]
    return password.reveal() if isinstance(password, Secret) else None


def _both_servers_or_none(_: Values, given: AbstractSet[str]) -> list[str]:
    database = "DATABASE_URL" in given
    redis = [name for name in SAY_WHERE_REDIS_IS if name in given]
    if database and not redis:
        return ["DATABASE_URL is set but neither REDIS_URL nor REDIS_HOST is: set both or none"]
    if redis and not database:
        return [f"{redis[0]} is set but DATABASE_URL is not: set both or none"]
    if "DATABASE_OWNER_URL" in given and not database:
        return ["DATABASE_OWNER_URL is set but DATABASE_URL is not: set both or none"]
    return []


def _redis_parts_need_a_host(_: Values, given: AbstractSet[str]) -> list[str]:
    if any(name in given for name in SAY_WHERE_REDIS_IS):
        return []
    return [
        f"{name} is set but neither REDIS_HOST nor REDIS_URL is: it would have no effect"
        for name in _REDIS_PARTS
        if name in given
    ]


def _redis_url_agrees(values: Values, given: AbstractSet[str]) -> list[str]:
    url = cluster.effective_url(values)
    if url is None:
        return []
    parts = split_redis_url(url)
    return [
        f"{name} and REDIS_URL are both set and differ: keep one"
        for name in (*_REDIS_PARTS, *_OTHER_REDIS_PARTS)
        if name in given and name in values and _plain(values[name]) != parts[name]
        if (name, parts[name]) != ("REDIS_MASTER_SET", None)  # as `sentinel.check` has it
    ]


def _plain(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else value


def _master_key_present(_: Values, given: AbstractSet[str]) -> list[str]:
    if "DATABASE_URL" in given and "AUTH_MASTER_KEY" not in given:
        return [_MASTER_KEY_MISSING]
    return []


def _cors_star_without_credentials(values: Values, _: AbstractSet[str]) -> list[str]:
    origins = values.get("CORS_ORIGINS")
    if isinstance(origins, tuple) and "*" in origins and values.get("CORS_ALLOW_CREDENTIALS"):
        return [_STAR_WITH_CREDENTIALS]
    return []


def _whole_administrator(_: Values, given: AbstractSet[str]) -> list[str]:
    pair = ("DASHBOARD_USERNAME", "DASHBOARD_PASSWORD")
    present = [name for name in pair if name in given]
    if len(present) != 1:
        return []
    (missing,) = set(pair) - set(present)
    return [f"{present[0]} is set but {missing} is not: set both or none"]


def _no_example_password(values: Values, _: AbstractSet[str]) -> list[str]:
    password = values.get("DASHBOARD_PASSWORD")
    development = values.get("ENVIRONMENT") == "development"
    if isinstance(password, Secret) and password == Secret(EXAMPLE_PASSWORD) and not development:
        return ["DASHBOARD_PASSWORD is the documented example: choose another outside development"]
    return []


def _hs256_on_purpose(values: Values, _: AbstractSet[str]) -> list[str]:
    if values.get("JWT_ALGORITHM") != "HS256":
        return []
    problems = []
    secret = values.get("JWT_SECRET_KEY")
    if not isinstance(secret, Secret) or len(secret.reveal().encode()) < _HS256_BYTES:
        problems.append(
            f"JWT_ALGORITHM=HS256 needs JWT_SECRET_KEY with at least {_HS256_BYTES} bytes;"
            " `openssl rand -base64 48` makes one"
        )
    if values.get("JWT_PRIVATE_KEY_PATH") is not None:
        problems.append("JWT_ALGORITHM=HS256 and JWT_PRIVATE_KEY_PATH exclude each other")
    if values.get("ENVIRONMENT") != "development" and not values.get("AUTH_ALLOW_HS256"):
        problems.append(
            "JWT_ALGORITHM=HS256 is refused outside development, because whoever verifies tokens"
            " could make them: use ES256, or set AUTH_ALLOW_HS256=true"
        )
    return problems


def _public_key_of_a_private_one(values: Values, given: AbstractSet[str]) -> list[str]:
    alone = "JWT_PRIVATE_KEY_PATH" not in given
    if alone and values.get("JWT_PUBLIC_KEY_PATH") is not None:
        return ["JWT_PUBLIC_KEY_PATH is set but JWT_PRIVATE_KEY_PATH is not: set both or none"]
    return []


def _whole_mail_server(values: Values, given: AbstractSet[str]) -> list[str]:
    problems = [
        f"{present} is set but {missing} is not: set both or none"
        for present, missing in (
            ("SMTP_USERNAME", "SMTP_PASSWORD"),
            ("SMTP_PASSWORD", "SMTP_USERNAME"),
        )
        if present in given and missing not in given
    ]
    if "SMTP_HOST" not in given:
        return problems
    if "SMTP_FROM" not in given:
        problems.append("SMTP_HOST is set but SMTP_FROM is not: say who letters are from")
    if "AUTH_PUBLIC_URL" not in given and values.get("ENVIRONMENT") != "development":
        problems.append(
            "SMTP_HOST is set but AUTH_PUBLIC_URL is not: say where the links in letters lead"
        )
    return problems


def _mail_password_in_the_open(values: Values, given: AbstractSet[str]) -> list[str]:
    in_the_open = values.get("SMTP_SECURITY") == "none" and "SMTP_PASSWORD" in given
    if in_the_open and values.get("ENVIRONMENT") != "development":
        return [_IN_THE_OPEN]
    return []


def _proxies_are_listed(_: Values, given: AbstractSet[str]) -> list[str]:
    if "AUTH_TRUSTED_PROXIES" in given:
        return []
    return [
        f"{name} is set but AUTH_TRUSTED_PROXIES is not: it would have no effect"
        for name in ("AUTH_PROXY_HEADER", "AUTH_PROXY_HOPS")
        if name in given
    ]


def _metrics_are_on(values: Values, given: AbstractSet[str]) -> list[str]:
    port = "AUTH_METRICS_PORT"
    if port in given and values.get("ENABLE_METRICS") is False:
        return [f"{port} is set but ENABLE_METRICS is not true: it would have no effect"]
    if "AUTH_METRICS_HOST" in given and port not in given:
        return [f"AUTH_METRICS_HOST is set but {port} is not: it would have no effect"]
    if port in given and values.get(port) is not None and values.get(port) == values.get("PORT"):
        return [f"{port} is PORT, too: choose another one"]
    return []


def _two_connections(values: Values, _: AbstractSet[str]) -> list[str]:
    if (values.get("DB_POOL_SIZE"), values.get("DB_MAX_OVERFLOW")) != (1, 0):
        return []
    return [_ONE_CONNECTION]


def _time_to_stop(values: Values, _: AbstractSet[str]) -> list[str]:
    delay, timeout = values.get("AUTH_SHUTDOWN_DELAY"), values.get("SHUTDOWN_TIMEOUT")
    if not isinstance(delay, int) or not isinstance(timeout, int):
        return []
    return [] if delay + _LEAST_TO_STOP <= timeout else [_TOO_SHORT_TO_STOP]
