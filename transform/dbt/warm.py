"""dbt in a long-lived process; transform/dbt/warm-process.ts is its client.

    python warm.py PROJECT_DIR

Each command is one JSON line on standard input: `args`, the command line after `dbt`; `parseArgs`, the command line that only
parses the project; `resultsFile`, the path for the results. The answer on standard output is {"begun": {}} before the command starts, dbt's own
JSON log, and then {"ended": {"exitCode": ..., "memoryMb": ...}}, after the process has closed the DuckDB file or logged out of
Snowflake. When standard input closes, the client has ended: this process then exits at once, even in the middle of a command.
"""

import gc
import json
import os
import queue
import resource
import sys
import threading

from dbt.cli.main import dbtRunner
from without_extras import skip_debug_events, skip_manifest_file
from workload_identity import use_identity_token


class Project:
    """dbt's parsed project, until one of its files or the parse arguments change."""

    def __init__(self, directory):
        self.directory = directory
        self.read_from = None
        self.manifest = None

    def read(self, parse_args):
        """The manifest, or None if the project cannot be parsed: then the command itself reports why."""
        source = (parse_args, self.files())
        if source != self.read_from:
            self.manifest = None
            gc.unfreeze()
            self.manifest = dbtRunner().invoke(parse_args).result
            self.read_from = source if self.manifest else None
            # Keeps the garbage collector from traversing it repeatedly.
            gc.collect()
            gc.freeze()
        return self.manifest

    def files(self):
        found = []
        for folder, folders, names in os.walk(self.directory):
            # The parse state that dbt itself writes when it is run by hand.
            folders[:] = [name for name in folders if name not in ("target", "logs")]
            for name in names:
                path = os.path.join(folder, name)
                stat = os.stat(path)
                found.append((path, stat.st_mtime_ns, stat.st_size))
        return sorted(found)


def carry_out(project, args, parse_args, results_file):
    # The project's hooks read from the command line whether this is a retry.
    sys.argv = ["dbt", *args]
    # A retry parses the project itself.
    manifest = None if "retry" in args else project.read(parse_args)
    # Collected when the command has ended; cursors are freed by reference count.
    gc.disable()
    try:
        ended = dbtRunner(manifest).invoke(["--no-write-json", *args])
        if hasattr(ended.result, "write"):
            ended.result.write(results_file)
        if ended.exception:
            print(ended.exception)
        return 0 if ended.success else 1 if ended.result else 2
    finally:
        gc.enable()


def free_the_file(is_sure):
    # Loaded only if DuckDB is the warehouse. dbt itself closes its Snowflake sessions after each command.
    duckdb = sys.modules.get("dbt.adapters.duckdb.connections")
    if duckdb is None:
        return
    duckdb.DuckDBConnectionManager.close_all_connections()
    # An error may keep a cursor alive through a reference cycle.
    if not is_sure:
        gc.collect()


def memory_mb():
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize() // 2**20
    except OSError:
        # Not Linux. The peak, in bytes on a Mac.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20


def listen(commands):
    for line in sys.stdin:
        commands.put(json.loads(line))
    os._exit(0)


def main():
    skip_debug_events()
    skip_manifest_file()
    use_identity_token()
    project = Project(sys.argv[1])
    commands = queue.SimpleQueue()
    threading.Thread(target=listen, args=(commands,), daemon=True).start()
    while True:
        command = commands.get()
        print(json.dumps({"begun": {}}), flush=True)
        exit_code = carry_out(project, command["args"], command["parseArgs"], command["resultsFile"])
        free_the_file(exit_code == 0)
        print(json.dumps({"ended": {"exitCode": exit_code, "memoryMb": memory_mb()}}), flush=True)
        gc.collect()


main()
