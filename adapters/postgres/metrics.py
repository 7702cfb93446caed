"""What is counted of PostgreSQL."""

from auth_core.kernel import Kind, Label, Metric

ROUND_TRIPS = Metric(
    name="fm_auth_postgres_round_trips_total",
    help="Statements sent and answered, for requests and for what is done beside them.",
    labels=(Label("origin", ("request", "background")),),
)
POOL_IN_USE = Metric(
    name="fm_auth_postgres_pool_in_use",
    help="Connections that are in use, of all workers.",
    kind=Kind.GAUGE,
)
POOL_LIMIT = Metric(
    name="fm_auth_postgres_pool_limit",
    help="Connections that all workers may have together (DB_POOL_SIZE + DB_MAX_OVERFLOW each).",
    kind=Kind.GAUGE,
)
POOL_WAITS = Metric(
    name="fm_auth_postgres_pool_waits_total",
    help="Times that no connection was free and open: one was made, or waited for.",
)
POOL_EXHAUSTED = Metric(
    name="fm_auth_postgres_pool_exhausted_total",
    help="Times that the wait for a free connection was given up: answered with 503.",
)

POSTGRES_METRICS = (ROUND_TRIPS, POOL_IN_USE, POOL_LIMIT, POOL_WAITS, POOL_EXHAUSTED)
