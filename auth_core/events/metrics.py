"""What is counted of events on their way out."""

from auth_core.kernel import Label, Metric

PUBLISHED = Metric(
    name="fm_auth_events_published_total",
    help="Events that a publisher has taken; repeats count again.",
    labels=(Label("publisher"),),
)
RELAY_ERRORS = Metric(
    name="fm_auth_event_relay_errors_total",
    help="Batches that a publisher did not take. They are tried again.",
    labels=(Label("publisher"),),
)

EVENT_METRICS = (PUBLISHED, RELAY_ERRORS)
