"""PARSE_JSON and COPY of JSON lines with Snowflake's rule for duplicate keys: an error, or the last one wins ('d')."""

from __future__ import annotations

import json
import re
from typing import Any

import duckdb
import fakesnow.copy_into as fcopy
import pyarrow as pa
import sqlglot
from sqlglot import exp

STRICT, LAST_WINS = "s", "d"
# Snowflake accepts 128 MB. DuckDB allocates buffers of twice the size for each of its threads.
MAX_LINE_BYTES = 16_777_216


def install(connection: duckdb.DuckDBPyConnection) -> None:
    texts = ["VARCHAR", "VARCHAR"]
    connection.create_function("emulator_json", _parse_all, texts, "VARCHAR", type="arrow")
    # Invalid JSON becomes NULL, which DuckDB otherwise does not expect from a function.
    connection.create_function(
        "emulator_try_json", _try_parse_all, texts, "VARCHAR", type="arrow", null_handling="special"
    )


class _Duplicates:
    """Detects a duplicate key; the last value wins, as in Python's own dict."""

    def __init__(self) -> None:
        self.first: str | None = None

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs) and self.first is None:
            keys = [key for key, _ in pairs]
            self.first = next(key for at, key in enumerate(keys) if key in keys[:at])
        return result


def parse(text: str, mode: str) -> str | None:
    """Returns the text unchanged unless it has duplicates, and None for an empty text. Raises ValueError."""
    if not text.strip():
        return None
    duplicates = _Duplicates()
    try:
        value = json.loads(text, object_pairs_hook=duplicates)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Error parsing JSON: {error}") from error
    if duplicates.first is None:
        return text
    if mode != LAST_WINS:
        raise ValueError(f"Error parsing JSON: duplicate object attribute {json.dumps(duplicates.first)}")
    return json.dumps(value, ensure_ascii=False)


def _parse_all(texts: pa.ChunkedArray, modes: pa.ChunkedArray) -> pa.Array:
    pairs = zip(texts.to_pylist(), modes.to_pylist())
    return pa.array([None if text is None else parse(text, mode) for text, mode in pairs], pa.string())


def _try_parse_all(texts: pa.ChunkedArray, modes: pa.ChunkedArray) -> pa.Array:
    return pa.array([_try(text, mode) for text, mode in zip(texts.to_pylist(), modes.to_pylist())], pa.string())


def _try(text: str | None, mode: str) -> str | None:
    try:
        return None if text is None else parse(text, mode)
    except ValueError:
        return None


class JsonLines(fcopy.ReadJSON):
    """The values that COPY reads from a file: one per line."""

    def __init__(self, mode: str) -> None:
        self._mode = mode

    def read_expression(self, url: str) -> exp.Expr:
        options = f"format = 'newline_delimited', maximum_object_size = {MAX_LINE_BYTES}"
        lines = f"read_json_objects({exp.Literal.string(url).sql('duckdb')}, {options})"
        value = f"emulator_json(json::TEXT, '{self._mode}')::JSON AS column0"
        return sqlglot.parse_one(f"(SELECT {value} FROM {lines})", read="duckdb")


def copy_params(copy: exp.Copy, *args: Any, **options: Any) -> fcopy.CopyParams:
    """Keeps the options of TYPE = JSON, which fakesnow drops."""
    params = _copy_params(copy, *args, **options)
    if isinstance(params.file_format, fcopy.ReadJSON):
        options = {option.name.upper(): option.args.get("value") for option in copy.find_all(exp.Property)}
        allowed = options.get("ALLOW_DUPLICATE") == exp.Boolean(this=True)
        params.file_format = JsonLines(LAST_WINS if allowed else STRICT)
    return params


_copy_params = fcopy._params


def rewrite(expression: exp.Expr) -> exp.Expr:
    return expression.transform(_rewrite_one, copy=False)


def before_parsing(sql: str) -> str:
    """Keeps the second argument, which sqlglot drops when it parses or writes."""
    return re.sub(r"(?i)\b((?:try_)?parse_json)\s*\(", r"emulator_\1(", sql)


_FUNCTIONS = {"EMULATOR_PARSE_JSON": "emulator_json", "EMULATOR_TRY_PARSE_JSON": "emulator_try_json"}


# The JSON type that each function tests. fakesnow supports only IS_ARRAY.
_TYPES = {"IS_VARCHAR": "VARCHAR", "IS_OBJECT": "OBJECT", "IS_BOOLEAN": "BOOLEAN", "IS_NULL_VALUE": "NULL"}


def _rewrite_one(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Anonymous) and node.name.upper() in _TYPES:
        json_type = exp.Anonymous(this="json_type", expressions=node.expressions)
        return exp.paren(exp.EQ(this=json_type, expression=exp.Literal.string(_TYPES[node.name.upper()])))
    if isinstance(node, exp.Anonymous) and node.name.upper() == "AS_VARCHAR":
        return exp.Anonymous(this="json_extract_string", expressions=[*node.expressions, exp.Literal.string("$")])
    function = _FUNCTIONS.get(node.name.upper()) if isinstance(node, exp.Anonymous) else None
    if function is None:
        return node
    text, mode = (node.expressions + [None])[:2]
    return _as_json(function, text, mode)


def _as_json(function: str, text: exp.Expr, mode: exp.Expr | None) -> exp.Expr:
    call = exp.Anonymous(this=function, expressions=[exp.cast(text, "text"), mode or exp.Literal.string(STRICT)])
    return exp.Cast(this=call, to=exp.DataType(this=exp.DataType.Type.JSON, nested=False))
