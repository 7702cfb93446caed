"""A verifier without threads: a test decides when it hears of something."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from auth_core.testing.issuer import InMemoryIssuer
from auth_core.tokens.verify import SyncTokenVerifier
from tests.unit.auth_core.tokens.conftest import AUDIENCE, ISSUER, Forge


@dataclass
class Relying:
    """A relying service in a test's hands."""

    forge: Forge
    issuer: InMemoryIssuer
    verifier: SyncTokenVerifier

    def listen(self):
        """Hear what the issuer has to say now."""
        self.verifier._keys.renew()
        self.verifier._follower.follow()

    def pass_time(self, seconds):
        self.forge.clock.advance(timedelta(seconds=seconds))

    def verify(self, token):
        return self.verifier.verify(token)


@pytest.fixture
def make_relying(forge):
    def make(**options):
        def monotonic():
            return forge.clock.now().timestamp()

        issuer = InMemoryIssuer([dict(forge.key.public_jwk)], monotonic=monotonic)
        if options.pop("introspect", False):
            options["introspection"] = issuer
        verifier = SyncTokenVerifier(
            issuer=ISSUER,
            audience=AUDIENCE,
            keys=issuer,
            revocations=issuer,
            clock=forge.clock,
            monotonic=monotonic,
            **options,
        )
        return Relying(forge, issuer, verifier)

    return make


@pytest.fixture
def relying(make_relying):
    relying = make_relying()
    relying.listen()
    return relying
