"""Runs dbt's scripts in children that are forked from a process which has imported dbt: `setup.ts` starts it.

    python server.py SOCKET

A client (`client.py`) connects, hands over its standard streams, and sends one JSON object: `argv` (the script and its
arguments), `env` and `cwd`. The answer is a line, `exit CODE` or `signal NUMBER`. A client sends `S` when it is told to stop:
its child gets SIGTERM. A client that disappears was killed: then its child is killed too. The server ends when its standard input closes.

The file `cpu` beside the socket gets a line for each script that has ended: its CPU seconds, and the ids of the client and of
the client's ancestors, so that a test file can tell what its scripts have cost: see `cpu.ts`.
"""

import array
import atexit
import gc
import hashlib
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import sys
import time
from multiprocessing import resource_tracker

imported = set()

PROJECT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../../../dbt")


def import_dbt(environment, folder):
    """Runs once for each warehouse, with its first command, so that a test run that needs no dbt does not pay for it."""
    warehouse = environment.get("WAREHOUSE", "duckdb")
    if warehouse in imported:
        return
    imported.add(warehouse)
    import dbt.cli.main  # noqa: F401

    if len(imported) == 1:
        share_parse_state(folder)
        compile_each_template_once()
    if warehouse == "snowflake":
        import dbt.adapters.snowflake.impl  # noqa: F401
    else:
        import dbt.adapters.duckdb.impl  # noqa: F401
        from dbt.adapters.duckdb.credentials import DuckDBCredentials

        # The parsed project depends only on the file's name, which is the name of the database, and not on its folder.
        keys = DuckDBCredentials._connection_keys
        DuckDBCredentials._connection_keys = lambda self: tuple(key for key in keys(self) if key != "path")
    parse_once(environment, folder)


def parse_once(environment, folder):
    """Parses the project and compiles its macros here once, so that the children inherit what dbt prepares on first use: half of
    the time of a short command.

    The static parser would start threads, which a fork does not copy: the children would wait for them without end.
    """
    from dbt.adapters.factory import reset_adapters
    from dbt.cli.main import dbtRunner
    from dbt_common.clients.jinja import template_cache

    track_resources_in_silence()
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    scratch = os.path.join(folder, "scratch")
    places = ["--project-dir", PROJECT, "--profiles-dir", PROJECT, "--target-path", scratch, "--log-path", scratch]
    try:
        options = ["--quiet", "--no-write-json", "--log-level-file", "none", "--no-static-parser"]
        manifest = dbtRunner().invoke([*options, "parse", *places]).result
        for macro in manifest.macros.values() if manifest else []:
            template_cache.get_node_template(macro)
    finally:
        os.environ.clear()
        os.environ.update(before)
    reset_adapters()
    gc.collect()
    gc.freeze()


def compile_each_template_once():
    """Jinja compiles equal SQL to equal code: the children inherit the code of models and tests from the parse of this process."""
    from jinja2 import Environment

    compile_template = Environment.compile
    compiled = {}

    def compile_once(self, source, *options, **more):
        if options or more or not isinstance(source, str):
            return compile_template(self, source, *options, **more)
        key = (type(self), source)
        if key not in compiled:
            compiled[key] = compile_template(self, source)
        return compiled[key]

    Environment.compile = compile_once


def track_resources_in_silence():
    """Python's resource tracker removes the semaphores of children that a test has killed, and would warn of each."""
    own = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    resource_tracker.ensure_running()
    os.dup2(own, 2)
    os.close(own)


def share_parse_state(folder):
    """One parse for all work folders with the same warehouse and variables. dbt itself checks which parts are still valid.

    The fingerprint of the project does not count: only a hook reads it, when it runs.
    """
    from dbt.parser.manifest import ManifestLoader

    check = ManifestLoader.build_manifest_state_check
    read = ManifestLoader.read_manifest_for_partial_parse
    write = ManifestLoader.write_manifest_for_partial_parse

    def without_fingerprint(variables):
        return {name: value for name, value in variables.items() if name != "project_fingerprint"}

    def check_without_fingerprint(self):
        project = self.root_project
        variables = project.cli_vars
        project.cli_vars = without_fingerprint(variables)
        try:
            return check(self)
        finally:
            project.cli_vars = variables

    def places(loader):
        project = loader.root_project
        own = os.path.join(project.project_target_path, "partial_parse.msgpack")
        same = repr((project.credentials.type, sorted(without_fingerprint(project.cli_vars).items())))
        return own, os.path.join(folder, f"parsed-{hashlib.sha256(same.encode()).hexdigest()}")

    def read_shared(self, *args):
        own, shared = places(self)
        if not os.path.exists(own) and os.path.exists(shared):
            os.makedirs(os.path.dirname(own), exist_ok=True)
            shutil.copyfile(shared, own)
        return read(self, *args)

    def write_shared(self, *args):
        write(self, *args)
        own, shared = places(self)
        if os.path.exists(own) and not os.path.exists(shared):
            unfinished = f"{shared}.{os.getpid()}"
            shutil.copyfile(own, unfinished)
            os.replace(unfinished, shared)

    ManifestLoader.build_manifest_state_check = check_without_fingerprint
    ManifestLoader.read_manifest_for_partial_parse = read_shared
    ManifestLoader.write_manifest_for_partial_parse = write_shared


def receive(connection):
    """Reads the three streams and the command: its length in ten digits, then that many bytes."""
    fds = array.array("i")
    head, ancillary, _, _ = connection.recvmsg(10, socket.CMSG_LEN(3 * fds.itemsize))
    for _, _, data in ancillary:
        fds.frombytes(data)
    left = int(head)
    body = b""
    while len(body) < left:
        body += connection.recv(left - len(body))
    return list(fds), json.loads(body)


def become(fds, command, inherited):
    """In the child: replaces the client, and runs the script like Python."""
    for descriptor, fd in enumerate(fds):
        os.dup2(fd, descriptor)
    for fd in [*fds, *inherited]:
        os.close(fd)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(command["cwd"])
    os.environ.clear()
    os.environ.update(command["env"])
    # Python reads the time zone when it starts.
    time.tzset()
    # A child runs one command, as `warm.py` does between two collections.
    gc.disable()
    sys.argv = command["argv"]
    sys.path[0] = os.path.dirname(sys.argv[0])
    # These objects belong to the parent, which has other streams.
    sys.stdin = open(0, closefd=False)
    sys.stdout = open(1, "w", closefd=False)
    sys.stderr = open(2, "w", closefd=False, buffering=1)
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        return 0
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)


def with_ancestors(pid):
    """The ids of a process and of its ancestors, the nearest first; none without /proc, such as on macOS."""
    pids = []
    while pid > 1:
        try:
            with open(f"/proc/{pid}/stat") as stat:
                parent = int(stat.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            break
        pids.append(pid)
        pid = parent
    return pids


def client_of(connection):
    """The id of the process at the other end; 0 where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return 0
    # The first of three integers of SO_PEERCRED.
    return array.array("i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


class Server:
    def __init__(self, path):
        self.folder = os.path.dirname(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        print("listens", flush=True)
        self.children = {}
        self.askers = {}
        # A child that ends wakes the loop.
        self.wake, wakeup = socket.socketpair()
        self.wake.setblocking(False)
        wakeup.setblocking(False)
        self.wakeup = wakeup
        signal.set_wakeup_fd(wakeup.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector = selectors.DefaultSelector()
        for source, on_ready in [(self.listener, self.accept), (self.wake, self.reap), (sys.stdin, self.end)]:
            self.selector.register(source, selectors.EVENT_READ, on_ready)

    def serve(self):
        while True:
            for key, _ in self.selector.select():
                key.data(key.fileobj)

    def accept(self, listener):
        connection, _ = listener.accept()
        fds, command = receive(connection)
        asker = with_ancestors(client_of(connection))
        import_dbt(command["env"], self.folder)
        pid = os.fork()
        if pid == 0:
            connections = [open_connection.fileno() for open_connection in self.children.values()]
            sockets = [listener.fileno(), self.wake.fileno(), self.wakeup.fileno(), connection.fileno(), *connections]
            code = 1
            try:
                code = become(fds, command, sockets)
                # Python does this when it exits; `os._exit` does not.
                atexit._run_exitfuncs()
                sys.stdout.flush()
                sys.stderr.flush()
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                os._exit(code)
        for fd in fds:
            os.close(fd)
        self.children[pid] = connection
        self.askers[pid] = asker
        self.selector.register(connection, selectors.EVENT_READ, lambda source: self.hear(source, pid))

    def hear(self, connection, pid):
        said = connection.recv(1)
        if pid not in self.children:
            return
        os.kill(pid, signal.SIGTERM if said else signal.SIGKILL)
        if not said:
            self.selector.unregister(connection)

    def reap(self, wake):
        try:
            wake.recv(64)
        except BlockingIOError:
            pass
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            with open(os.path.join(self.folder, "cpu"), "a") as spent:
                spent.write(f"{usage.ru_utime + usage.ru_stime} {' '.join(map(str, self.askers.pop(pid)))}\n")
            self.answer(pid, os.waitstatus_to_exitcode(status))

    def answer(self, pid, code):
        connection = self.children.pop(pid)
        try:
            self.selector.unregister(connection)
        except KeyError:
            pass
        try:
            connection.sendall(f"exit {code}\n".encode() if code >= 0 else f"signal {-code}\n".encode())
        except OSError:
            pass
        connection.close()

    def end(self, _):
        for pid in self.children:
            os.kill(pid, signal.SIGKILL)
        os._exit(0)


Server(sys.argv[1]).serve()
