#!/bin/sh
# Verifies an image, pulls it from a registry on loopback, and unpacks it once every byte of it was checked.
# VIDIMUS_CLIENT is the command that verifies. What sed and grep read was made by it, or has the digest that it gave.
# Images whose layers delete files of lower ones are refused: a real builder has code of its own for layers.
set -eu
[ $# -eq 2 ] && [ ! -e "$2" ] || { echo "Usage: $0 IMAGE DIRECTORY (one that is not there yet)" >&2 && exit 2; }
image=$1 rootfs=$2
work=$(mktemp -d "$rootfs.XXXXXX")
trap 'rm -rf "$work"' EXIT

fail() {
  echo "$1" >&2
  exit 1
}

# value NAME FILE: the first value of that name in a JSON document.
value() {
  tr -d ' \t\n' <"$2" | grep -oE "\"$1\":(\"[^\"]*\"|[0-9]+)" | head -n 1 | cut -d : -f 2- | tr -d '"'
}

# list NAME FILE: the objects in a list of that name, one a line.
list() {
  object='\{([^{}]|\{[^{}]*\})*\}'
  tr -d ' \t\n' <"$2" | grep -oE "\"$1\":\[($object,?)*\]" | cut -d '[' -f 2- | grep -oE "$object"
}

# save KIND DIGEST SIZE FILE: exactly the bytes that the digest names.
save() {
  curl -fsS --proto =http --max-time 300 --max-filesize "$3" -H "Accept: $accept" -o "$4" "$registry/$1/$2" ||
    fail "$registry does not give $2."
  echo "${2#sha256:}  $4" | sha256sum --check --status || fail "$2 has other bytes."
}

status=0
${VIDIMUS_CLIENT:-vidimus-client} resolve --json "$image" >"$work/answer" || status=$?
if [ "$status" -ne 0 ]; then
  sed -n 's/^ *"\(what\|next\)": "\(.*\)",*$/\2/p' "$work/answer" >&2
  exit "$status"
fi
name=${image%@*}
case ${name##*/} in *:*) name=${name%:*} ;; esac
registry="http://${name%%/*}/v2/${name#*/}"
oci=application/vnd.oci.image docker=application/vnd.docker.distribution.manifest
accept="$oci.index.v1+json,$oci.manifest.v1+json,$docker.list.v2+json,$docker.v2+json"
save manifests "$(value digest "$work/answer")" "$(value length "$work/answer")" "$work/manifest"
case $(uname -m) in x86_64) cpu=amd64 ;; aarch64) cpu=arm64 ;; *) cpu=$(uname -m) ;; esac
if list manifests "$work/manifest" | grep '"os":"linux"' | grep "\"architecture\":\"$cpu\"" >"$work/ours"; then
  save manifests "$(value digest "$work/ours")" "$(value size "$work/ours")" "$work/manifest"
fi
list layers "$work/manifest" >"$work/layers" || fail "The image has no layers."
mkdir "$work/tree" "$work/blobs"
while read -r layer; do
  echo "$layer" >"$work/layer"
  save blobs "$(value digest "$work/layer")" "$(value size "$work/layer")" "$work/blobs/$(ls "$work/blobs" | wc -l)"
done <"$work/layers"
for file in $(ls "$work/blobs" | sort -n); do
  if tar -tf "$work/blobs/$file" | grep -qE '(^|/)\.wh\.'; then fail "A layer deletes files of lower ones."; fi
  tar -xf "$work/blobs/$file" -C "$work/tree"
done
mv -T "$work/tree" "$rootfs"
