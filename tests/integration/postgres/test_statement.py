"""Statements compiled once. No server is needed here."""

import pytest
from sqlalchemy import bindparam, insert, select, update

from adapters.postgres.statement import Statement, combined
from adapters.postgres.tables import sessions, users

FIND = Statement(
    select(users.c.id)
    .where(users.c.created_at > bindparam("moment"), users.c.updated_at > bindparam("moment"))
    .where(users.c.username == bindparam("name"))
)
LOGIN = Statement(
    update(users).where(users.c.id == bindparam("user_id")).values(last_login_at=bindparam("at"))
)
ADD = Statement(insert(sessions))


def test_arguments_stand_where_their_numbers_say() -> None:
    assert ("moment", "name") == FIND.names
    assert FIND.sql.index("users.created_at > $1") < FIND.sql.index("users.updated_at > $1")
    assert "users.username = $2" in FIND.sql
    assert ["then", "me"] == FIND.arguments({"name": "me", "moment": "then"})


def test_an_insert_takes_every_column_in_order() -> None:
    assert tuple(column.name for column in sessions.columns) == ADD.names


def test_writes_are_told_from_reads() -> None:
    assert (False, True, True) == (FIND.writes, LOGIN.writes, ADD.writes)
    assert (None, users, sessions) == (FIND.table, LOGIN.table, ADD.table)


@pytest.mark.parametrize("values", [{"name": "me"}, {"name": "me", "moment": 1, "stray": 2}])
def test_missing_and_stray_parameters_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="expected the parameters"):
        FIND.arguments(values)


def test_a_parameter_of_another_name_is_refused() -> None:
    with pytest.raises(KeyError):
        FIND.arguments({"name": "me", "time": 1})


def test_a_constant_is_refused() -> None:
    with pytest.raises(TypeError, match="username_1"):
        Statement(select(users.c.id).where(users.c.username == "me"))


def test_combined_writes_are_one_statement_with_the_arguments_of_all() -> None:
    both = combined([LOGIN, ADD])

    assert both.startswith("WITH write_1 AS (INSERT INTO sessions")
    assert both.endswith(f") {LOGIN.sql}")
    assert "$3::UUID" in both
    assert f"${len(LOGIN.names) + len(ADD.names)}::" in both
    assert both is combined([LOGIN, ADD])


def test_a_single_write_is_left_as_it_is() -> None:
    assert LOGIN.sql == combined([LOGIN])
