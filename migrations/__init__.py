"""The history of the tables, as Alembic revisions numbered 0001, 0002 …

Each runs in one transaction: it happens, or nothing does.
"""

HEAD = "0021"
"""The newest revision, known without loading Alembic. A test compares it with the files."""
