"""index.html: explained molecules on a page that opens from disk, without network or script.

Everything that comes from a file is escaped, and the page's own policy forbids it to load or run
anything, as in ``screen.page.report``.
"""

import math
from collections.abc import Sequence
from html import escape

from molgnn.screen.explain.explanation import Explanation
from molgnn.screen.explain.known import Neighbour
from molgnn.screen.page.cards import LONGEST, short
from molgnn.screen.page.chart import figure
from molgnn.screen.page.style import CSS

_CARDS = """
.cards.explained { grid-template-columns: repeat(auto-fill, minmax(345px, 1fr)); }
.explained dl.others { grid-template-columns: auto 1fr; }
.explained dd { overflow-wrap: anywhere; }
"""


def index_page(facts: dict, cards: Sequence[str]) -> str:
    """The page as one string; ``facts`` are those of explanations.json."""
    title = f"Why {escape(short(facts['target']))}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{CSS}{_CARDS}</style>\n</head>\n<body>\n<main>\n"
        f'<header>\n<p class="over">molgnn explain</p>\n<h1>{title}</h1>\n'
        f'<p class="lead"><b><bdi>{escape(short(facts["input"]))}</bdi></b> explained with the '
        f"model <b>{escape(short(facts['model']['name']))}</b></p>\n"
        f'<p class="note">{_how(facts)}</p>\n</header>\n{_refused(facts)}'
        '<h2>Molecules</h2>\n<ol class="cards explained">\n' + "\n".join(cards) + "\n</ol>\n"
        "<footer>An explanation is of the model, not of nature: it says what the model looked at. "
        "All figures are in explanations.json.</footer>\n</main>\n</body>\n</html>\n"
    )


def _how(facts: dict) -> str:
    unit = f" ({escape(facts['unit'])})" if facts["unit"] else ""
    if facts["method"] == "occlusion":
        return (
            "This model has no network: an atom's colour says by how much the prediction falls"
            f"{unit} when a dummy atom takes its place."
        )
    return (
        f"Orange atoms and bonds raise the score{unit}, blue ones lower it. Together they make the "
        "difference between the score and the baseline, which is the score of the same skeleton "
        "of average atoms and bonds (integrated gradients)."
    )


def _refused(facts: dict) -> str:
    bad = [each for each in facts["molecules"] if "reason" in each]
    if not bad:
        return ""
    rows = "".join(
        f'<tr><td class="count">{each["line"]}</td><td><bdi>{escape(short(each["id"]))}</bdi></td>'
        f"<td>{escape(short(each['smiles']))}</td><td>{escape(short(each['reason']))}</td></tr>"
        for each in bad
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("line", "id", "smiles", "reason"))
    return (
        f"<h2>Rows without an explanation</h2>\n<table><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>\n"
    )


def molecule_card(shown: Explanation, line: int, id: str) -> str:
    """One molecule: its drawing, its score, and what is known that is like it."""
    name = escape(short(id)) or f"line {line}"
    unit = f' <span class="unit">{escape(shown.unit)}</span>' if shown.unit else ""
    picture = _labelled(shown.svg(), f"Why {name}")
    part = shown.rationale_svg(280, 190)
    part = part and f'<div class="structure">{_labelled(part, f"Rationale of {name}")}</div>\n'
    rows = "".join(f"<dt>{term}</dt><dd>{said}</dd>" for term, said in _rows(shown))
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in shown.notes)
    return (
        f'<li class="panel hit-card"><div class="structure">{picture}</div>\n{part}'
        f'<div class="about"><h3><bdi>{name}</bdi></h3>\n<div class="scored"><span class="score">'
        f'{figure(shown.score)}</span>{unit}</div>\n<dl class="others">{rows}</dl>\n{notes}'
        f'<code class="smiles" tabindex="0" translate="no" title="click to select">'
        f"{escape(short(shown.smiles, 4 * LONGEST))}</code>\n"
        f'<span class="where">line {line}</span></div></li>'
    )


def _labelled(svg: str, label: str) -> str:
    """For a screen reader; the label is escaped already."""
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def _rows(shown: Explanation) -> list[tuple[str, str]]:
    rows = []
    if shown.prediction != shown.score:
        rows.append(("prediction", figure(shown.prediction)))
    if math.isfinite(shown.baseline):
        rows.append(("baseline", f"{figure(shown.baseline)} (gap {figure(shown.gap, 2)})"))
    rows += [("nearest known", _neighbour(near)) for near in shown.neighbours[:1]]
    rows += [("nearest active", _neighbour(near)) for near in shown.actives[:1]]
    if shown.rationale is not None:
        part = shown.rationale
        said = f"{escape(short(part.smiles))} keeps {part.kept:.0%}, score {figure(part.score)}"
        rows.append(("rationale", said))
    return rows


def _neighbour(near: Neighbour) -> str:
    label = f": {escape(short(_said(near.label)))}" if near.label is not None else ""
    return f"{escape(short(near.smiles))}{label} (Tanimoto {near.similarity:.2f})"


def _said(label: float | str) -> str:
    return label if isinstance(label, str) else figure(label)
