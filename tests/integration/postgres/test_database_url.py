"""Reading DATABASE_URL. No server is needed here."""

import pytest

from adapters.postgres import InvalidDatabaseUrl
from adapters.postgres.url import dsn, dsns, location
from auth_core.kernel import Secret


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_every_common_scheme_is_taken(scheme: str) -> None:
    url = Secret(f"{scheme}://me:pass%2Fword@db.internal:6432/auth?sslmode=require")

    assert "postgresql://me:pass%2Fword@db.internal:6432/auth?sslmode=require" == dsn(url)
    assert "db.internal:6432/auth" == location(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me@/auth?host=/run/postgresql&port=5433", "/run/postgresql/auth"),
        ("postgresql://me@/auth?host=db&port=6432", "db:6432/auth"),
        ("postgresql://db/auth", "db:5432/auth"),
        ("postgresql://", "localhost:5432/the default database"),
        ("postgresql://me@[::1]:6432/auth", "::1:6432/auth"),
        ("postgresql://me:a@one:6432,two:6433/auth", "one:6432,two:6433/auth"),
        ("postgresql://me:a@one,two/auth?target_session_attrs=primary", "one:5432,two:5432/auth"),
        ("postgresql://one,[::1]:6433/auth", "one:5432,::1:6433/auth"),
        ("postgresql://me@/auth?host=one,/run/two&port=6432,6433", "one:6432,/run/two/auth"),
        ("postgresql://me@/auth?host=one,two&port=6432", "one:6432,two:6432/auth"),
    ],
)
def test_the_location_names_the_server(url: str, expected: str) -> None:
    assert expected == location(Secret(url))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://me:a,b@one:1,[::1]:2/d?x=y", ["me:a,b@one:1/d?x=y", "me:a,b@[::1]:2/d?x=y"]),
        ("postgresql://one,two/d", ["one/d", "two/d"]),
        ("postgresql+asyncpg://me@one/d", ["me@one/d"]),
        ("postgresql://me@/d?host=one,two&port=1", ["me@/d?host=one,two&port=1"]),
    ],
)
def test_each_of_several_servers_has_a_url(url: str, expected: list[str]) -> None:
    assert [f"postgresql://{rest}" for rest in expected] == dsns(Secret(url))


@pytest.mark.sec("SEC-67")
@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:canary@db/auth",
        "sqlite:///canary.db",
        "canary",
        "",
        "postgresql://me:canary/canary@db:5432/auth",
        "postgresql://me:canary#@db:5432/auth",
        "postgresql://me@db:canary/auth",
        "postgresql://me@db:5432,db:canary/auth",
        "postgresql://me@/auth?host=canary,db&port=1,2,3",
        "postgresql://me:canary@[db/auth",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(InvalidDatabaseUrl) as refused:
        dsn(Secret(url))

    assert "canary" not in str(refused.value)
    assert "DATABASE_URL" in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
