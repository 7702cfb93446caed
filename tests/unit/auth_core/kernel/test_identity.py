"""Names: what may be one, and that all spellings of one name are one name."""
# ruff: noqa: RUF001 - look-alikes are what this is about

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_core.kernel import Email, InvalidInput, Username, display_name
from auth_core.kernel.canonical import canonical_email

ALPHABET = set(string.ascii_lowercase + string.digits + "._-")

FULL_WIDTH = str.maketrans(
    {chr(code): chr(code + 0xFEE0) for code in range(ord("!"), ord("~") + 1)}
)


def problem_of(parse, text):
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("abc", "abc"),
        ("John.Doe", "john.doe"),
        ("JOHN_DOE-7", "john_doe-7"),
        ("...", "..."),
        ("x" * 50, "x" * 50),
        ("ｊｏｈｎ．ｄｏｅ", "john.doe"),
        ("𝓳𝓸𝓱𝓷", "john"),
        ("𝐉𝐎𝐇𝐍", "john"),
        ("ⓙⓞⓗⓝ", "john"),
        ("ⒿⓄⒽⓃ", "john"),
        ("ﬁsher", "fisher"),
        ("straße", "strasse"),
        ("\u212aelvin", "kelvin"),
        ("ſam", "sam"),
        ("x²¹", "x21"),
        ("John@Example.COM", "john@example.com"),
        ("john@ｅｘａｍｐｌｅ。com", "john@example.com"),
        ("john@BÜCHER.example", "john@xn--bcher-kva.example"),
    ],
)
def test_a_user_name_has_one_canonical_form(text, canonical):
    assert canonical == Username.parse(text).value
    assert canonical == str(Username.parse(text))


@pytest.mark.sec("SEC-61")
@pytest.mark.parametrize("name", ["john.doe", "a-b_c.9", "john@example.com"])
def test_all_spellings_of_a_user_name_are_one_name(name):
    spellings = {
        name,
        name.upper(),
        name.title(),
        name.translate(FULL_WIDTH),
        name.upper().translate(FULL_WIDTH),
        unicodedata.normalize("NFD", name),
        unicodedata.normalize("NFKC", name.translate(FULL_WIDTH)),
    }

    assert {Username(name)} == {Username.parse(spelling) for spelling in spellings}


@pytest.mark.sec("SEC-62")
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "too_short"),
        ("ab", "too_short"),
        ("ﬃ", "too_short"),
        ("\U0001f98a\U0001f98a", "too_short"),
        ("x" * 51, "too_long"),
        ("x" * 49 + "ﬁ", "too_long"),
        ("x" * 45 + "@e.org", "too_long"),
        ("john doe", "alphabet"),
        (" john", "alphabet"),
        ("john\n", "alphabet"),
        ("john/../etc", "alphabet"),
        ("john;--", "alphabet"),
        ("<script>", "alphabet"),
        ("nul\0byte", "alphabet"),
        ("nul\0byte@example.com", "alphabet"),
        ("lone\ud800", "alphabet"),
        ("lone\udfff@example.com", "alphabet"),
        ("jоhn", "alphabet"),
        ("раураl", "alphabet"),
        ("раураl@example.com", "alphabet"),
        ("jo\u200bhn", "alphabet"),
        ("jo\u200dhn", "alphabet"),
        ("jo\u00adhn", "alphabet"),
        ("\ufeffjohn", "alphabet"),
        ("jo\u2060hn@example.com", "alphabet"),
        ("jo\u202ehn", "alphabet"),
        ("jo\u2066hn", "alphabet"),
        ("jóhn", "alphabet"),
        ("\u0131van", "alphabet"),
        ("\u0130van", "alphabet"),
        ("ivan\u0301", "alphabet"),
        ("٣٤٥", "alphabet"),
        ("john🦊", "alphabet"),
        ("john@", "alphabet"),
        ("@example.com", "alphabet"),
        ("john@localhost", "alphabet"),
    ],
)
def test_a_bad_user_name_is_refused_with_its_reason(text, kind):
    problem = problem_of(Username.parse, text)

    assert ("username", kind) == (problem.field, problem.type)
    assert problem.message


@given(st.text(max_size=60))
def test_a_user_name_is_refused_or_canonical(text):
    try:
        name = Username.parse(text).value
    except InvalidInput:
        return

    assert 3 <= len(name) <= 50
    assert name == Username.parse(name).value
    if "@" in name:
        assert name == Email.parse(name).value
    else:
        assert set(name) <= ALPHABET


@pytest.mark.sec("SEC-61")
@given(st.text(alphabet=sorted(ALPHABET | set(string.ascii_uppercase)), min_size=3, max_size=50))
def test_case_and_width_never_make_another_name(name):
    expected = Username.parse(name)

    for variant in (name.upper(), name.swapcase(), name.translate(FULL_WIDTH)):
        assert expected == Username.parse(variant)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a@b.co", "a@b.co"),
        ("John.Doe+tag@Example.ORG", "john.doe+tag@example.org"),
        ("!#$%&'*+/=?^_`{|}~-@example.com", "!#$%&'*+/=?^_`{|}~-@example.com"),
        ("ｊｏｈｎ＠ｅｘａｍｐｌｅ．ｃｏｍ", "john@example.com"),
        ("j@bücher.de", "j@xn--bcher-kva.de"),
        ("j@BÜCHER.DE", "j@xn--bcher-kva.de"),
        ("j@XN--BCHER-KVA.de", "j@xn--bcher-kva.de"),
        ("j@例え。テスト", "j@xn--r8jz45g.xn--zckzah"),
        ("a" * 64 + "@b.co", "a" * 64 + "@b.co"),
        ("a@" + "b" * 63 + ".co", "a@" + "b" * 63 + ".co"),
    ],
)
def test_an_address_has_one_canonical_form(text, canonical):
    email = Email.parse(text)

    assert canonical == email.value == str(email)
    assert email == Email.parse(email.value)
    assert canonical.rpartition("@")[0] == email.local_part


@pytest.mark.parametrize(
    "text",
    [
        "",
        "john",
        "@",
        "@example.com",
        "john@",
        "john@localhost",
        "john@.com",
        "john@example.",
        "john@example.com.",
        "john@exa mple.com",
        "john@-example.com",
        "john@example-.com",
        "john@example..com",
        "john@exam_ple.com",
        "john@[127.0.0.1]",
        "john@" + "b" * 64 + ".com",
        "a" * 65 + "@example.com",
        "john doe@example.com",
        ".john@example.com",
        "john.@example.com",
        "jo..hn@example.com",
        '"john"@example.com',
        "john@example.com\n",
        "john@example.com,eve@example.com",
        "john@eve@example.com",
        "john <john@example.com>",
        "jo\0hn@example.com",
        "john@exam\0ple.com",
        "jo\ud800hn@example.com",
        "john@exam\ud800ple.com",
        "jo\u200bhn@example.com",
        "john@\u202eexample.com",
        "jоhn@example.com",
        "jöhn@example.com",
        "john@" + "ü" * 80 + ".com",
        "\ufdfa@example.com",
    ],
)
def test_a_malformed_address_is_refused(text):
    problem = problem_of(Email.parse, text)

    assert ("email", "email") == (problem.field, problem.type)


@pytest.mark.sec("SEC-53")
@pytest.mark.parametrize("length", [254, 255, 100_000])
def test_an_address_has_at_most_254_characters(length):
    domain = ("b" * 60 + ".") * 3 + "co"
    text = "a" * 60 + "@" + "c" * (length - 61 - 1 - len(domain)) + "." + domain

    assert length == len(text)
    if length <= 254:
        assert text.lower() == Email.parse(text[:254]).value
    else:
        assert "too_long" == problem_of(Email.parse, text).type


@pytest.mark.sec("SEC-53")
def test_an_address_that_grows_beyond_254_characters_is_refused():
    assert "email" == problem_of(Email.parse, "a@" + "ü." * 80 + "com").type
    assert "email" == problem_of(Email.parse, "a@" + "\ufdfa" * 200 + ".com").type


@pytest.mark.sec("SEC-53")
def test_a_long_text_is_not_even_looked_at():
    assert None is canonical_email("a" * 255)


@given(st.emails() | st.text(max_size=80).map(lambda text: f"{text}@example.com"))
def test_an_address_is_refused_or_canonical(text):
    try:
        email = Email.parse(text)
    except InvalidInput:
        return

    assert email.value.isascii()
    assert email.value == email.value.lower()
    assert len(email.value) <= 254
    assert email == Email.parse(email.value)


@pytest.mark.parametrize(
    ("name", "email", "shown"),
    [
        ("john.doe", "john.doe@dev.faultmaven.local", "John Doe"),
        ("john_doe-smith", "john_doe-smith@dev.faultmaven.local", "John Doe Smith"),
        ("admin", "admin@dev.faultmaven.local", "Admin"),
        ("j.d@example.com", "j.d@example.com", "J D"),
        ("---", "---@dev.faultmaven.local", "---"),
        ("r2d2", "r2d2@dev.faultmaven.local", "R2d2"),
    ],
)
def test_a_user_name_has_a_default_address_and_display_name(name, email, shown):
    username = Username.parse(name)

    assert email == username.default_email().value
    assert shown == username.default_display_name()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("John", "John"),
        ("  John Doe ", "John Doe"),
        ("Zoe\u0308", "Zoë"),
        ("x", "x"),
        ("é" * 100, "é" * 100),
        ("e\u0301" * 100, "é" * 100),
        ("\u1f82" * 100, "\u1f82" * 100),
        (unicodedata.normalize("NFD", "\u1f82" * 100), "\u1f82" * 100),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("Ｆｕｌｌ", "Ｆｕｌｌ"),
        ("<b>'\"; DROP", "<b>'\"; DROP"),
    ],
)
def test_a_display_name_keeps_what_was_written(text, shown):
    assert shown == display_name(text)


@pytest.mark.sec("SEC-62")
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "too_short"),
        ("   ", "too_short"),
        ("\u3000", "too_short"),
        ("x" * 101, "too_long"),
        ("e\u0301" * 101, "too_long"),
        ("x" * 100_000, "too_long"),
        ("nul\0", "alphabet"),
        ("line\nbreak", "alphabet"),
        ("line\u2028break", "alphabet"),
        ("\x1b[31mred", "alphabet"),
        ("lone\ud800", "alphabet"),
        ("\u202enhoj", "alphabet"),
        ("\u2066john\u2069", "alphabet"),
        ("jo\u200bhn", "alphabet"),
        ("\ufeffjohn", "alphabet"),
        ("\U000e0041", "alphabet"),
    ],
)
def test_a_bad_display_name_is_refused_with_its_reason(text, kind):
    problem = problem_of(display_name, text)

    assert ("display_name", kind) == (problem.field, problem.type)


@given(st.text(max_size=410))
def test_a_display_name_is_refused_or_stays_as_it_is(text):
    try:
        shown = display_name(text)
    except InvalidInput:
        return

    assert 1 <= len(shown) <= 100
    assert shown == display_name(shown)


@pytest.mark.parametrize("parse", [Username.parse, Email.parse, display_name])
def test_the_caller_says_which_field_it_is(parse):
    with pytest.raises(InvalidInput) as caught:
        parse("", field="body.who")

    assert "body.who" == caught.value.problems[0].field
