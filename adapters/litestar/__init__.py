"""Guards for services that are built with Litestar."""

from adapters.litestar.guards import (
    Guards,
    in_organization,
    in_process,
    in_team,
    of_claims,
    on_platform,
)

__all__ = [
    "Guards",
    "in_organization",
    "in_process",
    "in_team",
    "of_claims",
    "on_platform",
]
