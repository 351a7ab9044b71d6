#!/bin/sh
# Prepares Superset and serves it on SUPERSET_LISTEN. The folder SUPERSET_HOME keeps its own database.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
umask 077
export SUPERSET_HOME="${SUPERSET_HOME:-$HOME/.superset}"
export SUPERSET_CONFIG_PATH="$here/superset_config.py" FLASK_APP='superset.app:create_app()'
mkdir -p "$SUPERSET_HOME"
python "$here/prepare.py"
# One process: SQLite admits one writer.
exec gunicorn --bind "${SUPERSET_LISTEN:-127.0.0.1:8088}" --worker-class gthread --threads 8 --timeout 120 'superset.app:create_app()'
