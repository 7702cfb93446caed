"""The contracts of what a verifier learns from, over HTTP."""

from uuid import uuid4

import pytest

from auth_core.testing.contracts import (
    CutOff,
    EndSession,
    IntrospectorContract,
    KeySourceContract,
    RevocationSourceContract,
)
from auth_core.tokens.verify import HttpIssuer, Revocation
from tests.integration.verify.test_http_issuer import FakeIssuer, issuer, now, source

__all__ = ["issuer"]  # a fixture


class _Http:
    @pytest.fixture
    def http(self, issuer: FakeIssuer) -> HttpIssuer:
        return source(issuer)

    @pytest.fixture
    def cut_off(self, issuer: FakeIssuer) -> CutOff:
        def cut_off():
            issuer.shutdown()
            issuer.server_close()

        return cut_off

    @pytest.fixture
    def end_session(self, issuer: FakeIssuer) -> EndSession:
        def end_session():
            ended = Revocation(session_id=uuid4(), expires_at=int(now()) + 900)
            issuer.revoked.append((str(ended.session_id), ended.expires_at))
            return ended

        return end_session


class TestKeys(_Http, KeySourceContract):
    @pytest.fixture
    def key_source(self, http):
        return http


class TestRevocations(_Http, RevocationSourceContract):
    @pytest.fixture
    def revocation_source(self, http):
        return http


class TestIntrospection(_Http, IntrospectorContract):
    @pytest.fixture
    def introspector(self, http):
        return http

    @pytest.fixture
    def good_token(self, issuer: FakeIssuer) -> str:
        return issuer.token(uuid4())
