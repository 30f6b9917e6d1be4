"""A module of the service's own: it must be loaded in each life, never before the fork."""

import os
import sqlite3

loaded_by = os.getpid()
database = sqlite3
