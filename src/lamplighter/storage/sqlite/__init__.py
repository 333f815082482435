"""The embedded engine: SQLite through apsw, one writer thread, group commit. Nothing outside imports its modules."""

from lamplighter.storage.sqlite.engine import SqliteStorage
from lamplighter.storage.sqlite.space import SpacePolicy

__all__ = ["SpacePolicy", "SqliteStorage"]
