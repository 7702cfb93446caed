"""Logs carry no secret, cannot be forged, and cost little."""

import dataclasses
import json
import logging
import logging.config
import os
import subprocess
import sys
import time
import timeit
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from app.observability import (
    GRANIAN_LOG_DICTCONFIG,
    REQUEST_ID,
    FileDescriptorSink,
    configure_logging,
    redact,
    redact_text,
)
from app.observability.logs import MAX_LINE
from app.observability.redaction import RULES, is_secret_name
from auth_core.kernel import Secret, tracing
from tests.measuring import quickest

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeQ"
PEM = "-----BEGIN RSA PRIVATE KEY-----\ncanary\ncanary\n-----END RSA PRIVATE KEY-----"
USER = UUID("0199a0b0-0000-7000-8000-000000000001")


@pytest.fixture(autouse=True)
def _restore_logging():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("sqlalchemy", "httpx", "httpcore")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def lines():
    return []


def start(lines, level="info", form="json"):
    line = configure_logging(level, form, write=lines.append, now=lambda: NOW)
    root = logging.getLogger()
    # without pytest's own handlers, which raise on a bad record
    root.handlers[:] = [
        handler for handler in root.handlers if type(handler).__module__.startswith("app.")
    ]
    return line


def access(line, **changes):
    fields = {"status": 200, "duration_ms": 1.23456, "request_id": "r-1", "principal_id": USER}
    line("GET", "/api/v1/auth/me", **{**fields, **changes})


SECRET_NAMES = [
    "password",
    "Password",
    "passwd",
    "password_hash",
    "new-password",
    "passphrase",
    "token",
    "access_token",
    "accessToken",
    "refresh_token",
    "Refresh-Token",
    "id_token",
    "authorization",
    "Authorization",
    "cookie",
    "Set-Cookie",
    "secret",
    "client_secret",
    "code",
    "otp",
    "otp_code",
    "totp_secret",
    "recovery_codes",
    "user_code",
    "key_material",
    "private_key",
    "master_key",
    "AUTH_MASTER_KEY",
    "signing_key",
    "api_key",
    "X-API-Key",
    "pem",
    "jwk",
    "dsn",
    "credentials",
    "code_verifier",
    "pin",
]
HARMLESS_NAMES = [
    "username",
    "status_code",
    "token_type",
    "token_count",
    "revoked_tokens",
    "route",
    "method",
    "duration_ms",
    "kid",
    "key_id",
    "error_code",
    "request_id",
    "session_id",
    "principal_id",
    "monkey",
    "codec",
    "passive",
]


@pytest.mark.sec("SEC-67")
@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_value_under_a_secret_name_is_masked_at_any_depth(name):
    """However the name is written and whatever the value is."""
    for value in ("canary", b"canary", 123456, ["canary"], {"x": "canary"}, Secret("canary")):
        event = {name: value, "outer": [{"inner": ({name: value},)}], "pairs": [(name, value)]}
        shown = redact(None, "info", event)

        assert shown[name] == "***"
        assert "canary" not in repr(shown)
        assert "123456" not in repr(shown)


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_ordinary_names_keep_their_values(name):
    """A log that hides everything helps nobody."""
    assert not is_secret_name(name)
    assert redact(None, "info", {name: "value", "x": {name: 7}}) == {name: "value", "x": {name: 7}}


def test_absence_of_a_secret_is_visible():
    """None, booleans and empty texts say something without giving anything away."""
    event = {"token": None, "password": True, "secret": ""}

    assert redact(None, "info", event) == event


@pytest.mark.sec("SEC-67")
@pytest.mark.parametrize(
    "text",
    [
        JWT,
        f"token is {JWT}, sorry",
        JWT[:40],
        "Bearer canary",
        "authorization: bearer canary",
        "Authorization: Basic canary==",
        "got Basic Y2FuYXJ5OmNhbmFyeQ==",
        "('authorization', 'Basic canary')",
        PEM,
        PEM[:50],
        repr(PEM),
        f"key: {PEM.replace('RSA ', '')} end",
        "postgresql+asyncpg://user:canary@host/db",
        "redis://:canary@host and redis://:canary@host",
        "postgres://u:ca/na?ry'canary@h/db",
        "https://canary@host/path",
        "password=canary",
        "password = 'canary canary'",
        '{"password": "canary \\" canary", "x": 1}',
        '"{\\"refresh_token\\": \\"canary canary\\"}"',
        "b'password=canary'",
        "LoginRequest(username='x', password='canary')",
        "refresh_token=canary&x=1",
        "https://host/callback?code=canary&state=canary",
        "Set-Cookie: session=canary; Path=/; x=canary",
        "Cookie: a=b; session=canary",
        "host=h password=canary dbname=d",
        "$argon2id$v=19$m=19456,t=2,p=1$canary$canary",
        "[SQL: INSERT ...]\n[parameters: ('john', 'canary')]\n(Background ...)",
        "AUTH_MASTER_KEY=canary",
        "signed by whsec_Y2FuYXJ5/Y2FuYXJ5+canary=",
        "otp: 'canary'",
    ],
)
def test_what_looks_like_a_secret_is_masked_in_any_text(text):
    """In the event, in values, in lists, in keys."""
    for event in ({"event": text}, {"x": [text]}, {"x": {text: 1}}, {"x": {"y": f"a {text}"}}):
        shown = repr(redact(None, "info", event))
        assert "canary" not in shown.casefold()
        assert "Y2FuYXJ5" not in shown
        assert "eyJ" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "user registered",
        "GET https://auth.example.com:8000/api?x=1 took 3 ms",
        "basic configuration loaded",
        "the token has expired",
        "status_code=401 token_type=x route=/users/{id}",
        "connected to db:5432",
    ],
)
def test_ordinary_text_stays(text):
    """Masking is aimed at secrets."""
    assert redact_text(text) == text


class _Colour(StrEnum):
    RED = "red"


class _Login(msgspec.Struct):
    username: str
    password: str


@dataclasses.dataclass
class _Data:
    name: str
    api_key: str


class _Broken:
    def __repr__(self):
        raise RuntimeError("canary")


def test_other_types_become_json_types():
    """Nothing that a caller passes makes the encoder fail, and bytes are never shown."""
    shown = redact(
        None,
        "info",
        {
            "struct": _Login("x", "canary"),
            "data": _Data("x", "canary"),
            "bytes": b"canary",
            "uuid": USER,
            "when": NOW,
            "enum": _Colour.RED,
            "big": 10**5000,
            "broken": _Broken(),
            "error": ValueError("password=canary"),
            "set": {1},
            3: "int key",
        },
    )

    assert shown == {
        "struct": {"username": "x", "password": "***"},
        "data": {"name": "x", "api_key": "***"},
        "bytes": "<6 bytes>",
        "uuid": str(USER),
        "when": NOW.isoformat(),
        "enum": "red",
        "big": "<16610-bit int>",
        "broken": "<_Broken>",
        "error": shown["error"],
        "set": [1],
        "3": "int key",
    }
    assert "canary" not in shown["error"]


@pytest.mark.sec("SEC-67")
def test_size_is_bounded_and_a_cut_does_not_bare_a_secret():
    """Long texts, wide, deep and circular values end; half a secret is not shown."""
    circle: dict[str, object] = {}
    circle["self"] = circle
    deep: list[object] = []
    for _ in range(2000):
        deep = [deep]
    event = {
        "long": "word " * 100_000,
        "wide": list(range(100_000)),
        "many": {str(number): "x" * 1000 for number in range(10_000)},
        "deep": deep,
        "circle": circle,
        "event": "x " * 32_760 + "postgres://user:canary@host " * 3,
    }
    shown = redact(None, "info", event)

    assert len(msgspec.json.encode(shown)) < MAX_LINE
    assert "canary" not in repr(shown)


def test_both_ends_of_a_long_text_are_kept():
    """A traceback begins with where it happened and ends with what it was."""
    shown = redact(None, "info", {"x": "begin " + "y " * 9000 + " end"})["x"]

    assert shown.startswith("begin")
    assert shown.endswith("end")
    assert "cut from" in shown


ATTACKS = [
    *("a", "A", " ", "\n", "\t", "\\", '"', "'", "-", ":", "=", "x@", "key", "api_key", "secret_"),
    *(
        "eyJ",
        "eyJa.",
        "whsec_",
        "whsec_a",
        "://",
        "://a@",
        "$argon2id$",
        "&code=",
        "?code=&",
        "[parameters: ",
    ),
    *("bearer", "bearer ", "basic ", "Basic a", "cookie:", "cookie=\n", "authorization"),
    *("password=", 'password="', "password='\\", "password =", "token:token ", "token: "),
    *("-----BEGIN ", "-----BEGIN PRIVATE KEY", "PRIVATE KEY-----END ", "-----END "),
]


@pytest.mark.sec("SEC-53")
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[0][0])
def test_no_pattern_is_slow_on_hostile_text(rule):
    """100 kB of whatever a pattern might stumble over takes less than 50 ms."""
    _, pattern, replacement = rule
    for fragment in ATTACKS:
        body = fragment * (100_000 // len(fragment))
        for text in (body, f'password="{body}', f"-----BEGIN PRIVATE KEY{body}", f"{body}!"):

            def seconds(text: str = text) -> float:
                began = time.process_time()  # other processes do not count
                pattern.sub(replacement, text)
                return time.process_time() - began

            assert quickest(seconds, bound=0.05) < 0.05, fragment


@given(
    st.dictionaries(
        st.text(max_size=20),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=10,
        ),
    )
)
def test_any_event_becomes_one_line_in_both_formats(event):
    """No value breaks the encoder, and none makes a second line."""
    event = {key: value for key, value in event.items() if key not in {"exc_info", "stack_info"}}
    for form in ("json", "console"):
        lines: list[bytes] = []
        start(lines, form=form)
        structlog.get_logger().info("hello", x=event)

        (line,) = (line for line in lines if b"hello" in line)
        assert line.endswith(b"\n")
        assert len(line.decode().splitlines()) == 1


class TestPipeline:
    def test_a_line_names_the_trace_of_its_request(self, lines):
        """So that a log can be found from a trace."""
        start(lines)
        token = REQUEST_ID.set("r-1")
        with tracing("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"):
            structlog.get_logger().info("something")
        REQUEST_ID.reset(token)

        [line] = lines
        assert "4bf92f3577b34da6a3ce929d0e0e4736" == json.loads(line)["trace_id"]

    def test_json_lines(self, lines):
        """Time in UTC with an offset, level, event, then the context of the request."""
        start(lines)
        structlog.contextvars.bind_contextvars(request_id="r-1")
        structlog.get_logger().info("user registered", user_id=USER)

        assert lines == [
            b'{"timestamp":"2026-01-02T03:04:05.678+00:00","level":"info",'
            b'"event":"user registered","user_id":"' + str(USER).encode() + b'",'
            b'"request_id":"r-1"}\n'
        ]

    def test_the_default_clock_is_utc(self, lines):
        """Aware, and now."""
        configure_logging(write=lines.append)
        structlog.get_logger().info("x")
        logged = datetime.fromisoformat(json.loads(lines[0])["timestamp"])

        assert logged.utcoffset() is not None
        assert abs(logged.timestamp() - time.time_ns() / 1e9) < 60

    @pytest.mark.sec("SEC-67")
    @pytest.mark.parametrize("form", ["json", "console"])
    def test_exceptions_are_redacted_and_show_no_locals(self, lines, form):
        """Text of the exception, of its cause and of its notes."""
        start(lines, form=form)
        local = "canary-local"
        try:
            try:
                raise ValueError(f"dsn postgres://u:{local}@h/d")  # noqa: TRY301
            except ValueError as cause:
                error = RuntimeError(f"Bearer {local}")
                error.add_note(f"password={local}")
                raise error from cause
        except RuntimeError:
            structlog.get_logger().exception("failed")
            logging.getLogger("asyncpg").exception("failed too")

        assert len(lines) == 2
        for line in lines:
            assert b"RuntimeError" in line
            assert b"canary" not in line.replace(b'"canary-local"', b"")

    @pytest.mark.parametrize("form", ["json", "console"])
    def test_values_cannot_forge_a_line(self, lines, form):
        """Newlines, terminal escapes and separators of any script are escaped."""
        start(lines, form=form)
        forged = "x\n2026-01-02T03:04:05.678+00:00 [info     ] forged\r\x1b[2J\x85\u2028\u202e"
        try:
            raise ValueError(forged)  # noqa: TRY301
        except ValueError:
            structlog.get_logger().exception(forged, **{"k\nforged": forged, "list": [forged]})

        (line,) = lines
        text = line.decode()
        assert "\x1b" not in text
        assert not {"\x85", "\u2028", "\u202e", "\r"} & set(text)
        assert all(part.startswith("    | ") for part in text.splitlines()[1:])
        assert (text.count("\n") == 1) is (form == "json")

    def test_the_standard_library_goes_the_same_way(self, lines):
        """granian, litestar, asyncpg and alembic log as we do."""
        start(lines)
        logging.getLogger("asyncpg.pool").warning("got %s", "Bearer canary")
        logging.getLogger("_granian").info("Started worker")

        assert [json.loads(line) for line in lines] == [
            {
                "timestamp": "2026-01-02T03:04:05.678+00:00",
                "level": "warning",
                "event": "got Bearer ***",
                "logger": "asyncpg.pool",
            },
            {
                "timestamp": "2026-01-02T03:04:05.678+00:00",
                "level": "info",
                "event": "Started worker",
                "logger": "_granian",
            },
        ]

    def test_a_record_that_a_processor_drops_leaves_no_line(self, lines):
        start(lines)
        with structlog.testing.capture_logs() as captured:
            logging.getLogger("x").info("for the captor")

        assert ([], ["for the captor"]) == (lines, [entry["event"] for entry in captured])

    @pytest.mark.sec("SEC-67")
    def test_a_bad_record_does_not_print_its_arguments(self, lines, capfd):
        """The standard library would dump them on stderr."""
        start(lines)
        logging.getLogger("x").info("%d", "canary")

        (line,) = lines
        assert json.loads(line)["event"] == "a log record could not be rendered"
        assert b"canary" not in line
        assert capfd.readouterr() == ("", "")

    def test_levels(self, lines):
        """Below the level nothing is logged, here and there; access lines are info."""
        line = start(lines, level="warning")
        structlog.get_logger().info("no")
        logging.getLogger("x").info("no")
        access(line)
        assert lines == []

        structlog.get_logger().warning("yes")
        logging.getLogger("x").warning("yes")
        assert len(lines) == 2

    @pytest.mark.sec("SEC-67")
    def test_statement_parameters_are_not_logged_even_at_debug(self, lines):
        """SQLAlchemy would log them at info."""
        start(lines, level="debug")
        logging.getLogger("sqlalchemy.engine.Engine").info("canary")

        assert lines == []

    def test_the_last_configuration_wins(self, lines):
        """Also for loggers that exist already, and without doubling lines."""
        start(lines)
        logger = structlog.get_logger()
        logger.info("one")
        second: list[bytes] = []
        start(second)
        logger.info("two")
        logging.getLogger("x").info("three")

        assert len(lines) == 1
        assert len(second) == 2

    def test_granian_does_not_bring_its_own_handlers(self, lines):
        """Its dictConfig runs after ours and must leave ours alone."""
        start(lines)
        logging.config.dictConfig(
            {"version": 1, "disable_existing_loggers": False, **GRANIAN_LOG_DICTCONFIG}
        )
        logging.getLogger("_granian").info("Started worker")
        logging.getLogger("granian.access").info("GET /x?token=canary")

        assert len(lines) == 1


class TestAccessLine:
    def test_json(self, lines):
        """All that is known about a request, and no more."""
        access(start(lines))

        assert lines == [
            b'{"timestamp":"2026-01-02T03:04:05.678+00:00","level":"info","event":"request",'
            b'"method":"GET","route":"/api/v1/auth/me","status":200,"duration_ms":1.235,'
            b'"request_id":"r-1","principal_id":"' + str(USER).encode() + b'"}\n'
        ]

    def test_console(self, lines):
        """One readable line."""
        access(start(lines, form="console"), principal_id=None)

        (line,) = lines
        assert b"method=GET route=/api/v1/auth/me status=200 duration_ms=1.235" in line

    @pytest.mark.parametrize("form", ["json", "console"])
    def test_it_names_its_trace(self, lines, form):
        """And our own span in it, if there is one."""
        line = start(lines, form=form)
        access(line)
        access(line, trace_id="4bf9")
        access(line, trace_id="4bf9", span_id="00f0")

        for name, value, seen in (
            (b"trace_id", b"4bf9", [False, True, True]),
            (b"span_id", b"00f0", [False, False, True]),
        ):
            assert seen == [name in each and value in each for each in lines]

    @pytest.mark.parametrize("form", ["json", "console"])
    def test_hostile_fields_make_neither_an_error_nor_a_second_line(self, lines, form):
        """Whatever reaches it: unpaired surrogates, newlines."""
        line = start(lines, form=form)
        line(
            "G\nET",
            "/\ud800",
            status=0,
            duration_ms=float("nan"),
            request_id="\n",
            principal_id="\udcff",
        )

        assert len(lines) == 1
        assert lines[0].count(b"\n") == 1

    def test_it_is_cheap(self):
        """Through the whole pipeline it would take several times the bound."""
        with Path(os.devnull).open("wb") as sink:
            line = configure_logging(write=FileDescriptorSink(sink.fileno()))

            def seconds() -> float:
                taken = timeit.timeit(lambda: access(line), number=200, timer=time.thread_time)
                return taken / 200

            assert quickest(seconds, bound=50e-6, runs=200) < 50e-6


WRITER = """
import sys
from app.observability import configure_logging
import structlog
line = configure_logging("info", "json")
log = structlog.get_logger()
for number in range(100):
    log.info(sys.argv[1] * 6000, number=number)
    line("GET", "/", status=200, duration_ms=1.0, request_id=sys.argv[1], principal_id=None)
"""


class TestSink:
    def test_lines_of_several_processes_stay_whole_on_a_shared_pipe(self):
        """Also lines that are longer than a pipe takes at once."""
        reading, writing = os.pipe()
        root = Path(__file__).parents[3]
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, name], stdout=writing, cwd=root)
            for name in "abc"
        ]
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            lines = [json.loads(line) for line in pipe]
        assert [writer.wait() for writer in writers] == [0, 0, 0]

        assert len(lines) == 600
        assert {len(set(line["event"])) for line in lines if "number" in line} == {1}

    def test_a_reader_that_went_away_does_not_stop_the_service(self):
        """Lines are lost, the request is not."""
        reading, writing = os.pipe()
        os.close(reading)
        try:
            with pytest.raises(BrokenPipeError):
                os.write(writing, b"x\n")
            FileDescriptorSink(writing)(b"x\n")
        finally:
            os.close(writing)

    def test_a_file_gets_the_bytes(self, tmp_path):
        """One write, no newline added."""
        file = tmp_path / "log"
        with file.open("wb") as stream:
            FileDescriptorSink(stream.fileno())(b"line\n")

        assert file.read_bytes() == b"line\n"
