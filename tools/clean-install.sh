#!/usr/bin/env bash
# Installs and starts Vidimus as somebody does who has Node and npm and nothing else.
#
#   tools/clean-install.sh 10 11
#
# For each major version of npm: a copy of the last commit in a temporary directory, a PATH that holds only
# sh, node, npm, git and coreutils (no compiler, no make, no Python), `npm ci`, then `npm start` until the
# server is ready, then SIGTERM. Fails when a step fails, when the server does not end cleanly, or when it
# outlives npm.
set -eu -o pipefail
cd "$(dirname "$0")/.."
repository=$PWD
if (($# == 0)); then
  echo "usage: tools/clean-install.sh NPM_MAJOR…" >&2
  exit 2
fi

work=$(mktemp -d)
npm_pid=
server_pid=
clean_up() {
  if [[ -n $npm_pid ]]; then kill -KILL "$npm_pid" 2>/dev/null || true; fi
  if [[ -n $server_pid ]]; then kill -KILL "$server_pid" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap clean_up EXIT

# wait_until SECONDS COMMAND…
wait_until() {
  local last=$((SECONDS + $1))
  shift
  until "$@"; do
    if ((SECONDS > last)); then return 1; fi
    sleep 0.1
  done
}
ended() { ! kill -0 "$1" 2>/dev/null; }
ready_or_ended() { [[ -s $1 ]] || ended "$npm_pid"; }

programs="sh env node git basename cat chmod cp cut date dirname head id ln ls mkdir mktemp mv printf pwd
  readlink rm rmdir sleep sort stat tail test touch tr true uname wc"
forbidden="cc gcc g++ c++ clang make cmake python python2 python3"

for major in "$@"; do
  echo "npm $major"
  place=$work/npm-$major
  mkdir -p "$place/bin" "$place/clone" "$place/npm"
  for program in $programs; do
    found=$(type -P "$program") && ln -s "$(readlink -f "$found")" "$place/bin/$program"
  done
  (cd "$place/npm" && npm pack --silent "npm@$major" >/dev/null && tar -xzf npm-*.tgz)
  ln -s "$place/npm/package/bin/npm-cli.js" "$place/bin/npm"
  for program in $forbidden; do
    if PATH=$place/bin type -P "$program" >/dev/null; then
      echo "$program is on the path that must not have it" >&2
      exit 1
    fi
  done

  git -C "$repository" archive HEAD | tar -x -C "$place/clone"
  cd "$place/clone"
  echo "  npm $(PATH=$place/bin npm --version), node $(PATH=$place/bin node --version)"
  PATH=$place/bin npm ci --loglevel=error

  ready=$place/ready.json
  PATH=$place/bin npm start -- --data "$place/data" --port 0 --ready-file "$ready" >"$place/log" 2>&1 &
  npm_pid=$!
  if ! wait_until 60 ready_or_ended "$ready" || [[ ! -s $ready ]]; then
    cat "$place/log" >&2
    echo "the server did not start" >&2
    exit 1
  fi
  server_pid=$(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1], "utf8")).pid' "$ready")
  kill -TERM "$npm_pid"
  if ! wait_until 30 ended "$server_pid"; then
    cat "$place/log" >&2
    echo "the server outlives npm" >&2
    exit 1
  fi
  server_pid=
  wait "$npm_pid" || code=$?
  npm_pid=
  # npm reports the signal it passed on, or the server's own exit code.
  if ((${code:=0} != 0 && code != 143)); then
    cat "$place/log" >&2
    echo "npm start ended with $code" >&2
    exit 1
  fi
  unset code
  cd "$repository"
  echo "  installed, started, stopped"
done
