"""Upkeep of the lake: backups of the catalog, snapshots that may go, files that belong together."""
