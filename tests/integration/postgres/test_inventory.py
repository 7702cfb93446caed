"""Every column says what it is with regard to persons, and no table falls between the rules."""

import pytest
from sqlalchemy import Column, ForeignKey, MetaData, Table, Text

from adapters.postgres.inventory import (
    ADDRESS,
    OPERATIONAL,
    PERSONAL,
    PSEUDONYM,
    REMARK,
    SECRET,
    SUBJECT,
    Kind,
    columns_of,
    goes_with_the_person,
    has_owner,
    kind,
)
from adapters.postgres.personal_data import DELETIONS, PAGES, REDACTIONS
from adapters.postgres.tables import metadata

TABLES = metadata.sorted_tables
COLUMNS = [column for table in TABLES for column in table.columns]


@pytest.mark.sec("SEC-71")
@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_every_column_says_what_it_is_with_regard_to_persons(column: Column) -> None:
    assert isinstance(kind(column), Kind)


def test_a_column_that_does_not_is_named() -> None:
    table = Table("things", MetaData(), Column("name", Text))

    with pytest.raises(TypeError, match=r"things\.name does not declare"):
        kind(table.c.name)


@pytest.mark.sec("SEC-71")
@pytest.mark.parametrize("table", TABLES, ids=str)
def test_what_is_personal_belongs_to_a_person_and_is_exported_and_erased(table: Table) -> None:
    if has_owner(table):
        assert 1 == len(table.primary_key.columns)
        assert table.name in PAGES
    if goes_with_the_person(table):
        assert has_owner(table)
        assert table.name in DELETIONS
    elif columns_of(table, Kind.REMARK):
        assert has_owner(table)
        assert table.name in REDACTIONS


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_an_erasure_meets_no_foreign_key_of_a_row_that_stays(table: Table) -> None:
    for key in table.foreign_keys:
        if goes_with_the_person(key.column.table):
            assert goes_with_the_person(table)


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_an_id_of_a_user_makes_a_row_theirs(table: Table) -> None:
    named = [column for column in table.columns if column.name == "user_id"]

    assert all(kind(column) is Kind.SUBJECT for column in named)


def test_children_go_before_their_parents() -> None:
    order = list(DELETIONS)

    assert "users" == order[-1]
    for table in TABLES:
        parents = {key.column.table.name for key in table.foreign_keys} & set(order)
        assert all(order.index(table.name) < order.index(parent) for parent in parents)


@pytest.mark.parametrize(
    ("info", "goes", "owned"),
    [
        (OPERATIONAL, False, False),
        (PSEUDONYM, False, False),
        (REMARK, False, False),
        (SUBJECT, False, True),
        (ADDRESS, True, True),
        (PERSONAL, True, False),
        (SECRET, True, False),
    ],
)
def test_the_tags_decide(info: dict, *, goes: bool, owned: bool) -> None:
    table = Table("things", MetaData(), Column("column", Text, ForeignKey("other.id"), info=info))

    assert (goes, owned) == (goes_with_the_person(table), has_owner(table))
    assert [table.c.column] == columns_of(table, kind(table.c.column))
