#!/bin/bash
# Builds the page, web/ → web/dist/, if something it is made of has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -e web/index.html ] || { echo "page: web/index.html is not there, the binary will have no page" && exit 0; }

scripts/npm-ci.sh web
inputs=$(find web -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
mkdir -p .tools
stamp=.tools/page.inputs
[ ! -e web/dist/index.html ] || [ "$(cat $stamp 2>/dev/null)" != "$inputs" ] || exit 0
echo "page: vite build"
(cd web && ../scripts/node.sh node node_modules/vite/bin/vite.js build --logLevel warn)
echo "$inputs" >$stamp
