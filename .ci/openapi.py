"""Writes docs/reference/openapi.json from the code: every change of the API shows in review."""

from pathlib import Path

import msgspec
from litestar.serialization import encode_json

from app.api.docs import description_of
from app.container import Container
from app.main import create_app
from app.settings import load_settings

_NOWHERE = {
    "DATABASE_URL": "postgresql://localhost/nowhere",
    "REDIS_URL": "redis://localhost",
    "AUTH_MASTER_KEY": bytes(range(32)).hex(),
}
PATH = Path(__file__).parents[1] / "docs" / "reference" / "openapi.json"


def rendered() -> str:
    """The document as a development service serves it; nothing is connected to make it."""
    document = description_of(create_app(Container(load_settings(_NOWHERE))))
    # Litestar keeps the paths of one handler in a set
    document["paths"] = dict(sorted(document["paths"].items()))
    return msgspec.json.format(encode_json(document), indent=2).decode() + "\n"


if __name__ == "__main__":
    PATH.write_text(rendered(), encoding="utf-8")
