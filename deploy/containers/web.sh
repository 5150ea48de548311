#!/bin/sh
# Run nginx. Below GAZETTE_PATH_PREFIX (such as /zwgk) every address loses the prefix first; the services write it back.
set -eu
prefix=${GAZETTE_PATH_PREFIX:-}
prefix=${prefix%/}
case $prefix in
    '') : > /tmp/prefix.conf ;;
    [!/]* | *[!A-Za-z0-9/_-]*) echo "GAZETTE_PATH_PREFIX must be like /zwgk: letters, digits, - and _" >&2; exit 2 ;;
    *) printf 'rewrite ^%s$ %s/ permanent;\nrewrite ^%s(/.*)$ $1;\n' "$prefix" "$prefix" "$prefix" > /tmp/prefix.conf ;;
esac
exec nginx
