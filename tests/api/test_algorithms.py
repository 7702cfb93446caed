"""Deployments that bring their own key along, or still use HS256."""

from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from auth_core.kernel import Secret
from tests.api.asking import AUTH, header_of, sign_up
from tests.service_role import as_service, migrate
from tests.serving import bearer, serving


@pytest.fixture
async def own(environ: dict[str, str], postgres_url: str, tmp_path: Path):
    """A deployment with a database, and so with keys, of its own."""
    import asyncio
    from urllib.parse import urlsplit, urlunsplit
    from uuid import uuid4

    name = f"fm_keys_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    parts = urlsplit(postgres_url)
    url = urlunsplit(parts._replace(path=f"/{name}"))
    url = url if "://" in url else url.replace(":/", "://", 1)
    await asyncio.to_thread(migrate, Secret(url))
    yield environ | {"DATABASE_URL": as_service(url)}
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


async def test_a_key_from_a_file_signs_and_is_imported_once(own, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    settings = own | {"JWT_ALGORITHM": "ES256", "JWT_PRIVATE_KEY_PATH": str(path)}
    kids = []
    for _ in range(2):
        async with serving(settings) as client:
            tokens = await sign_up(client, f"user-{len(kids)}-of-a-file")
            header = header_of(tokens["access_token"])
            keys = (await client.get("/.well-known/jwks.json")).json()["keys"]
            assert (
                200
                == (
                    await client.get(f"{AUTH}/me", headers=bearer(tokens["access_token"]))
                ).status_code
            )
        assert ("ES256", header["kid"]) == (header["alg"], keys[0]["kid"])
        kids.append([one["kid"] for one in keys])

    assert kids[0] == kids[1]
    assert 1 == len(kids[0])


async def test_hs256_works_with_an_empty_jwks_and_moving_on_is_a_rotation(own) -> None:
    legacy = own | {"JWT_ALGORITHM": "HS256", "JWT_SECRET_KEY": "a secret of the old service" * 2}
    async with serving(legacy) as client:
        old = (await sign_up(client, "user-of-a-secret"))["access_token"]
        assert "HS256" == header_of(old)["alg"]
        assert {"keys": []} == (await client.get("/.well-known/jwks.json")).json()
        assert 200 == (await client.get(f"{AUTH}/me", headers=bearer(old))).status_code

    async with serving(own | {"JWT_ALGORITHM": "ES256"}) as client:
        assert 200 == (await client.get(f"{AUTH}/me", headers=bearer(old))).status_code
        assert ["ES256"] == [
            key["alg"] for key in (await client.get("/.well-known/jwks.json")).json()["keys"]
        ]
