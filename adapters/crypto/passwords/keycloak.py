"""Keycloak's two JSON documents, turned into the string that others write for the same hash."""

from typing import Any

import msgspec

from adapters.crypto.passwords.reading import MALFORMED, UNKNOWN, Refused, binary, unpadded

_PBKDF2 = {"pbkdf2": "pbkdf2", "pbkdf2-sha256": "pbkdf2-sha256", "pbkdf2-sha512": "pbkdf2-sha512"}


class _Secret(msgspec.Struct):
    value: str
    salt: str


class _Data(msgspec.Struct, rename="camel"):
    hash_iterations: int
    algorithm: str
    additional_parameters: dict[str, list[str]] = {}


class _Credential(msgspec.Struct, rename="camel"):
    credential_data: Any
    secret_data: Any


def convert(text: str) -> str:
    """``{"credentialData": …, "secretData": …}`` as passlib or PHC would write it.

    Each of the two may be an object or, as Keycloak exports it, a string of JSON. Raises Refused.
    """
    try:
        credential = msgspec.json.decode(text, type=_Credential)
        data = _document(credential.credential_data, _Data)
        secret = _document(credential.secret_data, _Secret)
    except (msgspec.MsgspecError, RecursionError):
        raise Refused(MALFORMED) from None  # the cause would quote the hash
    salt, digest = unpadded(binary(secret.salt)), unpadded(binary(secret.value))
    if data.algorithm in _PBKDF2:
        return f"${_PBKDF2[data.algorithm]}${data.hash_iterations}${salt}${digest}"
    if data.algorithm != "argon2":
        raise Refused(UNKNOWN)
    more = {name: values[0] for name, values in data.additional_parameters.items() if values}
    version = {"1.0": "16", "1.3": "19"}.get(more.get("version", "1.3"), "")
    cost = f"m={more.get('memory', '')},t={data.hash_iterations},p={more.get('parallelism', '')}"
    return f"$argon2{more.get('type', 'id')}$v={version}${cost}${salt}${digest}"


def _document(value: Any, kind: type[Any]) -> Any:
    if isinstance(value, str):
        return msgspec.json.decode(value, type=kind)
    return msgspec.convert(value, kind)
