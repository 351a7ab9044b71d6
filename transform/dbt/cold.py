"""dbt's command line, but ends with its parent process; `transform/dbt/process-per-command.ts` starts it.

    python cold.py [--skip-extras] ARGUMENTS...

With `--skip-extras`, it neither formats debug events nor writes `manifest.json`.

When standard input closes, the parent has ended and this process exits at once. Otherwise dbt would continue beside the next one.
"""

import os
import sys
import threading

from dbt.cli.main import cli
from without_extras import skip_debug_events, skip_manifest_file
from workload_identity import use_identity_token


def end_with_stdin():
    sys.stdin.read()
    os._exit(1)


if sys.argv[1:2] == ["--skip-extras"]:
    del sys.argv[1]
    skip_debug_events()
    skip_manifest_file()

use_identity_token()
threading.Thread(target=end_with_stdin, daemon=True).start()
# The project's hooks read from the command line whether this is a retry.
sys.argv[0] = "dbt"
sys.exit(cli())
