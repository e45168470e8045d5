"""How long an answer takes: cold, and warm in a process that keeps asking."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measure import cost, ratio

Question = Callable[[Sequence[str]], object]
Opened = Callable[[], Mapping[str, Question]]


@dataclass(frozen=True)
class Asked:
    """A question of the benchmark.

    Attributes:
        kind: its name with those who answer it.
        names: the instruments of each time that it is asked.
        cold: ask once, in a new process that has to open its files, none of them in memory.
    """

    kind: str
    names: list[list[str]]
    cold: bool = False


@dataclass
class Latencies:
    """Seconds of one question to one who answers, a list a round."""

    rounds: list[list[float]] = field(default_factory=list)

    def cell(self) -> str:
        """Milliseconds: the median and the 99th percentile, or the one figure that there is."""
        seconds = [second for part in self.rounds for second in part]
        middle, high = np.percentile(seconds, [50, 99]) * 1000
        return f"{middle:.1f} / {high:.1f}" if len(seconds) > 10 else f"{middle:.0f}"

    def ratio(self, ours: Latencies) -> str:
        """These medians by ours, round by round."""
        medians = ([float(np.median(part)) for part in who.rounds] for who in (self, ours))
        return ratio(*medians)


def latencies(
    answering: Mapping[str, Opened], asked: Asked, rounds: int, data: Path, root: Path
) -> dict[str, Latencies]:
    """Everyone who answers this question, in turn, `rounds` times, in processes of their own.

    Args:
        answering: by name; each is opened in its process.
        asked: the question.
        rounds: how often.
        data: the folder of all their files, which leave the system's memory before a cold one.
        root: a new folder for what they note.
    """
    found: dict[str, Latencies] = {}
    for number in range(rounds):
        for place, (name, opened) in enumerate(answering.items()):
            if asked.cold:
                forget(data)
            out = root / f"{number}-{place}"
            cost(partial(answer, opened, asked), out)
            seconds = json.loads((out / "seconds.json").read_text(encoding="utf-8"))
            if seconds:
                found.setdefault(name, Latencies()).rounds.append(seconds)
    return found


def answer(opened: Opened, asked: Asked, out: Path) -> None:
    """Ask every time; without counting the first two, unless a cold answer is wanted."""
    seconds: list[float] = []
    began = time.perf_counter()
    question = opened().get(asked.kind)
    if question and asked.cold:
        question(asked.names[0])
        seconds.append(time.perf_counter() - began)
    elif question:
        for names in asked.names[:2]:
            question(names)
        for names in asked.names:
            began = time.perf_counter()
            question(names)
            seconds.append(time.perf_counter() - began)
    (out / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")


def forget(folder: Path) -> None:
    """Let the system drop what it keeps of these files in memory, where it can be asked to."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
