#!/bin/sh
# Installs what benches of contents compare with: restic and borg from the distribution (as root), and ten published
# versions of a package, as real versions of a real tree. What is missing afterwards, the benches leave out.
set -u
cd "$(dirname "$0")"

if command -v apt-get >/dev/null; then
  apt-get update -qq && apt-get install -y -qq restic borgbackup || echo "restic, borg: not installed" >&2
fi

# fetch FOLDER PACKAGE VERSION...: the packed files of each version, unpacked by the bench.
fetch() {
  mkdir -p "trees/$1"
  folder="trees/$1"
  package="$2"
  shift 2
  for version in "$@"; do
    file="$folder/$package-$version.tgz"
    [ -s "$file" ] && continue
    npm pack --silent --pack-destination "$folder" "$package@$version" >/dev/null \
      || echo "$package@$version: not fetched" >&2
  done
}

# A library with its sources, 5 MB a version; and one of 30 MB with sources, builds and examples.
fetch small webpack 5.96.1 5.97.0 5.97.1 5.98.0 5.99.0 5.99.5 5.99.9 5.100.0 5.101.0 5.102.0
fetch large three 0.170.0 0.171.0 0.172.0 0.173.0 0.174.0 0.175.0 0.176.0 0.177.0 0.178.0 0.179.1
