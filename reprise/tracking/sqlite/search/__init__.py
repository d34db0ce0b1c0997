"""Searches as SQL of SQLite: which tables, indexes and order a filter needs."""
