"""What may be a password (NIST SP 800-63B-4 §3.1.1.2)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_core.credentials import (
    DEVELOPMENT_PASSWORD_MIN,
    PASSWORD_MAX_BYTES,
    PASSWORD_MIN,
    normalize_password,
    parse_password,
)
from auth_core.kernel import InvalidInput


def problem_of(text, **options):
    with pytest.raises(InvalidInput) as caught:
        parse_password(text, **options)
    (problem,) = caught.value.problems
    return problem.field, problem.type


@pytest.mark.sec("SEC-03")
@pytest.mark.parametrize(
    "text",
    [
        "correct horse battery staple",
        "x" * PASSWORD_MIN,
        "x" * 64,
        "x" * PASSWORD_MAX_BYTES,
        "🦊" * PASSWORD_MIN,
        "🦊" * (PASSWORD_MAX_BYTES // 4),
        " " * PASSWORD_MIN,
        "\0" * PASSWORD_MIN,
        "пароль-пароль-пароль",
        "\t\r\n\x1b\u202e\u200b password",
        "aaaaaaaaaaaaaaa",
    ],
)
def test_any_characters_will_do(text):
    assert unicodedata.normalize("NFC", text) == parse_password(text).reveal()


@pytest.mark.sec("SEC-03")
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "too_short"),
        ("x" * (PASSWORD_MIN - 1), "too_short"),
        ("🦊" * (PASSWORD_MIN - 1), "too_short"),
        ("e\u0301" * (PASSWORD_MIN - 1), "too_short"),
        ("x" * (PASSWORD_MAX_BYTES + 1), "too_long"),
        ("é" * (PASSWORD_MAX_BYTES // 2 + 1), "too_long"),
        ("🦊" * (PASSWORD_MAX_BYTES // 4 + 1), "too_long"),
        ("x" * 10_000_000, "too_long"),
        ("\ud800" * PASSWORD_MIN, "too_long"),
        ("a long enough password \udfff", "too_long"),
    ],
)
def test_a_bad_password_is_refused_with_its_reason(text, kind):
    assert ("password", kind) == problem_of(text)


def test_the_minimum_and_the_field_are_the_callers():
    assert "x" * 8 == parse_password("x" * 8, minimum=DEVELOPMENT_PASSWORD_MIN).reveal()
    assert ("new_password", "too_short") == problem_of("x" * 7, minimum=8, field="new_password")


@pytest.mark.sec("SEC-04")
def test_one_letter_has_one_form():
    composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"

    assert normalize_password(composed) == normalize_password(decomposed)


@pytest.mark.sec("SEC-04")
def test_look_alikes_stay_different():
    """NFC, not NFKC: full-width letters are other letters, and case counts."""
    forms = ["password", "ｐａｓｓｗｏｒｄ", "Password", "рassword", "ﬁsh", "fish", "x²", "x2"]  # noqa: RUF001

    assert len(forms) == len({normalize_password(form).reveal() for form in forms})


@given(st.text(st.characters(exclude_categories=()), max_size=1100))
def test_a_normalized_password_is_bounded_and_stays_as_it_is(text):
    normalized = normalize_password(text)

    if normalized is not None:
        assert len(normalized.reveal().encode()) <= PASSWORD_MAX_BYTES
        assert normalized == normalize_password(normalized.reveal())


@pytest.mark.sec("SEC-67")
@pytest.mark.parametrize("text", ["canary", "canary" * 1000])
def test_a_refusal_does_not_repeat_the_password(text):
    with pytest.raises(InvalidInput) as caught:
        parse_password(text)

    assert "canary" not in f"{caught.value!r} {caught.value.problems}"
    assert "canary" not in repr(parse_password("canary canary canary"))
