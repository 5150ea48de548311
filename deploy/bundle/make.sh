#!/bin/sh
# One archive with everything that a machine without a network needs: `make bundle`.
#   deploy/bundle/make.sh [FOLDER]     default: dist
# Wheels come by the hashed lock; what has no wheel is built here. The result is for this kind of machine.
set -eu
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-python3.11}
out=${1:-dist}
version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' services/__init__.py)
name="open-gazette-$version-linux-$(uname -m)"
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d "$out/.bundle.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM

"$PYTHON" -m venv "$work/venv"
mkdir -p "$work/$name/wheels" "$work/$name/program"
echo 'Fetching wheels by the hashed lock …'
"$work/venv/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-input \
    --require-hashes --no-deps -r requirements.lock -w "$work/$name/wheels"
tar -cf - --exclude='__pycache__' --exclude='*.pyc' \
    services shared samples deploy docs LICENSE README.md README.zh-CN.md CHANGELOG.md requirements.lock pyproject.toml |
    tar -xf - -C "$work/$name/program"
cp deploy/bundle/install.sh deploy/bundle/README.md deploy/bundle/README.zh-CN.md "$work/$name/"
cp -R deploy/systemd deploy/web "$work/$name/"
echo "$version" > "$work/$name/VERSION"
(cd "$work/$name" && find . -type f ! -name SHA256SUMS -print0 | LC_ALL=C sort -z | xargs -0 sha256sum > SHA256SUMS)
tar -czf "$work/$name.tar.gz" --owner=0 --group=0 -C "$work" "$name"
mv "$work/$name.tar.gz" "$out/"
(cd "$out" && sha256sum "$name.tar.gz" > "$name.tar.gz.sha256")
echo "$out/$name.tar.gz"
