"""What all tables have in common: how constraints are named, and two kinds of column."""

from sqlalchemy import CheckConstraint, DateTime, MetaData, Text, text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# Byte order: an operating system that brings other sorting rules cannot corrupt the unique indexes.
CANONICAL = Text(collation="C")
MOMENT = DateTime(timezone=True)


def canonical(name: str) -> CheckConstraint:
    """A second wall behind the core's canonicalisation: lower case ASCII only (SEC-61, SEC-62)."""
    return CheckConstraint(
        text(f"{name} = lower({name}) AND octet_length({name}) = char_length({name})"),
        name=f"{name}_canonical",
    )
