"""dbt's command line, but ends with its parent process; `transform/dbt/process-per-command.ts` starts it.

    python cold.py ARGUMENTS...

When standard input closes, the parent has ended and this process exits at once. Otherwise dbt would continue beside the next one.
"""

import os
import sys
import threading

from dbt.cli.main import cli


def end_with_stdin():
    sys.stdin.read()
    os._exit(1)


threading.Thread(target=end_with_stdin, daemon=True).start()
# The project's hooks read from the command line whether this is a retry.
sys.argv[0] = "dbt"
sys.exit(cli())
