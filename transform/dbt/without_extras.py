"""Skips work of dbt that no one uses: a fifth to a third of the CPU time of a command.

dbt formats each of its 1,600 debug messages per run before it discards them, and writes the parsed project to `manifest.json`
twice per run.
"""

from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import ctx_set_event_manager


class WithoutDebug(EventManager):
    def fire_event(self, e, level=None, node=None, force_warn_or_error_handling=False):
        is_wanted = (level or e.level_tag()) not in (EventLevel.DEBUG, EventLevel.TEST)
        if is_wanted or force_warn_or_error_handling:
            super().fire_event(e, level, node, force_warn_or_error_handling)


def skip_debug_events():
    """For the commands that this process runs from now on. Only for commands whose log levels are above debug."""
    ctx_set_event_manager(WithoutDebug())


def skip_manifest_file():
    """For the commands that this process runs from now on. The parse state and the results are still written."""
    Manifest.write = lambda self, path: None
