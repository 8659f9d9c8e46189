#!/bin/bash
# npm-ci.sh FOLDER: installs what FOLDER/package-lock.json says, if that has changed.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root/$1"
stamp=node_modules/.kinora-lock
sum=$(cat package.json package-lock.json | sha256sum | cut -d' ' -f1)
[ "$(cat $stamp 2>/dev/null)" != "$sum" ] || exit 0
echo "npm ci: $1"
"$root/scripts/node.sh" npm ci --ignore-scripts --loglevel=error
echo "$sum" >$stamp
