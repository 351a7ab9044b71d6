"""Snowflake's protocol and SQL over DuckDB, for the real drivers: fakesnow's server with additions. See README.md."""

from __future__ import annotations

import argparse
import glob
import os
import sys
import threading

import anyio.to_thread
import fakesnow.server as fs
import uvicorn
from fakesnow.instance import FakeSnow
from fakesnow.transforms import stage

import execution
import json_functions
import rewriting
from account import Account
from locks import TableLocks
from routes import Service
from sql_log import SqlLog

# A statement that waits for a lock occupies a thread.
THREADS = 200


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--db-path", help="an existing folder; without it, no data is kept")
    parser.add_argument("--sql-log", help="a file to which each statement is appended")
    parser.add_argument("--abort-idle-blocker", type=float, default=300, metavar="SECONDS")
    parser.add_argument("--no-create-on-login", action="store_true", help="a login creates no database and no schema")
    parser.add_argument("--end-with-stdin", action="store_true", help="ends when standard input does")
    return parser.parse_args()


def open_databases(path: str | None, create_on_login: bool) -> FakeSnow:
    databases = FakeSnow(
        db_path=path,
        nop_regexes=rewriting.NO_OPS,
        create_database_on_connect=True,
        create_schema_on_connect=create_on_login,
    )
    json_functions.install(databases.duck_conn)
    # fakesnow only attaches a file when a session names its database.
    for file in glob.glob(os.path.join(path, "*.db")) if path else []:
        databases.connect(os.path.basename(file)[: -len(".db")]).close()
    databases.create_database_on_connect = create_on_login
    return databases


def keep_stage_files(path: str | None) -> None:
    if path:
        os.rmdir(stage.LOCAL_BUCKET_PATH)  # the temporary one that fakesnow made
        stage.LOCAL_BUCKET_PATH = os.path.join(os.path.realpath(path), "stages")
        os.makedirs(stage.LOCAL_BUCKET_PATH, exist_ok=True)


def end_with_stdin() -> None:
    """Waits until the parent process has ended, for whatever reason."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


async def serve(options: argparse.Namespace, service: Service) -> None:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    config = uvicorn.Config(service.app(), host="127.0.0.1", port=options.port, log_level="warning")
    await uvicorn.Server(config).serve()


def main() -> None:
    options = arguments()
    if options.end_with_stdin:
        end_with_stdin()
    keep_stage_files(options.db_path)
    rewriting.install()
    execution.install()
    fs.shared_fs = open_databases(options.db_path, not options.no_create_on_login)
    account = Account.open(options.db_path, fs.shared_fs.duck_conn)
    service = Service(account, TableLocks(options.abort_idle_blocker), SqlLog(options.sql_log))
    anyio.run(serve, options, service)


if __name__ == "__main__":
    main()
