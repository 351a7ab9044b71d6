"""Runs a command in a terminal of a given width, and writes what appears there as JSON lines with the seconds since the start.

usage: in_terminal.py COLUMNS COMMAND [ARGUMENT ...]
The last line has the exit code. Ends the command if this process is ended.
"""

import codecs
import fcntl
import json
import os
import pty
import signal
import struct
import sys
import termios
import time

columns, *command = sys.argv[1:]
started = time.monotonic()
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)

fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, int(columns), 0, 0))
signal.signal(signal.SIGTERM, lambda *_: os.killpg(pid, signal.SIGTERM))


def report(**line):
    print(json.dumps(line), flush=True)


decoder = codecs.getincrementaldecoder("utf-8")("replace")
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:  # Linux: the command has closed the terminal
        break
    if not data:
        break
    report(seconds=time.monotonic() - started, text=decoder.decode(data))
_, status = os.waitpid(pid, 0)
report(code=os.waitstatus_to_exitcode(status))
