#!/bin/bash
# npm-ci.sh FOLDER: installs exactly what FOLDER/package-lock.json says, unless it is there.
#
# By `npm install` and a check of what came of it, not by `npm ci`, which refuses a lock file without
# the packages of other platforms, and a registry need not have those.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root/$1"

installed() { # npm keeps a record of what it installed; packages for other platforms are optional
    "$root/scripts/node.sh" node -e '
const read = (f) => JSON.parse(require("fs").readFileSync(f)).packages;
const want = read("package-lock.json"), have = read("node_modules/.package-lock.json");
const ok = Object.entries(want).every(([path, p]) =>
  path === "" || (have[path] ? have[path].version === p.version : p.optional));
process.exit(ok && Object.keys(have).every((path) => want[path]) ? 0 : 1)' 2>/dev/null
}

! installed || exit 0
echo "npm: installing what $1/package-lock.json says"
rm -rf node_modules
"$root/scripts/node.sh" npm install --no-save --ignore-scripts --loglevel=error
installed || { echo "npm-ci.sh: $1/package.json and its lock file disagree" >&2 && exit 1; }
