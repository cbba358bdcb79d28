"""The files that a screen leaves: five, with a funnel two more, and one of hidden molecules."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.data.readers.rejects import HEADER, Reject, defuse
from molgnn.data.targets import with_std
from molgnn.screen.hits import write_hits
from molgnn.screen.outputs import csv_writer, open_text
from molgnn.screen.page.report import report_page

if TYPE_CHECKING:
    import pandas as pd

    from molgnn.models.ensemble import Predictor
    from molgnn.screen.finish import Finish


def write_results(
    paths: dict[str, Path],
    end: "Finish",
    manifest: dict,
    beside: dict,
    rejects: Iterable[Reject],
    model: "Predictor",
    column: int,
    spiked: "pd.DataFrame | None" = None,
) -> None:
    """Write hits.csv, rejects.csv, manifest.json, page.json (``beside``) and report.html, and what
    the funnel leaves, to their ``paths``. ``column`` is the one of the model that ranks; ``spiked``
    are the hidden molecules, for spike.csv."""
    write_hits(paths["hits.csv"], end.table)
    if end.outcome:
        from molgnn.screen.funnel.tables import write_funnel

        columns = with_std(model.columns, True)  # all of them, be they told or not
        write_funnel(paths, end.outcome, column, columns, model.sha256)
    if spiked is not None:
        write_hits(paths["spike.csv"], spiked)
    _write_rejects(paths["rejects.csv"], rejects)
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False)
    with open_text(paths["manifest.json"]) as file:
        file.write(text + "\n")
    with open_text(paths["page.json"]) as file:
        json.dump(beside, file, separators=(",", ":"), allow_nan=False)
        file.write("\n")
    # From the files, as `molgnn report` makes it, so that a rebuilt page is the same page.
    page = report_page(paths["hits.csv"], paths["manifest.json"], paths["page.json"])
    with open_text(paths["report.html"]) as file:
        file.write(page)


def _write_rejects(path: Path, rejects: Iterable[Reject]) -> None:
    with open_text(path) as file:
        writer = csv_writer(file)
        writer.writerow(HEADER)
        for row in rejects:
            writer.writerow([defuse(row.file), row.line, defuse(row.text), defuse(row.reason)])
