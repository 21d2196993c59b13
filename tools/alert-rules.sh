#!/usr/bin/env bash
# Holds the alert rules of packaging/monitoring to their form and to what they ring at (test/packaging/alerts.test.yaml).
#
#   tools/alert-rules.sh
#
# With the promtool on the path; without one, with the one in Debian's package, unpacked in a temporary directory.
set -eu -o pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
promtool=$(command -v promtool || true)
if [[ -z $promtool ]]; then
  chmod 755 "$work"
  if ! (cd "$work" && apt-get download -qq prometheus && dpkg -x prometheus_*.deb .) >"$work/log" 2>&1; then
    cat "$work/log" >&2
    echo "promtool is missing and Debian's package cannot be had: apt-get install prometheus" >&2
    exit 1
  fi
  promtool=$work/usr/bin/promtool
fi
"$promtool" check rules packaging/monitoring/alerts.yaml
"$promtool" test rules test/packaging/alerts.test.yaml
