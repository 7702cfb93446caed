"""The contracts of what a verifier learns from: `KeySource`, `RevocationSource`, `Introspector`."""

import json
from collections.abc import Callable
from uuid import UUID

import pytest

from auth_core.tokens.verify import (
    Alive,
    Introspector,
    KeySource,
    Reset,
    Revocation,
    RevocationSource,
    Revoked,
    Snapshot,
    SourceLost,
)

EndSession = Callable[[], Revocation]
"""Ends some session at the issuer; what its followers must hear."""
CutOff = Callable[[], None]
"""Lets nobody reach the issuer any more."""

_PATIENCE = 1_000
"""Messages that say nothing new before a follower has heard what was committed before it came."""


class KeySourceContract:
    """Needs ``key_source``, a `KeySource`, and ``cut_off``, a `CutOff`."""

    def test_the_keys_are_a_jwk_set(self, key_source: KeySource) -> None:
        fetched = key_source.fetch_keys(None)

        assert fetched.document is not None
        for key in json.loads(fetched.document)["keys"]:
            assert {"kty", "kid", "alg"} <= key.keys()
            assert not {"d", "p", "q", "k"} & key.keys()
        assert fetched.max_age is None or fetched.max_age >= 0

    def test_what_is_still_the_same_is_not_sent_again(self, key_source: KeySource) -> None:
        first = key_source.fetch_keys(None)

        again, other = key_source.fetch_keys(first.etag), key_source.fetch_keys('"another"')

        assert (None, first.etag) == (again.document, again.etag)
        assert first.document == other.document

    @pytest.mark.sec("SEC-72")
    def test_an_issuer_that_cannot_be_reached_is_told(
        self, key_source: KeySource, cut_off: CutOff
    ) -> None:
        cut_off()

        with pytest.raises(SourceLost):
            key_source.fetch_keys(None)


class RevocationSourceContract:
    """Needs ``revocation_source``, a `RevocationSource`; ``end_session``, an `EndSession`; and
    ``cut_off``, a `CutOff`.
    """

    @pytest.mark.sec("SEC-29")
    def test_a_new_follower_gets_everything_first(
        self, revocation_source: RevocationSource, end_session: EndSession
    ) -> None:
        ended = [end_session() for _ in range(3)]

        feed = revocation_source.follow(None)
        first = next(message for message in feed if message is not None)
        feed.close()
        feed.close()

        assert isinstance(first, Snapshot)
        assert set(_ids(ended)) <= set(_ids(first.revocations))

    @pytest.mark.sec("SEC-29")
    def test_whoever_resumes_misses_nothing(
        self, revocation_source: RevocationSource, end_session: EndSession
    ) -> None:
        known = end_session()
        cursor, heard = _follow(revocation_source, None, known.session_id)
        missed = [end_session() for _ in range(3)]

        _, heard = _follow(revocation_source, cursor, missed[-1].session_id)

        assert set(_ids(missed)) <= {each.session_id for each in heard}
        for each in missed:
            [told] = {other.expires_at for other in heard if other.session_id == each.session_id}
            assert told >= each.expires_at

    @pytest.mark.sec("SEC-72")
    def test_an_issuer_that_cannot_be_reached_is_told(
        self, revocation_source: RevocationSource, cut_off: CutOff
    ) -> None:
        cut_off()

        with pytest.raises(SourceLost):
            list(revocation_source.follow(None))


class IntrospectorContract:
    """Needs ``introspector``, an `Introspector`; ``good_token``, a token that it calls active; and
    ``cut_off``, a `CutOff`.
    """

    def test_a_good_token_is_active(self, introspector: Introspector, good_token: str) -> None:
        assert introspector.introspect(good_token)

    @pytest.mark.parametrize("token", ["", "abc", "a.b.c"])
    def test_what_is_no_token_is_not(self, introspector: Introspector, token: str) -> None:
        assert not introspector.introspect(token)

    @pytest.mark.sec("SEC-72")
    def test_an_issuer_that_cannot_be_reached_is_told(
        self, introspector: Introspector, good_token: str, cut_off: CutOff
    ) -> None:
        cut_off()

        with pytest.raises(SourceLost):
            introspector.introspect(good_token)


def _ids(revocations: list[Revocation]) -> list[UUID]:
    return [each.session_id for each in revocations]


def _follow(
    source: RevocationSource, cursor: str | None, until: UUID
) -> tuple[str | None, list[Revocation]]:
    """Listen until this session is told of; where to resume, and all that was told."""
    heard: list[Revocation] = []
    patience = _PATIENCE
    while patience > 0:
        feed = source.follow(cursor)
        try:
            for message in feed:
                patience -= 1
                match message:
                    case Snapshot():
                        heard += message.revocations
                        cursor = message.cursor
                    case Revoked():
                        heard.append(message.revocation)
                        cursor = message.cursor or cursor
                    case Alive():
                        cursor = message.cursor or cursor
                    case Reset():
                        cursor = None
                if any(each.session_id == until for each in heard):
                    return cursor, heard
                if patience < 0:
                    break
        except SourceLost:
            patience -= 1
        finally:
            feed.close()
    raise AssertionError("an ended session was never told of")
