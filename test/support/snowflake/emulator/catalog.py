"""The objects in databases. DuckDB has all of them except stages, which fakesnow keeps."""

from __future__ import annotations

from typing import Any

import duckdb
from fakesnow.conn import FakeSnowflakeConnection

from tokens import quote

# An object by its kind and its full name.
Object = tuple[str, str]

_HIDDEN_DATABASES = "('memory', 'system', 'temp', '_fs_global')"
_HIDDEN_SCHEMAS = "('main', 'information_schema', 'pg_catalog', '_fs_information_schema')"
_IN = f"database_name NOT IN {_HIDDEN_DATABASES} AND schema_name NOT IN {_HIDDEN_SCHEMAS}"
_STAGES = "_fs_global._fs_information_schema._fs_stages"
_STAGE_IS = "database_name = ? AND schema_name = ? AND name = ?"
_OBJECTS = f"""
    SELECT 'DATABASE', [database_name] FROM duckdb_databases() WHERE database_name NOT IN {_HIDDEN_DATABASES}
    UNION ALL SELECT 'SCHEMA', [database_name, schema_name] FROM duckdb_schemas() WHERE {_IN}
    UNION ALL SELECT 'TABLE', [database_name, schema_name, table_name] FROM duckdb_tables() WHERE {_IN} AND NOT temporary
    UNION ALL SELECT 'VIEW', [database_name, schema_name, view_name] FROM duckdb_views() WHERE {_IN} AND NOT internal
    UNION ALL SELECT 'STAGE', [database_name, schema_name, name] FROM {_STAGES} WHERE name <> 'SYSTEM$BIND'
"""


class Catalog:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def objects(self) -> list[Object]:
        with self._connection.cursor() as cursor:
            rows = cursor.execute(_OBJECTS).fetchall()
        return sorted((kind, ".".join(quote(part) for part in parts)) for kind, parts in rows)

    def row_count(self, table: str) -> int:
        with self._connection.cursor() as cursor:
            found = cursor.execute(f"SELECT count(*) FROM {table}").fetchone()
        return found[0] if found else 0

    def forget_stages_without_schema(self) -> None:
        """Removes the stages of a dropped schema, which fakesnow would keep."""
        schemas = "SELECT database_name || '.' || schema_name FROM duckdb_schemas()"
        with self._connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {_STAGES} WHERE database_name || '.' || schema_name NOT IN ({schemas})")

    def has_stage(self, name: tuple[str, str, str]) -> bool:
        with self._connection.cursor() as cursor:
            return cursor.execute(f"SELECT 1 FROM {_STAGES} WHERE {_STAGE_IS}", name).fetchone() is not None

    def drop_stage(self, name: tuple[str, str, str]) -> bool:
        """Returns whether it existed."""
        was_there = self.has_stage(name)
        with self._connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {_STAGES} WHERE {_STAGE_IS}", name)
        return was_there

    def stages(self) -> list[list[Any]]:
        with self._connection.cursor() as cursor:
            rows = cursor.execute(f"SELECT columns(*)::VARCHAR FROM {_STAGES}").fetchall()
        return [list(row) for row in rows]

    def restore_stages(self, stages: list[list[Any]]) -> None:
        with self._connection.cursor() as cursor:
            for stage in stages:
                cursor.execute(f"INSERT INTO {_STAGES} VALUES ({', '.join('?' for _ in stage)})", stage)

    def drop_database(self, name: str, session: FakeSnowflakeConnection) -> None:
        """Drops a database, which fakesnow does not support. Sessions that use it find no objects there afterwards."""
        if session.database == name:
            session.database, session._schema = None, None
            session.database_set = session.schema_set = False
            session._duck_conn.execute("USE memory")
        with self._connection.cursor() as cursor:
            cursor.execute(f"DETACH {quote(name)}")
        for end in (".db", ".db.wal") if session.db_path else ():
            (session.db_path / f"{name}{end}").unlink(missing_ok=True)
