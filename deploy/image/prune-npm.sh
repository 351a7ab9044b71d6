#!/bin/sh
# Removes files of npm packages that the services never read.
#   prune-npm.sh FOLDER
set -eu
cd "$1"
# The image has its own Node; the package is for machines with an older one.
rm -rf node-linux-* .bin
find . -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
# The dashboard imports one file of echarts, which contains all of it and of zrender.
rm -rf zrender
find echarts -type f ! -path echarts/package.json ! -path echarts/dist/echarts.esm.min.mjs \
  ! -name 'LICENSE*' ! -name NOTICE ! -path 'echarts/licenses/*' -delete
find echarts -type d -empty -delete
