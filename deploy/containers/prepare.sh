#!/bin/sh
# Make the secrets at the first start, each in the volume of those who may read it; what is there stays.
set -eu
umask 077
home=/srv/gazette/secrets

word() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

put() { # FILE MODE TEXT: whole or not at all
    [ -s "$1" ] && return
    printf '%s\n' "$3" > "$1.new"
    chmod "$2" "$1.new"
    mv "$1.new" "$1"
}

# PostgreSQL runs as a user of its own, and nobody else has its volume.
put "$home/postgres/password" 444 "$(word)"
put "$home/gazette/database_url" 400 "postgresql+psycopg://gazette:$(cat "$home/postgres/password")@postgres/gazette"

put "$home/gazette/nats_url" 400 "nats://gazette:$(word)@nats:4222"
password=$(sed 's#^nats://gazette:\(.*\)@nats:4222$#\1#' "$home/gazette/nats_url")
# From then on the catalog keeps this file: our own user, and the departments'.
put "$home/nats/users.conf" 600 "{\"users\": [{\"user\": \"gazette\", \"password\": \"$password\"}]}"

put "$home/gazette/internal_token" 400 "$(word)"
put "$home/gazette/link_secret" 400 "$(word)"
echo "The secrets are there."
