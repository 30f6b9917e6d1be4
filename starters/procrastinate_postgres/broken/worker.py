"""The worker: does the jobs of `tasks.py` until it is ended."""

from tasks import app, create_tables

if __name__ == "__main__":
    create_tables()
    app.run_worker()
