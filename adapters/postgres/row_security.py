"""The wall behind the tenant's filter: row-level security on every table that tenants own.

Declared here and put up by the owner after every migration, like the privileges: a new table with a
tenant has its wall from its first migration on. `row_scope` says for whom a statement is run.
"""

from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, text

from adapters.postgres.row_scope import EVERYTHING, SCOPE, TENANT, USER
from adapters.postgres.tables import (
    audit_chains,
    audit_records,
    memberships,
    metadata,
    organizations,
    outbox,
    sessions,
    team_memberships,
    teams,
    users,
)
from adapters.postgres.webhook_tables import webhook_deliveries, webhook_endpoints

OPEN = frozenset(
    {
        users.name,  # a person may belong to several organizations, and is looked up to sign in
        sessions.name,  # the person's; they name the organization that is active in them
        outbox.name,  # read by the relay alone, which serves everybody
    }
)
"""Tables with a column `organization_id` that no tenant owns."""


class Policy(NamedTuple):
    """One permissive policy; a row is shown when any of its table's policies lets it pass."""

    table: str
    name: str
    command: str
    condition: str

    @property
    def sql(self) -> str:
        """The statement that makes it."""
        using = f" USING ({self.condition})" if self.command != "INSERT" else ""
        check = f" WITH CHECK ({self.condition})" if self.command in {"ALL", "INSERT"} else ""
        return f"CREATE POLICY {self.name} ON {self.table} FOR {self.command}{using}{check}"


def _setting(name: str) -> str:
    # in a sub-select: asked once for a statement, not once for a row
    return f"(SELECT nullif(current_setting('{name}', true), '')::uuid)"


_EVERYBODY = f"(SELECT current_setting('{SCOPE}', true)) = '{EVERYTHING}'"
_OWN_ORGANIZATIONS = (
    f"(SELECT m.organization_id FROM {memberships.name} m"  # noqa: S608 - our own names
    f" WHERE m.user_id = {_setting(USER)})"
)
_FOR_A_PERSON = {
    memberships.name: f"user_id = {_setting(USER)}",
    team_memberships.name: f"user_id = {_setting(USER)}",
    organizations.name: f"id IN {_OWN_ORGANIZATIONS}",
    teams.name: f"organization_id IN {_OWN_ORGANIZATIONS}",
}
"""What a person may read of the organizations that they are in, from outside of these."""
_PARTS = {
    # in a sub-select of its own tenant's few: hashed once, not asked for each row
    webhook_deliveries.name: f"endpoint_id IN (SELECT e.id FROM {webhook_endpoints.name} e"  # noqa: S608 - our own names
    f" WHERE e.organization_id = {_setting(TENANT)})"
}
"""Tables that name no organization: their rows are its whose row they hang on."""


_TRAIL = [
    # whoever does something appends what they did, in whatever scope they did it: a sign-in knows
    # no tenant, and a scope of its own would cost it a round trip
    Policy(audit_records.name, "append", "INSERT", "true"),
    Policy(audit_records.name, "tenant", "SELECT", f"organization_id = {_setting(TENANT)}"),
    # sealed, verified, trimmed and redacted for everybody at once
    Policy(audit_records.name, "platform", "ALL", _EVERYBODY),
    Policy(audit_chains.name, "platform", "ALL", _EVERYBODY),
]
"""The audit trail: a tenant reads its own records, and changes none."""
TRAIL = frozenset(policy.table for policy in _TRAIL)


def tenant_column(table: Table) -> str | None:
    """The column that names the tenant who owns a row; None for a table of nobody's, and for the
    audit trail, which has policies of its own.
    """
    if table is organizations:
        return "id"
    owned = "organization_id" in table.columns and table.name not in OPEN | TRAIL
    return "organization_id" if owned else None


def policies(table: Table) -> list[Policy]:
    """The policies of a table; none for a table of nobody's."""
    if table.name in TRAIL:
        return [policy for policy in _TRAIL if policy.table == table.name]
    column = tenant_column(table)
    if column is None and table.name not in _PARTS:
        return []
    own = _PARTS.get(table.name, f"{column} = {_setting(TENANT)}")
    made = [Policy(table.name, "tenant", "ALL", f"{own} OR {_EVERYBODY}")]
    if table.name in _FOR_A_PERSON:
        made.append(Policy(table.name, "person", "SELECT", _FOR_A_PERSON[table.name]))
    return made


_STANDING = text(
    "SELECT c.relname, p.polname, obj_description(p.oid, 'pg_policy')"
    " FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"
    " WHERE c.relnamespace = 'public'::regnamespace"
)
_GUARDED = text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    " AND relrowsecurity AND relforcerowsecurity"
)


def put_up(connection: Connection) -> None:
    """Make what is declared and missing, remove what stands and is not declared.

    In the transaction of ``connection``, which the owner holds; a table is locked only if
    something is to be done. Each policy carries its own source as its comment: what PostgreSQL
    shows of it is written otherwise.
    """
    for statement in changes(connection):
        connection.exec_driver_sql(statement)


def take_down(connection: Connection) -> None:
    """Remove every wall, before a downgrade: the version before knows none."""
    for table, name, _ in connection.execute(_STANDING).all():
        connection.exec_driver_sql(f"DROP POLICY {name} ON {table}")
    for table in connection.scalars(_GUARDED).all():
        connection.exec_driver_sql(
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY"
        )


def changes(connection: Connection) -> list[str]:
    """What `put_up` has to do."""
    declared = [policy for table in metadata.tables.values() for policy in policies(table)]
    standing: dict[tuple[Any, ...], Any] = {
        (row[0], row[1]): row[2] for row in connection.execute(_STANDING)
    }
    guarded = set(connection.scalars(_GUARDED))
    wanted = {(policy.table, policy.name): policy for policy in declared}
    made = []
    for table, name in sorted(standing.keys() - wanted.keys()):
        made.append(f"DROP POLICY {name} ON {table}")
    for key, policy in wanted.items():
        if standing.get(key) == policy.sql:
            continue
        if key in standing:
            made.append(f"DROP POLICY {policy.name} ON {policy.table}")
        source = policy.sql.replace("'", "''")
        made += [policy.sql, f"COMMENT ON POLICY {policy.name} ON {policy.table} IS '{source}'"]
    for table in sorted({policy.table for policy in declared} - guarded):
        made.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    return made
