#!/bin/sh
# Removes files that dbt never reads from its Python environment, and compiles the rest, because the file system is read-only at run time.
#   prune-dbt.sh FOLDER
# The folders named `tests` of dbt itself stay: dbt imports them.
set -eu
python=$1/bin/python
"$python" -m pip uninstall --quiet --yes setuptools
"$python" -m pip uninstall --quiet --yes pip
cd "$1"/lib/python3*/site-packages
find . -name '*.pyi' -delete
rm -rf networkx/tests networkx/*/tests networkx/*/*/tests jsonschema/tests
# agate formats numbers by the rules of en_US; the data of the other 1,000 locales is never read.
find babel/locale-data -name '*.dat' ! -name 'root.dat' ! -name 'en.dat' ! -name 'en_US*.dat' -delete
"$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash .
