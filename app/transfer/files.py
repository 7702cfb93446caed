"""Accounts in JSON lines and in CSV, a line at a time."""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal, TextIO

import msgspec

from auth_core.credentials import TransferRecord

Format = Literal["jsonl", "csv"]
Line = tuple[int, Mapping[str, object] | None]
"""Its number in the file, and its fields unless it cannot be read."""

LINE_BYTES = 65_536
COLUMNS = TransferRecord.__struct_fields__
_ROLE_SEPARATOR = " "


def format_of(path: Path) -> Format | None:
    """The format that a file name tells, or None."""
    suffix = path.suffix.lower()
    return "csv" if suffix == ".csv" else "jsonl" if suffix in {".jsonl", ".ndjson"} else None


def read(path: Path, form: Format) -> Iterator[Line]:
    """The lines of a file that are not empty, in constant memory."""
    return _read_csv(path) if form == "csv" else _read_jsonl(path)


class Writer:
    """Writes accounts to a stream; the first line of CSV names its columns."""

    def __init__(self, out: TextIO, form: Format) -> None:
        self._out = out
        self._table = csv.writer(out, lineterminator="\n") if form == "csv" else None
        if self._table is not None:
            self._table.writerow(COLUMNS)

    def write(self, record: TransferRecord) -> None:
        """One account in one line. In JSON what has its default is left out."""
        if self._table is not None:
            self._table.writerow([_cell(getattr(record, name)) for name in COLUMNS])
        else:
            self._out.write(f"{msgspec.json.encode(record).decode()}\n")


def _read_jsonl(path: Path) -> Iterator[Line]:
    with path.open("rb") as stream:
        number = 0
        while chunk := stream.readline(LINE_BYTES):
            number += 1
            whole = chunk.endswith(b"\n") or len(chunk) < LINE_BYTES
            while not whole:  # too long a line is refused without being held
                rest = stream.readline(LINE_BYTES)
                chunk, whole = b"?", rest.endswith(b"\n") or len(rest) < LINE_BYTES
            if chunk.strip():
                yield number, _object(chunk)


def _object(chunk: bytes) -> Mapping[str, object] | None:
    try:
        fields = msgspec.json.decode(chunk, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(fields.get("password_hash"), dict):  # Keycloak's two documents
        fields["password_hash"] = msgspec.json.encode(fields["password_hash"]).decode()
    return fields


def _read_csv(path: Path) -> Iterator[Line]:
    csv.field_size_limit(LINE_BYTES)
    # what is not UTF-8 becomes what no rule lets pass
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        table = csv.reader(stream, strict=True)
        columns: list[str] | None = None
        while True:
            try:
                cells = next(table)
            except StopIteration:
                return
            except csv.Error:
                yield table.line_num, None
                continue
            if columns is None:
                columns = cells
            elif cells:
                yield table.line_num, _fields(columns, cells)


def _fields(columns: list[str], cells: list[str]) -> Mapping[str, object] | None:
    if len(cells) != len(columns):
        return None
    fields: dict[str, object] = {
        name: cell for name, cell in zip(columns, cells, strict=True) if cell
    }
    if "roles" in fields:
        fields["roles"] = str(fields["roles"]).split(_ROLE_SEPARATOR)
    if "claims" in fields:
        try:
            fields["claims"] = msgspec.json.decode(str(fields["claims"]))
        except msgspec.MsgspecError:
            return None
    return fields


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    return _ROLE_SEPARATOR.join(value) if isinstance(value, tuple) else str(value)
