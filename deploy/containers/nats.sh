#!/bin/sh
# Run NATS, and have it read the departments' users again when the catalog wrote others; nobody is dropped by that.
set -eu
conf=/etc/nats/nats.conf
users=/srv/gazette/secrets/nats/users.conf

state() { stat -c '%i %Y %s' "$users" 2>/dev/null || echo none; }

nats-server -c "$conf" &
server=$!
trap 'kill -TERM "$server"' TERM INT
seen=$(state)
while kill -0 "$server" 2>/dev/null; do
    now=$(state)
    if [ "$now" != "$seen" ]; then
        seen=$now
        if nats-server -t -c "$conf" >/dev/null 2>&1; then kill -HUP "$server"; fi
    fi
    sleep 1 &
    wait $! || true
done
wait "$server"
