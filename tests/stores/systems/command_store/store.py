"""A key-value store over HTTP that appends to a file before it answers: PUT /KEY, GET /."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

port, folder = int(sys.argv[1]), Path(sys.argv[2])
FILE = folder / "values.jsonl"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kept = {line["key"] for line in entries()}
        if self.path[1:] not in kept:
            with FILE.open("a") as file:
                file.write(json.dumps({"key": self.path[1:], "value": body}) + "\n")
        self.answer({"kept": True})

    def do_GET(self):
        self.answer([{"work": line["key"]} for line in entries()])

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def entries():
    return [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.exists() else []


ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
