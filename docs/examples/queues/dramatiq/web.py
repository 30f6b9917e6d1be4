"""Takes orders by HTTP and hands them to Dramatiq. Kept as plain as the queue's own tutorial."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tasks import charge


class Orders(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        charge.send(order["id"])
        self.answer(202)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Orders).serve_forever()
