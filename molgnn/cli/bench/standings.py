"""The table of `bench encoders`: means and spreads over seeds, and who is near the best."""

from statistics import mean, median, stdev

NEAR = 0.05  # as near to the best test figure as counts as near
REFERENCES = ("mean predictor", "random forest")
SMALLER_IS_BETTER = {"rmse": True, "roc_auc": False}


def standings(records: list[dict]) -> list[dict]:
    """One row a data set and model, from one record a run, in the order of the records.

    A figure is its mean over the seeds with its sample standard deviation (None of one seed).
    ``near_best`` and ``beats_mean`` judge the mean test figure of an encoder; None of a reference.
    """
    groups: dict[tuple[str, str], list[dict]] = {}
    for record in records:
        groups.setdefault((record["data"], record["model"]), []).append(record)
    rows = [_row(group) for group in groups.values()]
    for data in dict.fromkeys(row["data"] for row in rows):
        _judge([row for row in rows if row["data"] == data])
    return rows


def _row(group: list[dict]) -> dict:
    first = group[0]
    row = {key: first[key] for key in ("data", "model", "metric")}
    row["seeds"] = [record["seed"] for record in group]
    for part in ("test", "valid"):
        values = [record[part] for record in group]
        row[part] = mean(values)
        row[f"{part}_spread"] = stdev(values) if len(values) > 1 else None
    trained = "seconds_per_epoch" in first
    row["seconds_per_epoch"] = (
        median(record["seconds_per_epoch"] for record in group) if trained else None
    )
    return row | {"near_best": None, "beats_mean": None}


def _judge(rows: list[dict]) -> None:
    """Fill in ``near_best`` and ``beats_mean`` of one data set's rows."""
    encoders = [row for row in rows if row["model"] not in REFERENCES]
    floor = next((row["test"] for row in rows if row["model"] == REFERENCES[0]), None)
    smaller = SMALLER_IS_BETTER[rows[0]["metric"]]
    best = (min if smaller else max)((row["test"] for row in encoders), default=None)
    for row in encoders:
        row["near_best"] = near(row["test"], best, row["metric"])
        if floor is not None:
            row["beats_mean"] = row["test"] < floor if smaller else row["test"] > floor


def near(figure: float, best: float, metric: str) -> bool:
    """Whether ``figure`` is worse than ``best`` by at most a twentieth of it."""
    if SMALLER_IS_BETTER[metric]:
        return figure <= best * (1 + NEAR)
    return figure >= best * (1 - NEAR)


def table(rows: list[dict]) -> str:
    """The rows as text: a line a model, three columns a data set, and what the marks mean."""
    at = {(row["data"], row["model"]): row for row in rows}
    data = {row["data"]: row["metric"] for row in rows}
    models = dict.fromkeys(row["model"] for row in rows)
    heads = "".join(f"{f'{d} {m}: test':>22}{'valid':>17}{'s/epoch':>9}" for d, m in data.items())
    lines = [f"{'':14}{heads}"]
    for model in [m for m in models if m not in REFERENCES] + list(REFERENCES):
        cells = [_cells(at.get((name, model))) for name in data]
        if any(cell.strip("- ") for cell in cells):
            lines.append((f"{model:14}" + "".join(cells)).rstrip())
    lines.append("* within 5 % of the best test figure; ! no better than the mean predictor")
    counts = {len(row["seeds"]) for row in rows if row["near_best"] is not None}
    if len(counts) > 1:
        lines.append(f"not finished: figures are of {min(counts)} to {max(counts)} seeds")
    return "\n".join(lines)


def _cells(row: dict | None) -> str:
    if row is None:
        return f"{'-':>20}  {'-':>17}{'-':>9}"
    marks = "*" * bool(row["near_best"]) + "!" * (row["beats_mean"] is False)
    seconds = row["seconds_per_epoch"]
    test, valid = (_figure(row[part], row[f"{part}_spread"]) for part in ("test", "valid"))
    return f"{test:>20}{marks:2}{valid:>17}{'-' if seconds is None else f'{seconds:.2f}':>9}"


def _figure(value: float, spread: float | None) -> str:
    return f"{value:.3f}" if spread is None else f"{value:.3f} +- {spread:.3f}"
