"""The names of OpenTelemetry: looked at where traces are on, and nowhere else."""

import pytest

from app.settings import SettingsError, load_settings, traces_are_on, without_traces
from app.settings.render import describe
from app.settings.tracing import SAMPLERS, pairs

ON = {"ENABLE_TRACING": "true"}
BAD = {
    "OTEL_SDK_DISABLED": [],  # whatever is not true is false to OpenTelemetry
    "OTEL_SERVICE_NAME": [],
    "OTEL_EXPORTER_OTLP_ENDPOINT": ["collector:4317", "http://", "grpc://c:4317", "http://c:0x"],
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ["/v1/traces", "http://[::1"],
    "OTEL_EXPORTER_OTLP_PROTOCOL": ["grpc", "http/json"],
    "OTEL_EXPORTER_OTLP_HEADERS": ["canary", "a=canary%0a", "a b=canary", "=canary"],
    "OTEL_RESOURCE_ATTRIBUTES": ["canary", "=canary"],
    "OTEL_TRACES_SAMPLER": ["xray", "ALWAYS_ON"],
    "OTEL_TRACES_SAMPLER_ARG": ["1.1", "-0.1", "nan", "half"],
}
CASES = [(name, text) for name, texts in BAD.items() for text in texts]


@pytest.mark.sec("SEC-67")
@pytest.mark.parametrize(("name", "text"), CASES)
def test_a_bad_value_stops_the_start_where_traces_are_on(name, text):
    with pytest.raises(SettingsError) as refused:
        load_settings({**ON, name: text})

    (problem,) = refused.value.problems
    assert problem.startswith(f"{name} ")
    assert "canary" not in problem
    for off in ({}, {"ENABLE_TRACING": "false"}, {**ON, "OTEL_SDK_DISABLED": "TRUE"}):
        assert not traces_are_on(load_settings({**off, name: text}).tracing)


def test_what_they_say_when_nobody_says_anything():
    tracing = load_settings(ON).tracing

    assert traces_are_on(tracing)
    assert "http://localhost:4318" == tracing.endpoint
    assert ("parentbased_always_on", "1") == (tracing.sampler, tracing.ratio)
    assert not traces_are_on(load_settings({}).tracing)
    assert not traces_are_on(without_traces(load_settings(ON)).tracing)
    assert {load_settings({**ON, "OTEL_TRACES_SAMPLER": each}).tracing.sampler for each in SAMPLERS}


@pytest.mark.sec("SEC-67")
def test_the_headers_are_a_secret():
    loaded = load_settings({**ON, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=canary%2C1, x = 2"})

    assert loaded.tracing.headers is not None
    assert {"api-key": "canary,1", "x": "2"} == pairs(loaded.tracing.headers.reveal())
    assert "canary" not in repr(loaded)
    assert "canary" not in str(describe(loaded))
