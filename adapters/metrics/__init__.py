"""Metrics of several processes in one piece of memory, and as Prometheus reads them."""

from adapters.metrics.exposition import CONTENT_TYPE, exposition
from adapters.metrics.memory import SharedMemory
from adapters.metrics.recorder import MOST_SERIES, SharedMetrics

__all__ = ["CONTENT_TYPE", "MOST_SERIES", "SharedMemory", "SharedMetrics", "exposition"]
