"""What `fm-auth doctor` says about sentinels."""

from typing import Any

import pytest

from adapters.redis.sentinel_diagnosis import SentinelFacts
from app.doctor.finding import Level
from app.doctor.sentinels import sentinel_findings

WELL: dict[str, Any] = {"primary": "p:6379", "listed": 3, "known": 3, "replicas": 2, "strays": {}}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, [(Level.OK, "3 of 3 name p:6379, with 2 replicas")]),
        (
            {"strays": {"s3:1": "it cannot be reached"}},
            [
                (Level.OK, "2 of 3 name p:6379, with 2 replicas"),
                (Level.WARNING, "s3:1: it cannot be reached"),
            ],
        ),
        (
            {"primary": None, "replicas": 0, "strays": {"s1:1": "it names p:6379"}},
            [
                (Level.ERROR, "no majority of 3 names a primary: Redis is not used"),
                (Level.WARNING, "s1:1: it names p:6379"),
            ],
        ),
        (
            {"known": 4, "replicas": 0},
            [
                (Level.OK, "3 of 3 name p:6379, with 0 replicas"),
                (Level.WARNING, "they know 4 sentinels, and 3 are listed"),
                (Level.WARNING, "there is no replica: nobody can take over"),
            ],
        ),
    ],
)
def test_what_is_said(change, expected):
    found = list(sentinel_findings(SentinelFacts(**(WELL | change))))

    assert [(each.level, each.text) for each in found] == expected
    assert all(each.advice for each in found if each.level is not Level.OK)
