#!/usr/bin/env bash
# Installs the packed client as somebody does who has Node and npm and nothing else, and uses it.
#
#   tools/client-install.sh 22.12.0 22
#
# With the Node that runs the scripts and each version named: every file of the library is loaded, an invalid policy
# is refused by its code, the policy of the README is understood, the executable tells its version. A Node that is too old is refused by its code. Then the examples
# of the README are compiled strictly, declarations of the packages included, and the sources are compiled against the
# API of the first Node that is named: whatever is newer does not compile.
set -eu -o pipefail
cd "$(dirname "$0")/.."
repository=$PWD
if (($# == 0)); then
  echo "usage: tools/client-install.sh NODE_VERSION…" >&2
  exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
node=$(node bin/node-path.js)
oldest=$1

npm run --silent build:client
(cd client && npm pack --silent --pack-destination "$work" >/dev/null)

consumer=$work/consumer
mkdir "$consumer"
cd "$consumer"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --ignore-scripts --no-audit --no-fund "$work"/vidimus-client-*.tgz
# block LANGUAGE NUMBER: the block of that number, from 1, among those of that language in the README.
block() {
  awk -v fence="\`\`\`$1" -v wanted="$2" '
    $0 == fence { inside = (++count == wanted); next }
    /^```$/ { inside = 0 }
    inside
  ' "$repository/client/README.md"
}
block yaml 1 >trust.yaml
block ts 1 >example.ts
block ts 2 >files.ts
[[ -s trust.yaml && -s example.ts && -s files.ts ]]

cat >use.js <<'USE'
import { readdirSync } from "node:fs";
import { openTrust } from "@vidimus/client";

const dist = new URL("node_modules/@vidimus/client/dist/", import.meta.url);
const files = readdirSync(dist, { recursive: true })
  .filter((path) => path.endsWith(".js") && !path.startsWith("bin"));
for (const path of files) await import(new URL(path, dist).href);
const refusal = await openTrust({ policy: { repositories: [{ match: "" }] } }).catch((error) => error);
if (refusal.code !== "POLICY_INVALID") throw refusal;
const trust = await openTrust({ policy: "trust.yaml" });
const covered = trust.coverage("registry.acme.example/acme/kernel:6.6");
await trust.close();
if (covered !== "rule") throw new Error(`the policy of the README says ${covered}`);
console.log(`  ${files.length} files loaded, ${refusal.code}`);
USE
programs=("$node")
binary=node-$("$node" -p 'process.platform + "-" + process.arch')
for version in "$@"; do
  mkdir -p "$work/node/$version"
  (cd "$work/node/$version" && npm pack --silent "$binary@$version" >/dev/null && tar -xzf node-*.tgz)
  programs+=("$work/node/$version/package/bin/node")
done
for program in "${programs[@]}"; do
  echo "node $("$program" --version)"
  "$program" use.js
  if [[ -L node_modules/.bin/vidimus-client ]]; then
    PATH=$(dirname "$program"):$PATH node_modules/.bin/vidimus-client --version
  fi
done

mkdir "$work/too-old"
(cd "$work/too-old" && npm pack --silent "$binary@20" >/dev/null && tar -xzf node-*.tgz)
ended=0
"$work/too-old/package/bin/node" node_modules/@vidimus/client/dist/bin/vidimus-client.js resolve app 2>too-old.txt || ended=$?
grep -q RUNTIME_TOO_OLD too-old.txt && ((ended == 41))
echo "node $("$work/too-old/package/bin/node" --version) is refused with $ended"
if [[ -e /dev/full ]]; then
  ended=0
  "$node" node_modules/@vidimus/client/dist/bin/vidimus-client.js help exit-codes >/dev/full 2>full.txt || ended=$?
  grep -q ENOSPC full.txt && ((ended == 40))
  echo "a result that cannot be written ends with $ended"
fi

npm install --silent --ignore-scripts --no-audit --no-fund "@types/node@${oldest%%.*}"
"$node" "$repository/node_modules/typescript/bin/tsc" --noEmit --strict --exactOptionalPropertyTypes \
  --module nodenext --target es2024 --lib es2024 --types node --skipLibCheck false example.ts files.ts
echo "the examples compile"

mkdir sources
cp -r "$repository/src" "$repository/tsconfig.json" sources
echo '{ "extends": "./tsconfig.json", "include": ["src/client", "src/core", "src/policy"] }' >sources/oldest.json
mapfile -t others < <("$node" -p '
  const { dependencies, devDependencies } = require(process.argv[1]);
  const of = (all) => (name) => `${name}@${all[name]}`;
  [...["commander", "dockerfile-ast"].map(of(dependencies)), of(devDependencies)("@types/proxy-from-env")].join("\n")
' "$repository/package.json")
npm install --silent --ignore-scripts --no-audit --no-fund "@types/node@~${oldest%.*}.0" "${others[@]}"
"$node" "$repository/node_modules/typescript/bin/tsc" -p sources/oldest.json
echo "the sources compile with the API of Node $oldest"
