"""Prints a line for each row of the books, as the manifest's command."""

import json
import sqlite3
import sys

try:
    for (work,) in sqlite3.connect(f"file:{sys.argv[1]}/books.db?mode=ro", uri=True).execute("select id from books"):
        print(json.dumps({"work": work}))
except sqlite3.OperationalError:
    print("no books yet", file=sys.stderr)
