"""Takes orders by HTTP and hands them to RQ. Kept as plain as the queue's own tutorial."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from redis import Redis
from rq import Queue

from tasks import charge

queue = Queue(connection=Redis.from_url(os.environ["REDIS_URL"]))


class Orders(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        queue.enqueue(charge, order["id"])
        self.answer(202)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Orders).serve_forever()
