#!/bin/sh
# Install from this folder, without a network, for the user who runs it: sh install.sh [FOLDER]
# FOLDER (default ~/open-gazette) gets one folder for each version; `current` leads to the newest.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=${1:-$HOME/open-gazette}
PYTHON=${PYTHON:-python3.11}
version=$(cat "$here/VERSION")

"$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || {
    echo '需要 Python 3.11；或用 PYTHON=/路径 指明。 / Python 3.11 is needed, or name it: PYTHON=/path sh install.sh' >&2
    exit 1
}
(cd "$here" && sha256sum --check --quiet SHA256SUMS) || {
    echo '安装包已损坏，请重新复制。 / The archive is damaged; copy it again.' >&2
    exit 1
}
mkdir -p "$home"
home=$(cd "$home" && pwd)
place="$home/$version"
[ ! -e "$place" ] || {
    echo "$place 已存在，请先移走。 / $place is there already; move it away first." >&2
    exit 1
}
trap 'rm -rf "$place.new"' EXIT
rm -rf "$place.new"
cp -R "$here/program" "$place.new"
mv "$place.new" "$place"
trap 'rm -rf "$place"' EXIT
"$PYTHON" -m venv "$place/.venv" || {
    echo '请先安装 python3.11-venv。 / Install the package python3.11-venv first.' >&2
    exit 1
}
"$place/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --no-index --no-deps "$here"/wheels/*.whl
"$place/.venv/bin/python" -c 'import pathlib, sys, sysconfig
(pathlib.Path(sysconfig.get_path("purelib")) / "open_gazette.pth").write_text(sys.argv[1] + "\n", encoding="utf-8")' "$place"
printf '#!/bin/sh\nexec "%s/.venv/bin/python" -P -m services.cli "$@"\n' "$place" > "$place/.venv/bin/gazette"
chmod +x "$place/.venv/bin/gazette"
"$place/.venv/bin/gazette" --help > /dev/null
ln -sfn "$version" "$home/.current.new" && mv -T "$home/.current.new" "$home/current"
trap - EXIT
echo "已安装 / installed: $home/current/.venv/bin/gazette"
echo "演示 / demo:  $home/current/.venv/bin/gazette demo --data $home/demo"
echo "启动 / start: $home/current/.venv/bin/gazette up --data DIR"
echo "升级旧数据 / upgrade older data, stopped: $home/current/.venv/bin/gazette upgrade --data DIR"
