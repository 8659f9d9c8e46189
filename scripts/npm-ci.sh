#!/bin/bash
# npm-ci.sh FOLDER: installs exactly what FOLDER/package-lock.json says, unless it is there.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root/$1"

# npm keeps a record of what it installed; packages for other platforms are optional.
same='const read = (f) => JSON.parse(require("fs").readFileSync(f)).packages;
const want = read("package-lock.json"), have = read("node_modules/.package-lock.json");
const ok = Object.entries(want).every(([path, p]) =>
  path === "" || (have[path] ? have[path].version === p.version : p.optional));
process.exit(ok && Object.keys(have).every((path) => want[path]) ? 0 : 1)'
! "$root/scripts/node.sh" node -e "$same" 2>/dev/null || exit 0

echo "npm ci: $1"
"$root/scripts/node.sh" npm ci --ignore-scripts --loglevel=error
