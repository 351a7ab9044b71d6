"""A result that is constructed, not queried."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_TYPES: dict[str, dict[str, Any]] = {
    "text": {"length": 16777216, "byteLength": 16777216, "precision": None, "scale": None},
    "fixed": {"length": None, "byteLength": None, "precision": 38, "scale": 0},
    "timestamp_ltz": {"length": None, "byteLength": None, "precision": 0, "scale": 3},
}


@dataclass
class Table:
    """Columns, with spaces between: `name` (text), `name#` (a number) or `name@` (a time, in seconds)."""

    columns: str
    rows: list[list[Any]]

    def as_data(self) -> dict[str, Any]:
        types = [_type(column) for column in self.columns.split()]
        rows = [[_cell(value, kind["type"]) for value, kind in zip(row, types, strict=True)] for row in self.rows]
        return {"rowtype": types, "rowset": rows, "queryResultFormat": "json", "statementTypeId": 4096}


def _type(column: str) -> dict[str, Any]:
    kind = {"#": "fixed", "@": "timestamp_ltz"}.get(column[-1], "text")
    return {"name": column.rstrip("#@"), "type": kind, "nullable": True, **_TYPES[kind]}


def _cell(value: Any, kind: str) -> str | None:
    if value is None:
        return None
    if kind == "timestamp_ltz":
        return f"{value:.9f}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def status(text: str = "Statement executed successfully.") -> Table:
    return Table("status", [[text]])


def like(pattern: str | None, name: str) -> bool:
    """SHOW .. LIKE, in any case."""
    if pattern is None:
        return True
    wild = {"%": ".*", "_": "."}
    return re.fullmatch("".join(wild.get(c, re.escape(c)) for c in pattern), name, re.I | re.S) is not None
