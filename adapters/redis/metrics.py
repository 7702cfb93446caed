"""What is counted of Redis."""

from auth_core.kernel import Kind, Metric

ROUND_TRIPS = Metric(
    name="fm_auth_redis_round_trips_total",
    help="Batches of commands sent over the shared connection; one batch serves many requests.",
)
CONNECTED = Metric(
    name="fm_auth_redis_connected_workers",
    help="Workers whose connection to Redis is fit for use; the others ask PostgreSQL.",
    kind=Kind.GAUGE,
)

REDIS_METRICS = (ROUND_TRIPS, CONNECTED)
