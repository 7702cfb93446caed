"""The contract of `Sealer`."""

import secrets

import pytest

from auth_core.kernel import Misconfigured, Secret, WrongMasterKey
from auth_core.keys import Sealer

CONTEXT = "signing-key:access:RS256:kid"


class SealerContract:
    """Needs ``sealer`` and ``another_sealer``, a `Sealer` under another master key."""

    @pytest.mark.parametrize("size", [0, 1, 16, 31, 32, 33, 4096, 100_000])
    def test_what_was_sealed_opens_again(self, sealer: Sealer, size: int) -> None:
        plaintext = Secret(secrets.token_bytes(size))

        assert plaintext == sealer.open(sealer.seal(plaintext, context=CONTEXT), context=CONTEXT)

    @pytest.mark.sec("SEC-46")
    def test_the_seal_hides_the_plaintext(self, sealer: Sealer) -> None:
        plaintext = secrets.token_bytes(32)

        assert plaintext not in sealer.seal(Secret(plaintext), context=CONTEXT)

    @pytest.mark.sec("SEC-46")
    def test_the_same_plaintext_is_never_sealed_alike(self, sealer: Sealer) -> None:
        plaintext = Secret(bytes(64))

        sealed = {sealer.seal(plaintext, context=CONTEXT) for _ in range(100)}

        assert 100 == len(sealed)
        assert 100 == len({value[-32:] for value in sealed})

    @pytest.mark.sec("SEC-46")
    def test_another_master_key_does_not_open_it(
        self, sealer: Sealer, another_sealer: Sealer
    ) -> None:
        sealed = sealer.seal(Secret(b"secret"), context=CONTEXT)

        with pytest.raises(WrongMasterKey):
            another_sealer.open(sealed, context=CONTEXT)

    @pytest.mark.sec("SEC-46")
    @pytest.mark.parametrize("context", ["", "signing-key", f"{CONTEXT} ", CONTEXT.upper()])
    def test_another_context_does_not_open_it(self, sealer: Sealer, context: str) -> None:
        sealed = sealer.seal(Secret(b"secret"), context=CONTEXT)

        with pytest.raises(WrongMasterKey):
            sealer.open(sealed, context=context)

    @pytest.mark.sec("SEC-46")
    def test_a_changed_byte_is_noticed_wherever_it_is(self, sealer: Sealer) -> None:
        sealed = sealer.seal(Secret(b"secret"), context=CONTEXT)

        for position, byte in enumerate(sealed):
            changed = sealed[:position] + bytes([byte ^ 1]) + sealed[position + 1 :]
            with pytest.raises(Misconfigured):
                sealer.open(changed, context=CONTEXT)

    @pytest.mark.sec("SEC-46")
    def test_a_missing_or_an_extra_byte_is_noticed(self, sealer: Sealer) -> None:
        sealed = sealer.seal(Secret(b"secret"), context=CONTEXT)

        for end in range(len(sealed)):
            with pytest.raises(Misconfigured):
                sealer.open(sealed[:end], context=CONTEXT)
        with pytest.raises(Misconfigured):
            sealer.open(sealed + b"\0", context=CONTEXT)

    @pytest.mark.sec("SEC-67")
    def test_the_error_tells_no_secret(self, sealer: Sealer, another_sealer: Sealer) -> None:
        sealed = sealer.seal(Secret(b"canary"), context=CONTEXT)

        with pytest.raises(WrongMasterKey) as caught:
            another_sealer.open(sealed, context=CONTEXT)

        assert "canary" not in f"{caught.value!r} {caught.value} {caught.value.message}"
