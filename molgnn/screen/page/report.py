"""report.html: the hits of a screen as one page that opens from disk, without network.

It says nothing of when or how fast the screen ran, so that one screen has one page.

Everything that comes from a file is escaped, and the page's own policy forbids it to load anything
or to run any script but the one it was written with, so that a hostile name or SMILES stays text.
Without script the page shows all it has; with it the hits can be searched, sorted and exported.
"""

from pathlib import Path

from molgnn.errors import Refusal
from molgnn.screen.outputs import drafts, open_text
from molgnn.screen.page.cards import draw_cards
from molgnn.screen.page.checks import library_warning, spike_section
from molgnn.screen.page.exports import data_block, export_data
from molgnn.screen.page.provenance import model_section, provenance
from molgnn.screen.page.scatter import map_section
from molgnn.screen.page.script import POLICY, SCRIPT
from molgnn.screen.page.sections import figures, head, scores, title_of
from molgnn.screen.page.steps import funnel_section
from molgnn.screen.page.style import CSS
from molgnn.screen.page.told import Told, read_told
from molgnn.screen.page.tools import hit_section

HITS, MANIFEST, BESIDE, PAGE = "hits.csv", "manifest.json", "page.json", "report.html"


def rebuild_report(folder: str | Path) -> Path:
    """Write report.html anew from the hits.csv, manifest.json and page.json of a finished screen.

    Replaces the page that is there, as it holds nothing that those do not; page.json may be
    missing, and so is then what it tells. Raises Refusal for a folder without the others or whose
    hits.csv has other columns than the screen wrote.
    """
    folder = Path(folder)
    for path in (folder / HITS, folder / MANIFEST):
        if not path.is_file():
            raise Refusal(f"{path}: no such file, so {folder} is no folder of a finished screen")
    page = report_page(folder / HITS, folder / MANIFEST, folder / BESIDE)
    with (
        drafts(folder, [PAGE], force=True) as paths,
        open_text(paths[PAGE]) as file,
    ):
        file.write(page)
    return folder / PAGE


def report_page(hits: Path, manifest: Path, beside: Path) -> str:
    """The page as one string; it depends on the three files alone."""
    told = read_told(hits, manifest, beside)
    title = title_of(told.facts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#hits">Skip to the hits</a>\n<main>\n'
        + "\n".join(part for part in _parts(told, title) if part)
        + "\n</body>\n</html>\n"
    )


def _parts(told: Told, title: str) -> list[str]:
    drawn = draw_cards(told)
    data = export_data(told, drawn.rows, drawn.mols)
    parts = [
        head(told.facts, title),
        figures(told.facts),
        library_warning(told.facts),
        scores(told.facts),
        spike_section(told.facts),
        funnel_section(told.facts),
        map_section(told, drawn.rows),
        hit_section(told, drawn, data["columns"]),
        model_section(told),
        provenance(told.facts),
        "</main>",
    ]
    if drawn.rows:
        parts.append(f'<script type="application/json" id="data">{data_block(data)}</script>')
        parts.append(f"<script>{SCRIPT}</script>")
    return parts
