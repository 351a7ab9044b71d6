"""Superset's settings for the dashboards of GOLD. The files named by SUPERSET_SECRET_KEY_FILE and so on hold the secrets."""

import os
from pathlib import Path

import duckdb
from duckdb_engine import ConnectionWrapper

home = Path(os.environ["SUPERSET_HOME"])

# It encrypts the sessions and the stored credentials: 42 random bytes, which must stay the same.
SECRET_KEY = Path(os.environ["SUPERSET_SECRET_KEY_FILE"]).read_text().strip()
if len(SECRET_KEY) < 32:
    raise ValueError("the file in SUPERSET_SECRET_KEY_FILE needs at least 32 characters: openssl rand -base64 42")

# Superset's own database: users, charts and dashboards, no figures.
SQLALCHEMY_DATABASE_URI = f"sqlite:///{home / 'superset.db'}"

WTF_CSRF_ENABLED = True
TALISMAN_ENABLED = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Behind a proxy with TLS, set SUPERSET_HTTPS=true.
SESSION_COOKIE_SECURE = os.environ.get("SUPERSET_HTTPS") == "true"
ENABLE_PROXY_FIX = SESSION_COOKIE_SECURE

# Figures are read again for each look, so they follow each build.
CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
DATA_CACHE_CONFIG = CACHE_CONFIG
RATELIMIT_STORAGE_URI = "memory://"
ROW_LIMIT = 50_000


def open_gold(path):
    """
    A database in memory that attaches the file: each connection reads the newest build, while all connections to one path would share
    the file that the first of them opened. It writes nothing and reads no other file.
    """
    connection = duckdb.connect()
    connection.execute(f"attach '{path.replace(chr(39), chr(39) * 2)}' as tmdb_gold (read_only)")
    connection.execute("use tmdb_gold")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return ConnectionWrapper(connection)


def DB_CONNECTION_MUTATOR(uri, params, username, security_manager, source):
    """Opens each DuckDB file in this way, also one that a person adds."""
    if uri.get_backend_name() == "duckdb":
        params["creator"] = lambda: open_gold(uri.database)
    return uri, params
