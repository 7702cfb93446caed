"""What is counted of sessions."""

from auth_core.kernel import Across, Kind, Label, Metric
from auth_core.sessions.model import ReuseCause

CACHE_READS = Metric(
    name="fm_auth_session_cache_reads_total",
    help="Session states asked of the cache: a hit serves, `ended` refuses, a miss reads"
    " PostgreSQL.",
    labels=(Label("result", ("hit", "miss", "ended")),),
)
REVOKED = Metric(
    name="fm_auth_sessions_revoked_total",
    help="Sessions that were ended before their time: by log-out, by an administrator, by reuse.",
)
REFRESHES = Metric(
    name="fm_auth_refreshes_total",
    help="Redeemed refresh tokens: `repeated` got the successor that was issued before,"
    " `reused` was taken for stolen.",
    labels=(Label("result", ("rotated", "repeated", "expired", "refused", "reused")),),
)
REUSE = Metric(
    name="fm_auth_refresh_reuse_detected_total",
    help="Reports of a reused refresh token, one for each session, by what gave it away.",
    labels=(Label("cause", tuple(cause.value for cause in ReuseCause)),),
)
FEED_AS_OF = Metric(
    name="fm_auth_revocation_feed_as_of_timestamp_seconds",
    help="Up to when the revocation feed is complete, in the worker that is furthest behind;"
    " time() minus this is its staleness.",
    kind=Kind.GAUGE,
    across=Across.MIN,
)

SESSION_METRICS = (CACHE_READS, REVOKED, REFRESHES, REUSE, FEED_AS_OF)
