#!/usr/bin/env bash
# The package pkcs11js, installed and compiled in a folder outside of this tree, for the tests that need a real token.
#
#   tools/pkcs11js.sh FOLDER        then: export VIDIMUS_PKCS11JS=FOLDER/node_modules/pkcs11js
#
# It needs a C++ compiler, make, Python, and the npm registry. The headers of Node come from the Node 24 that `npm ci`
# brought, so that nothing is downloaded for them. One version, and its install script is the only one that may run.
set -euo pipefail

[[ $# == 1 ]] || { echo "usage: tools/pkcs11js.sh FOLDER" >&2; exit 2; }
version=2.1.7
node=$(node "$(dirname "$0")/../bin/node-path.js")
headers=$(dirname "$(dirname "$node")")

mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$folder"
[[ -e package.json ]] || echo '{ "private": true }' >package.json
arguments=(--no-audit --no-fund --no-save --ignore-scripts=false)
if [[ -e $headers/include/node/node_api.h ]]; then arguments+=("--nodedir=$headers"); fi
npm install "${arguments[@]}" "pkcs11js@$version"
"$node" -e 'require(process.argv[1])' "$folder/node_modules/pkcs11js"
echo "VIDIMUS_PKCS11JS=$folder/node_modules/pkcs11js"
