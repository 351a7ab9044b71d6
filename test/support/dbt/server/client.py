"""Replaces `bin/python` of dbt's environment, and makes the server run the script: see `server.py`.

Ends like the script, with the same exit code or the same signal.
"""

import array
import json
import os
import signal
import socket
import sys

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "socket")
connection = socket.socket(socket.AF_UNIX)
connection.connect(path)
command = json.dumps({"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd()}).encode()
streams = array.array("i", [0, 1, 2])
connection.sendmsg([b"%010d" % len(command)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
connection.sendall(command)
signal.signal(signal.SIGTERM, lambda *_: connection.sendall(b"S"))
# The script now owns these streams. Close them here, so that their reader sees the end when the script ends.
for stream in streams:
    os.close(stream)
answer = b""
while not answer.endswith(b"\n"):
    part = connection.recv(64)
    if part == b"":
        os._exit(1)
    answer += part
how, number = answer.split()
if how == b"signal":
    signal.signal(int(number), signal.SIG_DFL) if int(number) not in (signal.SIGKILL, signal.SIGSTOP) else None
    os.kill(os.getpid(), int(number))
os._exit(int(number))
