"""A small prober that speaks blackbox_exporter's `/probe?target=`, for machines without it.

Run as `python -m lab.blackbox PORT`. Not here: any module but `http_2xx`.
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx

_TEXT = """# HELP probe_success Displays whether or not the probe was a success
# TYPE probe_success gauge
probe_success {success}
# HELP probe_duration_seconds Returns how long the probe took to complete in seconds
# TYPE probe_duration_seconds gauge
probe_duration_seconds {duration}
# HELP probe_http_status_code Response HTTP status code
# TYPE probe_http_status_code gauge
probe_http_status_code {status}
"""


def probe(target: str) -> str:
    """Fetch `target` once, for 0.8 s at most, and say it in Prometheus' text format."""
    begun = time.monotonic()
    try:
        status = httpx.get(target, timeout=0.8, trust_env=False).status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        status = 0
    return _TEXT.format(
        success=int(200 <= status < 300), duration=time.monotonic() - begun, status=status
    )


class Handler(BaseHTTPRequestHandler):
    """`/probe?target=URL`, and `/-/healthy`."""

    def do_GET(self) -> None:
        """Answer a scrape."""
        address = urlsplit(self.path)
        targets = parse_qs(address.query).get("target", [])
        body = probe(targets[0]) if address.path == "/probe" and targets else "ok\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def serve(port: int) -> ThreadingHTTPServer:
    """A server bound to 127.0.0.1; the caller runs and closes it."""
    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


if __name__ == "__main__":
    serve(int(sys.argv[1])).serve_forever()
