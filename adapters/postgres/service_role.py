"""The role that the service works as: it owns nothing and may do only what it has to.

`admit` is run by the owner of the tables after every migration and does what is left to do.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from adapters.postgres.errors import DatabaseRefused
from adapters.postgres.tables import metadata
from auth_core.kernel import Secret

_EVERYTHING = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
_LESS = {
    "alembic_version": frozenset({"SELECT"}),
    # what is trimmed was attested before; what else is deleted is missing in the chain
    "audit_records": frozenset({"SELECT", "INSERT", "DELETE"}),
    "audit_chains": frozenset({"SELECT", "INSERT", "UPDATE"}),
}
"""Tables that the service does not work on as it likes."""
_SEALS = ("chain", "position", "previous_hash", "hash", "detail_digest", "detail_salt")
_COLUMNS = {"audit_records": {"UPDATE": ("detail", *_SEALS)}}
"""What sealing places and what an erasure redacts. What was recorded is not rewritten."""
_SCRAM_ROUNDS = 4096  # PostgreSQL's own default, scram_iterations

_ROLE = text("SELECT rolsuper FROM pg_roles WHERE rolname = :role")
_MAY_CREATE = text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
_TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
_GRANTED = text(
    "SELECT c.relname, '', a.privilege_type FROM pg_class c, aclexplode(c.relacl) a"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
    " AND a.grantee = (SELECT oid FROM pg_roles WHERE rolname = :role)"
    " UNION SELECT c.relname, t.attname, a.privilege_type"
    " FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
    " AND a.grantee = (SELECT oid FROM pg_roles WHERE rolname = :role)"
)
_REACHES = text(
    "SELECT has_database_privilege(:role, current_database(), 'CONNECT'),"
    " has_schema_privilege(:role, 'public', 'USAGE'), current_database()"
)
_DEFAULTS = text(
    "SELECT 1 FROM pg_default_acl d, aclexplode(d.defaclacl) a"
    " WHERE d.defaclrole = current_user::regrole AND d.defaclnamespace = 'public'::regnamespace"
    " AND a.grantee = (SELECT oid FROM pg_roles WHERE rolname = :role)"
)


class Grant(NamedTuple):
    """A privilege on a table, or on one column of it."""

    table: str
    column: str
    privilege: str

    def sql(self, verb: str, role: str) -> str:
        """The statement that grants or revokes it."""
        columns = f" ({_quoted(self.column)})" if self.column else ""
        to = "TO" if verb == "GRANT" else "FROM"
        return f"{verb} {self.privilege}{columns} ON {_quoted(self.table)} {to} {_quoted(role)}"


def admit(connection: Connection, service: Secret[str]) -> None:
    """Make the role of the URL ``service``, if need be, and let it do its work on the tables.

    In the transaction of ``connection``, which the owner holds. No-op for the owner itself.

    Raises DatabaseRefused: the role is missing and this owner may not make it.
    """
    role, password = _credentials(service)
    if role is None or role == connection.scalar(text("SELECT current_user")):
        return
    superuser = connection.scalar(_ROLE, {"role": role})
    if superuser is None:
        _create(connection, role, password)
    elif superuser:
        return  # nothing can be granted to it, nor withheld; it is warned of when it serves
    for statement in _missing(connection, role):
        connection.exec_driver_sql(statement)


def wanted(tables: set[str]) -> set[Grant]:
    """What the service has to be able to do with those of its tables that are there."""
    known = {*metadata.tables, "alembic_version"} & tables
    whole = {Grant(name, "", each) for name in known for each in _LESS.get(name, _EVERYTHING)}
    return whole | {
        Grant(name, column, privilege)
        for name in known & set(_COLUMNS)
        for privilege, columns in _COLUMNS[name].items()
        for column in columns
    }


def _missing(connection: Connection, role: str) -> Iterator[str]:
    named = {"role": role}
    connects, uses, database = connection.execute(_REACHES, named).one()
    if not connects:
        yield f"GRANT CONNECT ON DATABASE {_quoted(database)} TO {_quoted(role)}"
    if not uses:
        yield f"GRANT USAGE ON SCHEMA public TO {_quoted(role)}"
    if connection.scalar(_DEFAULTS, named) is None:
        later = "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT"
        yield f"{later} {', '.join(sorted(_EVERYTHING))} ON TABLES TO {_quoted(role)}"
        yield f"{later} USAGE, SELECT ON SEQUENCES TO {_quoted(role)}"
    want = wanted(set(connection.scalars(_TABLES)))
    for grant in sorted(_granted(connection, role) - want):
        yield grant.sql("REVOKE", role)
    # only now: what is revoked on a table is revoked on its columns, too
    for grant in sorted(want - _granted(connection, role)):
        yield grant.sql("GRANT", role)


def _granted(connection: Connection, role: str) -> set[Grant]:
    return {Grant(*row) for row in connection.execute(_GRANTED, {"role": role})}


def _create(connection: Connection, role: str, password: str | None) -> None:
    if not connection.scalar(_MAY_CREATE):
        raise DatabaseRefused(
            f"The role {role} of DATABASE_URL does not exist, and the role of DATABASE_OWNER_URL "
            f"may not make it. Have CREATE ROLE {_quoted(role)} LOGIN done, with its password, and "
            "run `fm-auth migrate` again."
        )
    secret = "" if password is None else f" PASSWORD '{scram_verifier(password)}'"
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(
                f"CREATE ROLE {_quoted(role)} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB"
                f" NOCREATEROLE NOREPLICATION{secret}"
            )
    except DBAPIError:  # roles belong to the server: the migration of another database made it
        if connection.scalar(_ROLE, {"role": role}) is None:
            raise


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """What PostgreSQL keeps of a password (RFC 5803), so that its log never sees the password."""
    salt = secrets.token_bytes(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ROUNDS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    keys = f"{_base64(stored_key)}:{_base64(server_key)}"
    return f"SCRAM-SHA-256${_SCRAM_ROUNDS}:{_base64(salt)}${keys}"


def _credentials(url: Secret[str]) -> tuple[str | None, str | None]:
    parts = urlsplit(url.reveal())
    user, password = parts.username, parts.password
    return user and unquote(user), password and unquote(password)


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
