"""Breached passwords, asked over HTTP."""

from adapters.breach.range_api import RangeApi

__all__ = ["RangeApi"]
