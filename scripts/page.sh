#!/bin/bash
# Builds the page, web/ → web/dist/, if something it is made of has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -e web/package.json ] || { echo "page: web/ is not there, the binary will have no page" && exit 0; }
[ -e web/vite.config.ts ] || { echo "page: web/vite.config.ts is not there yet" && exit 0; }

sums() { # PATH…: one checksum over names and contents
    find "$@" -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1
}

mkdir -p .tools
modules=$(sums web/package.json web/package-lock.json)
if [ "$(cat .tools/web-modules.stamp 2>/dev/null)" != "$modules" ] || [ ! -d web/node_modules ]; then
    echo "page: npm ci"
    (cd web && ../scripts/node.sh npm ci --ignore-scripts --loglevel=error)
    echo "$modules" >.tools/web-modules.stamp
fi

inputs=$(sums web)
if [ "$(cat .tools/web-dist.stamp 2>/dev/null)" != "$inputs" ] || [ ! -e web/dist/index.html ]; then
    echo "page: vite build"
    (cd web && ../scripts/node.sh node node_modules/vite/bin/vite.js build --logLevel warn)
    echo "$inputs" >.tools/web-dist.stamp
fi
