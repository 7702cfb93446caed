"""What is counted of deliveries."""

from auth_core.kernel import Label, Metric

DELIVERIES = Metric(
    name="fm_auth_webhook_deliveries_total",
    help="Attempts to deliver to a webhook, by what became of them: `failed` ones are tried again,"
    " `dead` ones are given up.",
    labels=(Label("result", ("delivered", "failed", "dead")),),
)

WEBHOOK_METRICS = (DELIVERIES,)
