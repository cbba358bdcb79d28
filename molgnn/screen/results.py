"""The files that a screen leaves."""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from molgnn.data.readers.rejects import HEADER, Reject, defuse
from molgnn.screen.hits import write_hits
from molgnn.screen.outputs import csv_writer, open_text
from molgnn.screen.page.report import report_page


def write_results(
    paths: dict[str, Path],
    hits: pd.DataFrame,
    manifest: dict,
    beside: dict,
    rejects: Iterable[Reject],
) -> None:
    """Write hits.csv, rejects.csv, manifest.json, page.json (``beside``) and report.html to their
    ``paths``."""
    write_hits(paths["hits.csv"], hits)
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
