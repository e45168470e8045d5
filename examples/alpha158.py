"""From an exported store to a back-test: `python examples/alpha158.py [STORE] [--out FOLDER]`.

STORE is a day store, `<lake>/gold/qlib/stocks_daily` of the demo by default. A model learns next
days' returns from Alpha158 on the first part of the calendar and is judged on the rest: IC (rank
correlation a day), and a daily rebalanced portfolio of the best fifth against the whole market.
The demo's prices are random walks, so expect nothing of them; the point is that it runs.

Alpha158 looks back 60 sessions, as long as the whole demo. On a calendar of fewer than 250
sessions its windows are therefore cut to 5 and 10 days; nothing else changes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import qlib
from qlib.contrib.data.loader import Alpha158DL
from qlib.data import D

LABEL = "Ref($close, -2) / Ref($close, -1) - 1"
DEMO = Path(__file__).parents[1] / "quantmini-demo/gold/qlib/stocks_daily"


def features() -> tuple[pd.DataFrame, pd.Series]:
    """Alpha158 and the label, by (datetime, instrument); rows without a label are left out."""
    windows = [5, 10] if len(D.calendar()) < 250 else [5, 10, 20, 30, 60]
    config = {"kbar": {}, "price": {"windows": [0], "feature": ["OPEN", "HIGH", "LOW", "VWAP"]}}
    fields, names = Alpha158DL.get_feature_config(config | {"rolling": {"windows": windows}})
    frame = D.features(D.instruments("all"), [*fields, LABEL])
    frame.columns = [*names, "label"]
    frame = frame.swaplevel().sort_index().replace([np.inf, -np.inf], np.nan)
    frame = frame.dropna(subset=["label"])
    return frame[names], frame["label"]


def model() -> Any:
    """LightGBM, or scikit-learn's gradient boosting where that is not installed."""
    try:
        from lightgbm import LGBMRegressor
    except ImportError:
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(max_iter=100, random_state=0)
    return LGBMRegressor(n_estimators=100, learning_rate=0.05, verbose=-1, random_state=0, n_jobs=2)


def backtest(score: pd.Series, label: pd.Series) -> pd.DataFrame:
    """Daily returns of the best fifth by score and of all instruments, equally weighted."""
    rank = score.groupby(level=0).rank(pct=True)
    best = label[rank > 0.8].groupby(level=0).mean()
    return pd.DataFrame({"best fifth": best, "market": label.groupby(level=0).mean()})


def plot(returns: pd.DataFrame, path: Path) -> None:
    """Cumulated returns as a PNG; left out where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        print("matplotlib is not installed: no plot")
        return
    matplotlib.use("Agg")
    axes = (1 + returns.fillna(0)).cumprod().plot(title="Value of 1 invested, without costs")
    axes.figure.savefig(path, dpi=120, bbox_inches="tight")
    print(f"plot: {path}")


def main() -> None:
    """Train, score, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", nargs="?", type=Path, default=DEMO)
    parser.add_argument("--out", type=Path, default=Path())
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    if not (asked.store / "calendars/day.txt").exists():
        parser.error(f"{asked.store} is no day store of Qlib; `quantmini demo` makes one")
    qlib.init(provider_uri=str(asked.store), region="us", kernels=1, logging_level=50)
    x, y = features()
    days = x.index.get_level_values(0)
    # Two sessions between the parts: the label of one day looks at the prices of the next two.
    calendar = days.unique()
    split = int(len(calendar) * 0.7)
    train, test = days < calendar[split - 2], days >= calendar[split]
    score = pd.Series(model().fit(x[train], y[train]).predict(x[test]), x.index[test])
    ic = score.groupby(level=0).corr(y[test], method="spearman")
    print(f"{x.shape[1]} features, {train.sum():,} rows to learn from, {test.sum():,} to judge")
    print(f"rank IC {ic.mean():+.4f} a day, ICIR {ic.mean() / ic.std():+.3f}, {len(ic)} days")
    returns = backtest(score, y[test])
    print((1 + returns).prod().sub(1).map("{:+.2%}".format).to_string())
    plot(returns, asked.out / "backtest.png")


if __name__ == "__main__":
    main()
