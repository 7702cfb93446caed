"""What people may say about themselves."""

import pytest

from auth_core.kernel import InvalidInput, PreconditionFailed
from auth_core.users import ClaimKind, ProfileChanges, ProfilePolicy, Registration

POLICY = ProfilePolicy(
    claims={
        "department": ClaimKind.STRING,
        "floor": ClaimKind.INTEGER,
        "load": ClaimKind.NUMBER,
        "remote": ClaimKind.BOOLEAN,
        "tags": ClaimKind.STRINGS,
    },
    time_zones=frozenset({"UTC", "Europe/Berlin"}),
)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("en", "en"),
        ("EN-gb", "en-GB"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("es-419", "es-419"),
        ("de-CH-1996", "de-CH-1996"),
        ("sl-rozaj-biske", "sl-rozaj-biske"),
        ("de-DE-u-co-phonebk", "de-DE-u-co-phonebk"),
        ("en-x-US", "en-x-us"),
    ],
)
def test_a_language_tag_gets_its_letter_case(given, kept):
    assert kept == POLICY.changes(locale=given).locale


@pytest.mark.parametrize(
    "locale",
    [
        *("", "e", "languagetoolong", "en_US", "en-", "-en", "en--US", "1n", "en-u", "é", "en\n"),
        *("en-" + "a1b2c" * 40, "i-klingon", "x-private"),
    ],
)
def test_what_is_no_language_tag_is_refused(locale):
    assert ("locale", "locale") == problem(locale=locale)


@pytest.mark.parametrize("zone", ["", "europe/berlin", "Mars/Olympus", "../etc/passwd", "Europe/"])
def test_what_is_no_time_zone_is_refused(zone):
    assert ("time_zone", "time_zone") == problem(time_zone=zone)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "https://xn--bcher-kva.example/%C3%A9?s=1#x",
        "https://[2001:db8::1]:8443/p",
        "https://e.example/" + "a" * 2030,
    ],
)
def test_a_picture_is_somewhere(url):
    assert url == POLICY.changes(picture_url=url).picture_url


@pytest.mark.sec("SEC-38", "SEC-64")
@pytest.mark.parametrize(
    "url",
    [
        *("", "http://example.com/a.png", "//example.com/a", "https://", "https:///a", "https:/a"),
        *("https://user@example.com/", "https://user:password@example.com/", "javascript:alert(1)"),
        *("data:image/png;base64,AA", "https://example.com/a b", "https://example.com/\n"),
        *(
            "https://example.com\\@evil.example/",
            "https://exämple.com/",
            "https://example.com:99999",
        ),
        *('https://example.com/"><script>', "https://e.example/" + "a" * 2031, "https://[::1/"),
    ],
)
def test_a_picture_that_is_nowhere_or_names_a_user_is_refused(url):
    assert "picture_url" == problem(picture_url=url)[0]


def test_claims_of_the_schema_are_kept():
    claims = {
        "department": "R&D",
        "floor": -3,
        "load": 0.5,
        "remote": False,
        "tags": ["a", "b"],
    }

    assert claims == POLICY.changes(claims=claims).claims
    assert {"load": 2} == POLICY.changes(claims={"load": 2}).claims
    assert {} == POLICY.changes(claims=None).claims


@pytest.mark.parametrize(
    ("claims", "field"),
    [
        ({"is_admin": True}, "claims"),
        ({"roles": ["admin"]}, "claims"),
        ({"department": 1}, "claims.department"),
        ({"department": None}, "claims.department"),
        ({"department": "a" * 257}, "claims.department"),
        ({"department": "a\0b"}, "claims.department"),
        ({"department": "\ud800"}, "claims.department"),
        ({"floor": True}, "claims.floor"),
        ({"floor": 1.0}, "claims.floor"),
        ({"floor": 2**53}, "claims.floor"),
        ({"load": "1"}, "claims.load"),
        ({"remote": 1}, "claims.remote"),
        ({"tags": "a"}, "claims.tags"),
        ({"tags": ["a", 1]}, "claims.tags"),
        ({"tags": [["a"]]}, "claims.tags"),
        ({"tags": ["a"] * 33}, "claims.tags"),
        ({"tags": ["a" * 256] * 17}, "claims"),
    ],
)
def test_claims_that_the_schema_does_not_have_are_refused(claims, field):
    assert field == problem(claims=claims)[0]


def test_no_claim_is_allowed_by_default():
    with pytest.raises(InvalidInput):
        ProfilePolicy().changes(claims={"department": "R&D"})


def test_all_problems_are_told_at_once():
    with pytest.raises(InvalidInput) as refused:
        POLICY.changes(display_name=None, locale="", time_zone="", picture_url="", claims={"a": 1})

    fields = [each.field for each in refused.value.problems]
    assert ["display_name", "locale", "time_zone", "picture_url", "claims"] == fields


async def test_none_clears_and_absent_stays(core):
    signed_in = await core.sign_in.register(Registration.parse(username="alice"))
    user_id = signed_in.user.id
    set_ = POLICY.changes(locale="de", time_zone="UTC", claims={"floor": 1})
    changed = await core.users.change(user_id, set_)

    cleared = await core.users.change(user_id, ProfileChanges(locale=None))

    assert ("de", "UTC", {"floor": 1}) == (changed.locale, changed.time_zone, changed.claims)
    assert (None, "UTC", {"floor": 1}) == (cleared.locale, cleared.time_zone, cleared.claims)
    assert ("locale",) == core.published[-1].fields
    before = len(core.published)
    assert cleared == await core.users.change(user_id, ProfileChanges(time_zone="UTC"))
    assert before == len(core.published)


async def test_a_change_for_another_version_is_refused(core):
    user = (await core.sign_in.register(Registration.parse(username="alice"))).user
    changed = await core.users.change(user.id, ProfileChanges(locale="de"), if_version=user.version)

    for change in (ProfileChanges(locale="fr"), ProfileChanges()):
        with pytest.raises(PreconditionFailed):
            await core.users.change(user.id, change, if_version=user.version)
    assert changed == await core.users.get(user.id)


def problem(**fields):
    with pytest.raises(InvalidInput) as refused:
        POLICY.changes(**fields)
    [found] = refused.value.problems
    return found.field, found.type
