"""What `fm-auth doctor` makes of a DATABASE_URL with several servers."""

import pytest

from app.doctor.settings import settings_findings
from app.settings import load_settings

SERVERS = {"REDIS_HOST": "redis", "AUTH_MASTER_KEY": "ab" * 31 + "cd"}


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("postgresql://me:a,b@one/auth", False),
        ("postgresql://me@one,two/auth", True),
        ("postgresql://me@one,two/auth?target_session_attrs=any", True),
        ("postgresql://me@one,two/auth?target_session_attrs=primary", False),
        ("postgresql://me@/auth?host=one,two", True),
        ("postgresql://me@/auth?host=one,two&target_session_attrs=read-write", False),
    ],
)
def test_several_servers_of_which_any_will_do_are_warned_of(url: str, *, warned: bool) -> None:
    findings = settings_findings(load_settings({**SERVERS, "DATABASE_URL": url}))

    assert warned == any("several servers" in found.text for found in findings)
