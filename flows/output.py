"""What a command prints: a document for a machine or words for a person, and its exit code."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from flows.summary import has_failed

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def show(document: Any, words: Any, as_json: bool) -> None:
    """Print a document for a machine, or in words for a person."""
    typer.echo(json.dumps(document, default=str) if as_json else words(document))


def finish(document: dict[str, Any], words: Any, as_json: bool) -> None:
    """Show the outcome; exit 1 when any part of it failed."""
    show(document, words, as_json)
    if has_failed(document):
        raise typer.Exit(1)
