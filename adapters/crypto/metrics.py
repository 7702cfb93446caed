"""What is counted of hashing."""

from auth_core.kernel import SECONDS, Kind, Metric

HASH_WAIT = Metric(
    name="fm_auth_password_hash_wait_seconds",
    help="How long a password waited until one of the hashing threads took it.",
    kind=Kind.HISTOGRAM,
    buckets=SECONDS,
)
HASH_WORK = Metric(
    name="fm_auth_password_hash_seconds",
    help="How long hashing a password took, without the wait.",
    kind=Kind.HISTOGRAM,
    buckets=SECONDS,
)
HASH_REFUSED = Metric(
    name="fm_auth_password_hash_refused_total",
    help="Passwords that were not hashed because too many waited: answered with 503.",
)

CRYPTO_METRICS = (HASH_WAIT, HASH_WORK, HASH_REFUSED)
