"""The same workers as for the API's tests."""

from tests.api.conftest import (
    client,
    database,
    environ,
    new_name,
    people,
    production,
    second_worker,
    worker,
)

__all__ = [
    "client",
    "database",
    "environ",
    "new_name",
    "people",
    "production",
    "second_worker",
    "worker",
]
