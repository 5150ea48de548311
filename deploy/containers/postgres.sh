#!/bin/sh
# Run Debian's PostgreSQL; at the first start make its data with the password of a file.
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
export PATH="$bin:$PATH"
user=${POSTGRES_USER:-postgres}
name=${POSTGRES_DB:-$user}

if [ -z "${POSTGRES_PASSWORD_FILE:-}" ]; then
    POSTGRES_PASSWORD_FILE=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:?set it, or POSTGRES_PASSWORD_FILE}" > "$POSTGRES_PASSWORD_FILE"
    unset POSTGRES_PASSWORD
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # What a first start had moved when it was cut short; without its folder `new` it is none of ours.
    if [ -d "$PGDATA/new" ]; then
        for file in "$PGDATA"/*; do case $file in */lost+found) ;; *) rm -rf "$file" ;; esac; done
    fi
    # Checksums find what a disk has changed; the order of text is the same on every machine.
    initdb -D "$PGDATA/new" --username="$user" --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8 --data-checksums >/dev/null
    echo 'host all all all scram-sha-256' >> "$PGDATA/new/pg_hba.conf"
    PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    export PGPASSWORD
    pg_ctl -D "$PGDATA/new" -w -o "-c listen_addresses='' -k /tmp" start >/dev/null
    [ "$name" = postgres ] || createdb -h /tmp -U "$user" "$name"
    pg_ctl -D "$PGDATA/new" -w -m fast stop >/dev/null
    # Whole or not at all: a start that is cut short begins again.
    for file in "$PGDATA/new"/*; do case $file in */PG_VERSION) ;; *) mv "$file" "$PGDATA/" ;; esac; done
    sync
    mv "$PGDATA/new/PG_VERSION" "$PGDATA/"
fi
rmdir "$PGDATA/new" 2>/dev/null || true
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"
