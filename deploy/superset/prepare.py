"""
Prepares Superset: its own database, the user admin, and the dashboard of the bundle. It may run again: the bundle replaces what an
earlier one made. The dashboard reads the DuckDB file in DUCKDB_GOLD_PATH, or the database whose address is in SUPERSET_GOLD_URI_FILE.
"""

import json
import os
import re
import sys
from pathlib import Path

from superset.cli.main import superset as command
from superset.app import create_app

here = Path(__file__).parent
database = "databases/tmdb_gold.yaml"


def add_admin(security_manager):
    """Adds the user admin with the password of SUPERSET_ADMIN_PASSWORD_FILE, or gives it this password."""
    password = Path(os.environ["SUPERSET_ADMIN_PASSWORD_FILE"]).read_text().strip()
    if len(password) < 12:
        sys.exit("the file in SUPERSET_ADMIN_PASSWORD_FILE needs at least 12 characters")
    user = security_manager.find_user(username="admin")
    if user is None:
        role = security_manager.find_role("Admin")
        user = security_manager.add_user("admin", "Admin", "", "admin@localhost", role, password)
    else:
        security_manager.reset_password(user.id, password)
    return security_manager.find_user(username="admin")


def gold_uri():
    if file := os.environ.get("SUPERSET_GOLD_URI_FILE"):
        return Path(file).read_text().strip()
    gold = Path(os.environ.get("DUCKDB_GOLD_PATH", "/data/tmdb_gold.duckdb"))
    if not gold.is_absolute():
        sys.exit(f"DUCKDB_GOLD_PATH must be an absolute path, not {gold}")
    return f"duckdb:///{gold}"


def bundle():
    """The files of the bundle, by name. On Snowflake, the database differs."""
    uri = gold_uri()
    folders = [here / "bundle"] + ([here / "bundle-snowflake"] if uri.startswith("snowflake:") else [])
    files = {str(file.relative_to(folder)): file.read_text() for folder in folders for file in folder.rglob("*.yaml")}
    address = f"sqlalchemy_uri: {json.dumps(uri)}"
    files[database] = re.sub(r"(?m)^sqlalchemy_uri: .*$", lambda _: address, files[database])
    return files


def load_bundle():
    from superset import security_manager
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.utils.core import override_user

    with override_user(add_admin(security_manager)):
        ImportAssetsCommand(bundle()).run()


for arguments in (["db", "upgrade"], ["init"]):
    command.main(arguments, standalone_mode=False)
with create_app().app_context():
    load_bundle()
