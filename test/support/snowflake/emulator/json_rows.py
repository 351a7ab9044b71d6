"""Results as the Node driver reads them: each value a string or null. fakesnow answers in Arrow."""

from __future__ import annotations

import base64
import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sessions import Session

# The parameters by which the Node driver reads results, unless its login or ALTER SESSION sets others.
_PARAMETERS = {
    "TIMEZONE": "Etc/UTC",
    "DATE_OUTPUT_FORMAT": "YYYY-MM-DD",
    "TIME_OUTPUT_FORMAT": "HH24:MI:SS",
    "TIMESTAMP_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
    "TIMESTAMP_NTZ_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3",
    "TIMESTAMP_LTZ_OUTPUT_FORMAT": "",
    "TIMESTAMP_TZ_OUTPUT_FORMAT": "",
    "BINARY_OUTPUT_FORMAT": "HEX",
    # fakesnow's threshold 0 means "always through a stage" to the Node driver.
    "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD": 65280,
    "CLIENT_SESSION_KEEP_ALIVE": False,
    "AUTOCOMMIT": True,
    "JS_TREAT_INTEGER_AS_BIGINT": False,
    "QUERY_CONTEXT_CACHE_SIZE": 5,
}


def parameters(session: Session) -> list[dict[str, Any]]:
    own = session.parameters
    return [{"name": name, "value": own.get(name, value)} for name, value in _PARAMETERS.items()]


def to_json_rows(session: Session, data: dict[str, Any]) -> None:
    """Changes a result in place."""
    if data.get("queryResultFormat") == "arrow":
        data["rowset"], data["queryResultFormat"] = (
            _rows(data.pop("rowsetBase64", ""), data.get("rowtype") or []),
            "json",
        )
    if "rowset" in data:
        data["returned"] = data["total"] = len(data["rowset"])
        data.update(version=1, parameters=parameters(session), chunks=[])


def _rows(arrow: str, types: list[dict[str, Any]]) -> list[list[str | None]]:
    if not arrow:
        return []
    table = pa.ipc.open_stream(base64.b64decode(arrow)).read_all()
    kinds = [kind["type"] for kind in types]
    columns = [
        [_cell(value, kind) for value in column.to_pylist()] for column, kind in zip(table.columns, kinds, strict=True)
    ]
    return [list(row) for row in zip(*columns)] if columns else []


def _cell(value: Any, kind: str) -> str | None:
    if value is None or (isinstance(value, dict) and "epoch" in value and value["epoch"] is None):
        return None
    encode = ENCODERS.get(kind)
    if encode:
        return encode(value)
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _timestamp(value: dict[str, int]) -> str:
    return f"{value['epoch']}.{value['fraction']:09d}"


ENCODERS = {
    "boolean": lambda value: "1" if value else "0",
    "date": lambda value: str((value - dt.date(1970, 1, 1)).days),
    "timestamp_ntz": _timestamp,
    "timestamp_ltz": _timestamp,
    "timestamp_tz": lambda value: f"{_timestamp(value)} {value.get('timezone', 1440)}",
    "time": lambda value: f"{value // 10**9}.{value % 10**9:09d}",
    "binary": lambda value: bytes(value).hex().upper(),
    "real": lambda value: repr(float(value)),
    "fixed": lambda value: format(value, "f") if isinstance(value, Decimal) else str(value),
}
