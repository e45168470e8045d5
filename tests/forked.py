"""Processes that begin with everything imported: soon, and so that a kill hits the work."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext


def forking() -> ForkServerContext:
    """The one fork server of a test process. Its preload is settled with the first process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.warm"])
    return context
