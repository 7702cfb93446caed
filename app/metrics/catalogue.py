"""Every metric of this service; those of the core and of adapters are declared there."""

from typing import Final

from adapters.crypto.metrics import CRYPTO_METRICS
from adapters.postgres.metrics import POSTGRES_METRICS
from adapters.redis.metrics import REDIS_METRICS
from app.worker import TASK_RUNS
from auth_core.kernel import SECONDS, Across, Kind, Label, Metric
from auth_core.keys import KeyUse
from auth_core.metrics import CORE_METRICS

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NO_ROUTE: Final = "unmatched"

_ROUTE: Final = (Label("method", METHODS), Label("route"))

REQUESTS = Metric(
    name="fm_auth_http_requests_total",
    help="Answered requests, by route template and status. Whatever matches no route is"
    " `unmatched`.",
    labels=(*_ROUTE, Label("status")),
)
DURATION = Metric(
    name="fm_auth_http_request_duration_seconds",
    help="From the arrival of a request to the end of its answer, by route template.",
    kind=Kind.HISTOGRAM,
    labels=_ROUTE,
    buckets=SECONDS,
)
WORKERS = Metric(
    name="fm_auth_workers",
    help="Worker processes that serve, or work, and count into these numbers.",
    kind=Kind.GAUGE,
)
OUTBOX_DEPTH = Metric(
    name="fm_auth_outbox_depth",
    help="Events in the outbox that a publisher has not taken yet. Of the deployment.",
    kind=Kind.GAUGE,
    labels=(Label("publisher"),),
    across=Across.MAX,
)
OUTBOX_LAG = Metric(
    name="fm_auth_outbox_lag_seconds",
    help="Age of the oldest event that a publisher has not taken yet, 0 if there is none. Of the"
    " deployment.",
    kind=Kind.GAUGE,
    labels=(Label("publisher"),),
    across=Across.MAX,
)
LETTERS_WAITING = Metric(
    name="fm_auth_letters_waiting",
    help="Letters that are not sent yet, and not given up. Of the deployment.",
    kind=Kind.GAUGE,
    across=Across.MAX,
)
LETTERS_LAG = Metric(
    name="fm_auth_letters_lag_seconds",
    help="Age of the oldest letter that is not sent yet, 0 if there is none. Of the deployment.",
    kind=Kind.GAUGE,
    across=Across.MAX,
)
DELIVERIES_WAITING = Metric(
    name="fm_auth_webhook_deliveries_waiting",
    help="Deliveries to webhooks that are neither made nor given up; those of disabled webhooks"
    " count. Of the deployment.",
    kind=Kind.GAUGE,
    across=Across.MAX,
)
KEY_SINCE = Metric(
    name="fm_auth_signing_key_activated_timestamp_seconds",
    help="Since when the key signs that signs now; time() minus this is its age. Of the"
    " deployment.",
    kind=Kind.GAUGE,
    labels=(Label("use", tuple(use.value for use in KeyUse)),),
    across=Across.MAX,
)
KEY_PERIOD = Metric(
    name="fm_auth_signing_key_rotation_period_seconds",
    help="The age at which the next key takes over (AUTH_KEY_ROTATION_DAYS).",
    kind=Kind.GAUGE,
    across=Across.MAX,
)

CATALOGUE: Final = (
    *(REQUESTS, DURATION),
    *CORE_METRICS,
    *CRYPTO_METRICS,
    *POSTGRES_METRICS,
    *REDIS_METRICS,
    *(OUTBOX_DEPTH, OUTBOX_LAG, LETTERS_WAITING, LETTERS_LAG, DELIVERIES_WAITING),
    *(KEY_SINCE, KEY_PERIOD, TASK_RUNS, WORKERS),
)
