"""Run as a program: open stores with pyqlib and write down all that it sees.

Each line on stdin is a JSON list `[provider_uri, freq, out, computing, step]`, answered by a line
on stdout when folder `out` holds features.parquet (instrument, datetime, every field) of each
`step`-th instrument, expressions.parquet (only the first instrument's unless `computing`), and
seen.json with the calendar and the instruments. A process of its own because `qlib.init` and its
caches are global, and one for all reads because importing pyqlib takes several seconds.
"""

import json
import logging
import sys
from pathlib import Path

import qlib
from qlib.data import D


def look(uri: str | dict[str, str], freq: str, out: Path, computing: bool, step: int) -> None:
    """Read everything in one store at one frequency."""
    store = Path(uri if isinstance(uri, str) else uri[freq])
    qlib.init(provider_uri=uri, region="us", kernels=1, logging_level=logging.CRITICAL)
    names = sorted({p.name.split(".")[0] for p in store.glob(f"features/*/*.{freq}.bin")})
    lives = D.list_instruments(D.instruments("all"), freq=freq)
    # Through the market, which cuts each instrument at its own dates.
    some = {name: lives[name] for name in sorted(lives)[::step]}
    whom = D.instruments("all") if step == 1 else some
    frame = D.features(whom, [f"${name}" for name in names], freq=freq)
    frame.columns = names
    frame.reset_index().to_parquet(out / "features.parquet")
    asked = sorted(lives) if computing else sorted(lives)[:1]
    expressions = D.features(asked, ["Ref($close, 1)", "Mean($close, 3)"], freq=freq)
    expressions.columns = ["ref", "mean"]
    expressions.reset_index().to_parquet(out / "expressions.parquet")
    seen = {
        "calendar": [str(moment) for moment in D.calendar(freq=freq)],
        "instruments": {name: [[str(a), str(b)] for a, b in v] for name, v in lives.items()},
    }
    (out / "seen.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        uri, freq, out, computing, step = json.loads(line)
        look(uri, freq, Path(out), computing, step)
        print("done", file=answers, flush=True)
