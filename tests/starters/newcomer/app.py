"""What an outsider may bring: it charges, then answers. BROKEN makes what was done last only in memory."""

import json
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SEEN = set()


def charge(order):
    key = os.urandom(4).hex() if "BROKEN" in os.environ else order
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    body = json.dumps({"id": order}).encode()
    urllib.request.urlopen(urllib.request.Request(os.environ["WORLD_URL"] + "/charge", body, headers), timeout=2).read()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["id"]
        if order not in SEEN:
            charge(order)
            SEEN.add(order)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
