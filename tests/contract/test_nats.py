"""Events in a JetStream stream of a real nats-server."""

from collections.abc import AsyncIterator, Callable

import pytest
from nats.js.api import DiscardPolicy, StreamConfig

from adapters.nats import NatsEventStream
from auth_core.events import CloudEvent, PublishingFailed
from auth_core.kernel import Secret, UserId
from auth_core.testing.contracts import EventPublisherContract, ReadBack
from auth_core.testing.contracts.event_publisher import new_cloud_event
from auth_core.testing.contracts.making import fresh_id
from tests.nats_server import NatsServer, running_nats

STREAM = "AUTH_EVENTS"
SUBJECTS = ["auth.events.>"]


@pytest.fixture
async def server() -> AsyncIterator[NatsServer]:
    async with running_nats() as server:
        yield server


Publishing = Callable[..., NatsEventStream]


@pytest.fixture
async def publishing(server: NatsServer) -> AsyncIterator[Publishing]:
    made: list[NatsEventStream] = []

    def make(url: str = "", stream: str = STREAM) -> NatsEventStream:
        made.append(NatsEventStream(Secret(url or server.url), stream=stream, max_length=10_000))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture
def publisher(publishing: Publishing) -> NatsEventStream:
    return publishing()


def batch(count: int) -> list[CloudEvent]:
    user_id = UserId(fresh_id())
    return [new_cloud_event(user_id, number) for number in range(1, count + 1)]


class TestNatsEventStream(EventPublisherContract):
    @pytest.fixture
    def published(self, server: NatsServer) -> ReadBack:
        async def published() -> list[CloudEvent]:
            return await server.stored(STREAM)

        return published


async def test_the_stream_that_is_made_keeps_the_newest_in_files(
    server: NatsServer, publishing: Publishing
) -> None:
    publisher = NatsEventStream(Secret(server.url), stream=STREAM, max_length=100)
    events = batch(150)
    await publisher.publish(events)
    await publisher.close()

    assert events[50:] == await server.stored(STREAM)
    async with server.jet_stream() as jet_stream:
        config = (await jet_stream.stream_info(STREAM)).config
    assert ("file", SUBJECTS, 120.0) == (config.storage, config.subjects, config.duplicate_window)


async def test_a_stream_that_is_there_is_used_as_it_is(
    server: NatsServer, publishing: Publishing
) -> None:
    async with server.jet_stream() as jet_stream:
        config = StreamConfig(name="ALL", subjects=["auth.>", "more.>"], max_msgs=7)
        await jet_stream.add_stream(config)
    events = batch(9)
    await publishing(stream="ALL").publish(events)

    assert events[2:] == await server.stored("ALL")


@pytest.mark.sec("SEC-65")
async def test_a_repeat_within_the_window_is_not_stored_twice(
    server: NatsServer, publishing: Publishing
) -> None:
    events = batch(5)
    await publishing().publish(events[:3])
    await publishing().publish(events)  # of another process, after the first one has died

    assert events == await server.stored(STREAM)


async def test_a_repeat_behind_the_window_is_stored_again_with_the_same_id(
    server: NatsServer, publisher: NatsEventStream
) -> None:
    async with server.jet_stream() as jet_stream:
        config = StreamConfig(name=STREAM, subjects=SUBJECTS, duplicate_window=0.1)
        await jet_stream.add_stream(config)
    [event] = batch(1)
    stored: list[CloudEvent] = []
    while len(stored) < 2:  # the server forgets in its own time
        await publisher.publish([event])
        stored = await server.stored(STREAM)

    assert [event, event] == stored


async def test_what_was_purged_is_stored_again_by_a_replay_also_within_the_window(
    server: NatsServer, publisher: NatsEventStream
) -> None:
    events = batch(6)
    await publisher.publish(events[:4])
    for _ in range(2):
        async with server.jet_stream() as jet_stream:
            await jet_stream.purge_stream(STREAM)
        await publisher.publish(events)
        assert events == await server.stored(STREAM)
        await publisher.publish(events)  # its own repeat is kept out like any other
        assert events == await server.stored(STREAM)


async def test_a_stream_that_was_deleted_is_made_again(
    server: NatsServer, publisher: NatsEventStream
) -> None:
    events = batch(3)
    await publisher.publish(events[:1])
    async with server.jet_stream() as jet_stream:
        await jet_stream.delete_stream(STREAM)

    with pytest.raises(PublishingFailed, match="nats_no_stream"):
        await publisher.publish(events)
    await publisher.publish(events)

    assert events == await server.stored(STREAM)


@pytest.mark.sec("SEC-72")
async def test_a_server_that_is_killed_takes_nothing_and_keeps_what_it_has(
    server: NatsServer, publisher: NatsEventStream
) -> None:
    events = batch(3)
    await publisher.publish(events[:2])
    server.kill()
    with pytest.raises(PublishingFailed):
        await publisher.publish(events)
    with pytest.raises(PublishingFailed, match="nats_unreachable") as failure:
        await publisher.publish(events)
    assert "AUTH_NATS_URL" in failure.value.advice

    await server.start()
    await publisher.publish(events)
    assert events == await server.stored(STREAM)


@pytest.mark.sec("SEC-72")
async def test_a_server_that_does_not_answer_is_not_waited_for_for_ever(
    server: NatsServer, publisher: NatsEventStream
) -> None:
    events = batch(3)
    await publisher.publish(events[:1])
    server.freeze()
    for _ in range(2):  # on the connection that there is, and on a new one
        with pytest.raises(PublishingFailed, match=r"nats_too_slow|nats_unreachable"):
            await publisher.publish(events)
    server.thaw()

    await publisher.publish(events)
    assert events == await server.stored(STREAM)


@pytest.mark.sec("SEC-65")
async def test_a_stream_that_is_full_takes_none_of_a_subject_after_one_that_it_refused(
    server: NatsServer, publisher: NatsEventStream
) -> None:
    async with server.jet_stream() as jet_stream:
        config = StreamConfig(name=STREAM, subjects=SUBJECTS, max_msgs=2, discard=DiscardPolicy.NEW)
        await jet_stream.add_stream(config)
    events = batch(5)

    with pytest.raises(PublishingFailed, match="nats_stream_full"):
        await publisher.publish(events)

    assert events[:2] == await server.stored(STREAM)


@pytest.mark.parametrize(
    ("options", "user", "reason", "word"),
    [
        (("--user", "a", "--pass", "right"), "a:wrong@", "nats_unauthorized", "password"),
        (("--user", "a", "--pass", "right"), "", "nats_unauthorized", "password"),
        (("--auth", "a-token"), "another-token@", "nats_unauthorized", "token"),
        ((), "", "nats_no_jetstream", "-js"),
    ],
)
@pytest.mark.sec("SEC-67")
async def test_what_is_wrong_is_said_without_what_is_secret(
    server: NatsServer,
    publishing: Publishing,
    options: tuple[str, ...],
    user: str,
    reason: str,
    word: str,
) -> None:
    server.kill()
    await server.start(*options, jet_stream=bool(options))

    with pytest.raises(PublishingFailed, match=reason) as failure:
        await publishing(server.url.replace("//", f"//{user}")).publish(batch(1))

    assert word in failure.value.advice
    told = f"{failure.value!r} {failure.value.advice} {failure.value.__cause__!r}"
    assert [] == [secret for secret in ("wrong", "another-token") if secret in told]


async def test_subjects_that_another_stream_takes_are_told(
    server: NatsServer, publishing: Publishing
) -> None:
    async with server.jet_stream() as jet_stream:
        await jet_stream.add_stream(StreamConfig(name="OTHER", subjects=["auth.>"]))

    with pytest.raises(PublishingFailed, match="nats_other_stream") as failure:
        await publishing().publish(batch(1))

    assert "AUTH_NATS_STREAM" in failure.value.advice


async def test_one_server_of_several_is_enough(server: NatsServer, publishing: Publishing) -> None:
    events = batch(2)
    await publishing(f"nats://127.0.0.1:1,{server.url}").publish(events)

    assert events == await server.stored(STREAM)
