"""Traces of this process, where ENABLE_TRACING is on. Imports OpenTelemetry."""
