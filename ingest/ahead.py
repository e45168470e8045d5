"""Working ahead of a consumer on threads, in order and in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")

# Slices under way; more would only lie in memory.
THREADS = 2


def mapped(function: Callable[[S], T], items: Iterator[S]) -> Iterator[T]:
    """A function of each item, in order, while further items are worked on.

    A sole item starts no thread: for small files that would be most of the work.
    """
    first = next(items, None)
    second = next(items, None)
    if first is None:
        return
    if second is None:
        yield function(first)
        return
    with ThreadPoolExecutor(THREADS, thread_name_prefix="parse") as pool:
        coming: deque[Future[T]] = deque([pool.submit(function, first)])
        coming.append(pool.submit(function, second))
        for item in items:
            coming.append(pool.submit(function, item))
            yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
