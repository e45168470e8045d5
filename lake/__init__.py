"""Shared ground of every stage: settings, paths, the system profile, the catalog.

What may live here: what two stages need. Nothing here imports a stage.
"""
