"""How many connections a worker keeps."""

import resource
import socket

import pytest

from app.cli.connections import bound, connections, granted

UNLIMITED = resource.RLIM_INFINITY


@pytest.mark.sec("SEC-52")
@pytest.mark.parametrize(
    ("soft", "hard", "raised", "kept"),
    [
        (1024, 524_288, 4352, 4096),
        (1024, 2048, 2048, 1792),
        (1024, UNLIMITED, 4352, 4096),
        (20_000, 20_000, 20_000, 4096),
        (UNLIMITED, UNLIMITED, UNLIMITED, 4096),
        (64, 64, 64, 1),
    ],
)
def test_a_worker_keeps_no_more_connections_than_it_may_open_files(
    soft: int, hard: int, raised: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [soft, hard]
    monkeypatch.setattr(resource, "getrlimit", lambda _: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.__setitem__(slice(2), new))

    assert (kept, [raised, hard]) == (connections(), limits)


def test_no_version_of_http_is_guessed() -> None:
    assert "1" == granted()["http"].value


def test_who_does_not_take_what_it_is_sent_is_cut_in_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bound(listener)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert 30_000 == accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
