"""From the environment to the tree, collecting every problem on the way."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from app.settings import rules
from app.settings.field import Field
from app.settings.fields import FIELDS
from app.settings.parse import BadValue
from app.settings.tree import Settings, Source
from auth_core.kernel import Misconfigured

_PREFIX = "AUTH_"
_FILE = "_FILE"
_MAX_FILE_BYTES = 65536
_MAX_SHOWN = 80
# What Kubernetes puts into the environment for a service called "auth" or "auth-…".
_SERVICE_LINK = re.compile(r"AUTH_(\w+_)?SERVICE_(HOST|PORT(_\w+)?)|AUTH_\w+_(PROTO|ADDR)")
_SERVICE_LINK_VALUE = re.compile(r"(?:tcp|udp|sctp)://\S+")
_SERVICE_LINK_PORT = re.compile(r"AUTH_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)_PORT")


class SettingsError(Misconfigured):
    """The environment is wrong. The message has one line per problem and shows no secret."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class _Raw(msgspec.Struct, frozen=True):
    """A value before it is parsed, under the name that the operator used."""

    name: str
    text: str
    source: Source


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Build the settings from ``environ`` and the files that ``NAME_FILE`` variables point to.

    An empty value counts as not set.

    Raises:
        SettingsError: with every problem found, not only the first.

    """
    problems = _unknown_names(environ)
    raw: dict[str, _Raw] = {}
    for field in FIELDS:
        found = _find(field, environ, problems)
        if found is not None:
            raw[field.name] = found
    values = _parse_all(raw, problems)
    problems += rules.check(values, frozenset(raw))
    if problems:
        raise SettingsError(tuple(problems))
    return _build(values, raw)


def _unknown_names(environ: Mapping[str, str]) -> list[str]:
    known = [name for field in FIELDS for name in field.names]
    known += [name + _FILE for field in FIELDS if field.secret for name in field.names]
    problems = []
    for name in sorted(environ):
        if not name.startswith(_PREFIX) or name in known or _is_service_link(name, environ[name]):
            continue
        problems.append(f"{_short(name)} is not a setting; the nearest is {_nearest(name, known)}")
    return problems


def _nearest(name: str, known: list[str]) -> str:
    if name.removeprefix(_PREFIX) in known:
        return name.removeprefix(_PREFIX)
    return difflib.get_close_matches(name[:_MAX_SHOWN], known, n=1, cutoff=0.0)[0]


def _is_service_link(name: str, value: str) -> bool:
    if _SERVICE_LINK.fullmatch(name) or _SERVICE_LINK_PORT.fullmatch(name):
        return True
    return "_PORT" in name and _SERVICE_LINK_VALUE.fullmatch(value) is not None


def _find(field: Field, environ: Mapping[str, str], problems: list[str]) -> _Raw | None:
    found: list[_Raw] = []
    for name in field.names:
        text = environ.get(name, "")
        text = text if field.kind.keep_spaces else text.strip()
        if text:
            found.append(_Raw(name, text, "env"))
        file = environ.get(name + _FILE, "").strip() if field.secret else ""
        if file:
            found.append(_read(field, name + _FILE, file, problems))
    if len({candidate.text for candidate in found}) > 1 or len({raw.source for raw in found}) > 1:
        both = " and ".join(candidate.name for candidate in found)
        problems.append(f"{both} are both set: keep one")
    return found[0] if found else None


def _read(field: Field, name: str, file: str, problems: list[str]) -> _Raw:
    text = ""
    try:
        text = _content(Path(file))
        text = text if field.kind.keep_spaces else text.strip()
        reason = "" if text else "is empty"
    except BadValue as error:
        reason = str(error)
    except UnicodeError:
        reason = "is not valid UTF-8"
    except (OSError, ValueError) as error:
        reason = f"cannot be read ({getattr(error, 'strerror', None) or 'not a path'})"
    if reason:
        problems.append(f"{name}={_short(file)}: the file {reason}")
    return _Raw(name, text, "file")


def _content(path: Path) -> str:
    if not path.is_file():  # a pipe would block, a device would never end
        raise BadValue("is not a regular file" if path.exists() else "does not exist")
    with path.open("rb") as stream:
        content = stream.read(_MAX_FILE_BYTES + 1)
    if len(content) > _MAX_FILE_BYTES:
        raise BadValue(f"is larger than {_MAX_FILE_BYTES} bytes")
    return content.decode().removesuffix("\n").removesuffix("\r")


def _short(text: str) -> str:
    return ascii(text) if len(text) <= _MAX_SHOWN else ascii(text[:_MAX_SHOWN]) + "..."


def _parse_all(raw: Mapping[str, _Raw], problems: list[str]) -> dict[str, object]:
    """Values by main name; a name whose value is bad is left out."""
    values: dict[str, object] = {}
    embedded = not ({"DATABASE_URL", *rules.SAY_WHERE_REDIS_IS} & raw.keys())
    for field in FIELDS:  # ENVIRONMENT is first: the defaults of the others depend on it
        given = raw.get(field.name)
        if given is None:
            text = field.default
            if field.name == "ENVIRONMENT":
                text = "development" if embedded else field.default
            elif values.get("ENVIRONMENT") == "development":
                text = field.default if field.development is None else field.development
            values[field.name] = field.kind.parse(text) if text else None
        elif given.text:
            try:
                values[field.name] = field.kind.parse(given.text)
            except BadValue as reason:
                problems.append(_problem(field, given, str(reason)))
    return values


def _problem(field: Field, given: _Raw, reason: str) -> str:
    # a URL pasted into the wrong setting may carry a password
    hidden = field.secret or ("://" in given.text and "@" in given.text)
    shown = "'***'" if hidden else _short(given.text)
    return f"{given.name}={shown} {reason}; allowed: {field.kind.allowed}"


def _build(values: Mapping[str, object], raw: Mapping[str, _Raw]) -> Settings:
    given = [field for field in FIELDS if field.name in raw]
    settings: dict[str, object] = {
        **_groups({**values, **rules.redis_parts(values)}),
        "not_in_effect": tuple(raw[field.name].name for field in given if not field.in_effect),
        "sources": tuple((field.name, raw[field.name].source) for field in given),
    }
    return msgspec.convert(settings, Settings)


def _groups(values: Mapping[str, object]) -> dict[str, dict[str, object]]:
    groups: dict[str, dict[str, object]] = {}
    for field in FIELDS:
        if field.in_effect:
            group, _, attribute = field.attribute.partition(".")
            groups.setdefault(group, {})[attribute] = values[field.name]
    return groups
