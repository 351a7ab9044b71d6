"""dbt as its command line, but gone with whoever started it: `transform/dbt/process-per-command.ts` is the other end.

    python cold.py ARGUMENTS...

When standard input closes the process is gone at once: a dbt that nobody waits for any more would go on beside the next one.
"""

import os
import sys
import threading

from dbt.cli.main import cli


def end_with_stdin():
    sys.stdin.read()
    os._exit(1)


threading.Thread(target=end_with_stdin, daemon=True).start()
# The project's hooks see by the command line whether this is a retry.
sys.argv[0] = "dbt"
sys.exit(cli())
