#!/usr/bin/env bash
# Installs the packed server as somebody does who has Node and npm and nothing else, and uses it.
#
#   tools/server-install.sh
#
# The package is built, packed, looked at and installed in an empty folder; whatever Node is on the path, the pinned one
# runs it. Then the server starts, takes a publication and serves it (tools/server-use.ts), says that it is healthy,
# and ends with 0 on SIGTERM. Nothing that was built stays in the clone.
set -eu -o pipefail
cd "$(dirname "$0")/.."
repository=$PWD

work=$(mktemp -d)
server_pid=
clean_up() {
  if [[ -n $server_pid ]]; then kill -KILL "$server_pid" 2>/dev/null || true; fi
  rm -rf "$work" "$repository/dist"
}
trap clean_up EXIT
fail() {
  echo "$1" >&2
  if [[ -e $work/log ]]; then tail -n 20 "$work/log" >&2; fi
  exit 1
}

rm -rf dist
npm run --silent pack:server -- --silent --pack-destination "$work" >/dev/null
tar -tzf "$work"/vidimus-*.tgz | sed 's,^package/,,' | sort >"$work/files"
for wanted in bin/vidimus.js dist/main.js dist/wire/reading-thread.js docs/operations.md migrations/sqlite/0001_store.sql packaging/vidimus.service; do
  grep -qxF "$wanted" "$work/files" || fail "$wanted is not in the package"
done
unwanted=$(grep -vE '^(bin|dist|docs|migrations|packaging)/|^(CHANGELOG|README|SECURITY)\.md$|^(LICENSE|package\.json)$' \
  "$work/files" || true)
unwanted+=$(grep -E '\.ts$|\.map$|\.node$|^dist/.*\.test\.|\.pem$' "$work/files" || true)
[[ -z $unwanted ]] || fail "in the package, and may not be: $unwanted"
bytes=$(stat -c %s "$work"/vidimus-*.tgz)
((bytes < 1000000)) || fail "the package has $bytes bytes: find out what grew, or raise the bound"
echo "packed: $(wc -l <"$work/files") files, $bytes bytes"

mkdir "$work/empty"
cd "$work/empty"
npm install --silent --no-audit --no-fund "$work"/vidimus-*.tgz
vidimus=$PWD/node_modules/.bin/vidimus
said=$("$vidimus" version)
[[ $said == "vidimus "*" (Node 24."* ]] || fail "the installed program says: $said"
echo "installed: $said, under $(node --version)"

settings=(--data "$work/data" --port 0)
"$vidimus" serve "${settings[@]}" --ready-file "$work/ready.json" >"$work/log" 2>&1 &
server_pid=$!
last=$((SECONDS + 30))
until [[ -s $work/ready.json ]]; do
  kill -0 "$server_pid" 2>/dev/null || fail "the server ended before it was ready"
  ((SECONDS < last)) || fail "the server is not ready"
  sleep 0.1
done
(cd "$repository" && "$(node bin/node-path.js)" tools/server-use.ts "$work/ready.json")
"$vidimus" healthcheck "${settings[@]}" --ready-file "$work/ready.json"

kill -TERM "$server_pid"
code=0
wait "$server_pid" || code=$?
server_pid=
((code == 0)) || fail "the server ended with $code"
echo "started, published to, stopped"
