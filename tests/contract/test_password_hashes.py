"""Hashes of other services, by published vectors, and the pepper of our own."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator

import pytest

from adapters.crypto import Argon2Hasher, StoredHashes
from adapters.crypto.passwords.foreign import read
from auth_core.kernel import InvalidInput, Misconfigured, Secret


def _octets(digits: str) -> str:
    return base64.b64encode(bytes.fromhex(digits)).rstrip(b"=").decode()


RFC_7914 = _octets(
    "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
    "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
)
RFC_6070 = _octets("3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038")
RFC_6070_SALT = b"saltSALTsaltSALTsaltSALTsaltSALTsalt"
FIREBASE_KEY = (
    "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
)
FIREBASE_HASH = (
    "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
)

# Where each comes from is said beside it. "made" means: with the library named, for these tests.
VECTORS = [
    # crypt_blowfish 1.3, wrapper.c (Openwall)
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U*", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    ("", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
    # RFC 7914 §12, the third
    ("pleaseletmein", f"$scrypt$ln=14,r=8,p=1${_octets(b'SodiumChloride'.hex())}${RFC_7914}"),
    # RFC 6070, the fifth
    ("passwordPASSWORDpassword", f"$pbkdf2$4096${_octets(RFC_6070_SALT.hex())}${RFC_6070}"),
    # passlib 1.7.4, test_handlers_scrypt.py and test_handlers_pbkdf2.py
    (
        "test",
        "$scrypt$ln=8,r=8,p=1$wlhLyXmP8b53bm1NKYVQqg$mTpvG8lzuuDk+DWz8HZIB6Vum6erDuUm0As5yU+VxWA",
    ),
    (
        "password",
        "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ",
    ),
    # passlib 1.7.4, test_handlers_django.py
    (
        "not a password",
        "pbkdf2_sha256$10000$kjVJaVz6qsnJ$5yPHw3rwJGECpUf70daLGhOrQ5+AMxIJdz1c3bqK1Rs=",
    ),
    # the README of firebase/scrypt
    (
        "user1password",
        f"$firebase-scrypt$ln=14,r=8,ss=Bw==,sk={FIREBASE_KEY}$42xEC+ixf3L2lw==${FIREBASE_HASH}",
    ),
    # phc-winner-argon2, test.c
    (
        "password",
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
    ),
    (
        "password",
        "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
    ),
    (
        "password",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    ),
]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _django_pbkdf2(password: str, algorithm: str = "sha256") -> str:
    """As `django.contrib.auth.hashers` encodes it."""
    digest = hashlib.pbkdf2_hmac(algorithm, password.encode(), b"seasalt", 1000)
    return f"pbkdf2_{algorithm}$1000$seasalt${_b64(digest)}"


def _django_scrypt(password: str) -> str:
    digest = hashlib.scrypt(password.encode(), salt=b"seasalt", n=1024, r=8, p=1, dklen=64)
    return f"scrypt$1024$seasalt$8$1${_b64(digest)}"


def _keycloak(password: str, *, nested: bool) -> str:
    """As a realm export has it: two strings of JSON; as the admin API has it: two objects."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), b"0123456789abcdef", 2100, 64)
    secret = {"value": _b64(digest), "salt": _b64(b"0123456789abcdef"), "additionalParameters": {}}
    data = {"hashIterations": 2100, "algorithm": "pbkdf2-sha512", "additionalParameters": {}}
    if nested:
        return json.dumps({"credentialData": data, "secretData": secret})
    return json.dumps({"credentialData": json.dumps(data), "secretData": json.dumps(secret)})


def _keycloak_argon2(vector: str) -> str:
    _, kind, _, _, salt, digest = vector.split("$")
    parameters = {
        "hashLength": ["32"],
        "memory": ["65536"],
        "type": [kind.removeprefix("argon2")],
        "version": ["1.3"],
        "parallelism": ["1"],
    }
    data = {"hashIterations": 2, "algorithm": "argon2", "additionalParameters": parameters}
    secret = {"value": digest, "salt": salt, "additionalParameters": {}}
    return json.dumps({"credentialData": json.dumps(data), "secretData": json.dumps(secret)})


MADE = [
    ("naïve pässword", _django_pbkdf2("naïve pässword")),
    ("naïve pässword", _django_pbkdf2("naïve pässword", "sha1")),
    ("naïve pässword", _django_scrypt("naïve pässword")),
    ("naïve pässword", _keycloak("naïve pässword", nested=True)),
    ("naïve pässword", _keycloak("naïve pässword", nested=False)),
    ("password", _keycloak_argon2(VECTORS[-1][1])),
]
ALL = [*VECTORS, *MADE]


@pytest.fixture
def hasher() -> Iterator[Argon2Hasher]:
    hasher = Argon2Hasher(memory_kib=64, passes=1, threads=1)
    yield hasher
    hasher.close()


MakeHasher = Callable[..., Argon2Hasher]


@pytest.fixture
def make() -> Iterator[MakeHasher]:
    """Hashers with the pepper keys that are named."""
    made: list[Argon2Hasher] = []

    def make(*names: str) -> Argon2Hasher:
        keys = [(name, Secret(name.encode() * 32)) for name in names]
        made.append(Argon2Hasher(memory_kib=64, passes=1, threads=1, pepper=keys))
        return made[-1]

    yield make
    for hasher in made:
        hasher.close()


@pytest.mark.parametrize(("password", "text"), ALL)
async def test_a_foreign_hash_verifies_its_password_and_no_other(
    hasher: Argon2Hasher, password: str, text: str
) -> None:
    stored = StoredHashes().accept(text)

    assert await hasher.verify(Secret(password), stored)
    assert not await hasher.verify(Secret(f"{password}?"), stored)
    assert not hasher.is_current(stored)
    assert stored == StoredHashes().accept(stored.reveal())


BCRYPT = "$2b${cost}$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"
SALT, DIGEST = _b64(b"s" * 16).rstrip("="), _b64(b"d" * 32).rstrip("=")
COSTLY = [
    BCRYPT.format(cost="16"),
    BCRYPT.format(cost="31"),
    f"$scrypt$ln=18,r=8,p=1${SALT}${DIGEST}",
    f"$scrypt$ln=17,r=9,p=1${SALT}${DIGEST}",
    f"$scrypt$ln=17,r=8,p=11${SALT}${DIGEST}",
    f"scrypt$262144$salt$8$1${DIGEST}",
    f"pbkdf2_sha256$10000001$salt${DIGEST}",
    f"$pbkdf2-sha512$9999999999${SALT}${DIGEST}",
    f"$argon2id$v=19$m=1048577,t=1,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=19456,t=11,p=1${SALT}${DIGEST}",
    f"$argon2i$v=19$m=19456,t=1,p=17${SALT}${DIGEST}",
    f"$firebase-scrypt$ln=18,r=8,ss=Bw==,sk={DIGEST}${SALT}${DIGEST}",
]
MALFORMED = [
    "$2b$12$short",
    "$2b$03$" + BCRYPT[-53:],
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YQ",
    f"$argon2id$v=19$m=8,t=1,p=2${SALT}${DIGEST}",
    f"$argon2id$v=19$m=8,t=1${SALT}${DIGEST}",
    f"$argon2id$v=18x$m=8,t=1,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=8,t=1,p=1,x=1${SALT}${DIGEST}",
    f"$scrypt$ln=14,r=8${SALT}${DIGEST}",
    f"scrypt$1000$salt$8$1${DIGEST}",
    f"pbkdf2_sha256$0$salt${DIGEST}",
    f"pbkdf2_sha256$-1$salt${DIGEST}",
    "pbkdf2_sha256$1000$salt$c2hvcnQ",
    f"$firebase-scrypt$ln=14,r=8,ss=Bw==${SALT}${DIGEST}",
    '{"credentialData": {}, "secretData": {}}',
    '{"credentialData": "nonsense", "secretData": "canary"}',
    "$2b$12$" + "é" * 53,
    "$argon2id$" + "x" * 5000,
    "",
]
UNKNOWN = [
    "canary",
    "{SSHA}abcdef",
    "$1$salt$digest",
    "md5$salt$abc",
    f"$pbkdf2-md5$1${SALT}${DIGEST}",
]


@pytest.mark.sec("SEC-09")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        *((text, "too_costly") for text in COSTLY),
        *((text, "malformed") for text in MALFORMED[:-1]),
        *((text, "unknown_format") for text in UNKNOWN),
    ],
)
def test_what_may_not_be_evaluated_is_refused_at_import_and_not_quoted(
    text: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        StoredHashes().accept(text)

    (problem,) = caught.value.problems
    assert ("password_hash", code) == (problem.field, problem.type)
    assert text not in f"{caught.value!r}"


@pytest.mark.sec("SEC-09")
@pytest.mark.parametrize("text", [*COSTLY, *MALFORMED, *UNKNOWN])
async def test_what_may_not_be_evaluated_never_is(hasher: Argon2Hasher, text: str) -> None:
    """Also when it stands in the database: the answer comes at the cost of one of our hashes."""
    assert not await hasher.verify(Secret("password"), Secret(text))


@pytest.mark.sec("SEC-10")
async def test_a_peppered_hash_names_its_key_and_needs_it(make: MakeHasher) -> None:
    password = Secret("correct horse battery staple")
    peppered = make("2026")

    stored = await peppered.hash(password)

    assert stored.reveal().startswith("$argon2id$v=19$m=64,t=1,p=1,keyid=2026$")
    assert peppered.is_current(stored)
    assert await peppered.verify(password, stored)
    assert not await peppered.verify(Secret("another"), stored)
    without_name = Secret(stored.reveal().replace(",keyid=2026", ""))
    assert not await peppered.verify(password, without_name)


@pytest.mark.sec("SEC-10")
async def test_a_pepper_key_rotates_old_and_new_verify_and_a_removed_one_locks(
    make: MakeHasher,
) -> None:
    password = Secret("correct horse battery staple")
    plain, old = await make().hash(password), await make("2025").hash(password)
    both, new_only = make("2026", "2025"), make("2026")

    for stored in (plain, old):
        assert await both.verify(password, stored)
        assert not both.is_current(stored)
    new = await both.hash(password)
    assert both.is_current(new)
    assert await new_only.verify(password, new)

    assert not await new_only.verify(password, old)
    assert not await make().verify(password, old)
    assert not await make().verify(password, new)


@pytest.mark.sec("SEC-10")
async def test_another_key_under_the_same_name_opens_nothing(make: MakeHasher) -> None:
    password = Secret("correct horse battery staple")
    stored = await make("2026").hash(password)
    other = Argon2Hasher(
        memory_kib=64,
        passes=1,
        threads=1,
        pepper=[("2026", Secret(b"another key of 32 bytes " * 2))],
    )

    assert not await other.verify(password, stored)
    other.close()


@pytest.mark.parametrize(
    "keys",
    [
        [("a b", Secret(b"k" * 32))],
        [("a,m=8", Secret(b"k" * 32))],
        [("", Secret(b"k" * 32))],
        [("a", Secret(b"k" * 31))],
        [("a", Secret(b"k" * 32)), ("a", Secret(b"l" * 32))],
    ],
)
def test_what_is_no_pepper_key_is_refused(keys: list[tuple[str, Secret[bytes]]]) -> None:
    with pytest.raises(Misconfigured):
        Argon2Hasher(pepper=keys, threads=1)


@pytest.mark.parametrize("text", [stored for _, stored in VECTORS])
def test_one_changed_character_of_a_digest_is_another_hash(text: str) -> None:
    position = len(text) - 10
    other = "A" if text[position] != "A" else "B"
    changed = text[:position] + other + text[position + 1 :]

    password = next(password for password, stored in VECTORS if stored == text)
    assert not read(changed)(password.encode())
