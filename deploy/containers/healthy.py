"""Ask one address of this container: exit 0 when it answers below 400. `healthy.py http://127.0.0.1:8081/livez`."""

import http.client
import sys
from urllib.parse import urlsplit

parts = urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=4)
try:
    connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path)
    sys.exit(connection.getresponse().status >= 400)
except OSError as error:
    sys.exit(f"{sys.argv[1]}: {error}")
