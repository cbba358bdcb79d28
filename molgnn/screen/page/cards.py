"""The hits on the page: a card each, with structure, score, flags, nearest neighbour and SMILES."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape

from rdkit import Chem

from molgnn.screen.page.exports import with_coordinates
from molgnn.screen.page.structure import MAX_ATOMS, captioned, read_structure, structure
from molgnn.screen.page.told import Told

DRAWN = 1000  # cards on the page: more would not open quickly
LONGEST = 300  # characters of a name, and four times as many of a SMILES


@dataclass(frozen=True)
class Drawn:
    """The cards as HTML; the ``rows`` of hits.csv that have one; their molecules with coordinates,
    None for what is no structure or cannot be laid out; and whether some are coloured."""

    html: str
    rows: Sequence[list[str]]
    mols: Sequence[Chem.Mol | None]
    coloured: bool


def draw_cards(told: Told) -> Drawn:
    """A card for each of the first ``DRAWN`` hits."""
    rows, parts, mols, coloured = told.rows[:DRAWN], [], [], False
    for row in rows:
        cells = told.cells(row)
        read = read_structure(cells["smiles"])
        small = read is not None and read[0].GetNumAtoms() <= MAX_ATOMS
        why = told.why.get(cells["rank"])
        drawing, shaded = structure(read, cells["smiles"], _name(cells), why)
        caption = captioned(why, told.beside["why"]["unit"]) if shaded else ""
        parts.append(_card(told, cells, drawing, caption))
        mols.append(with_coordinates(read[0]) if small else None)
        coloured = coloured or shaded
    return Drawn("\n".join(parts), rows, mols, coloured)


def _name(cells: dict[str, str]) -> str:
    """Escaped; of a molecule without one its line."""
    return escape(short(cells["id"])) or f"line {escape(cells['line'])}"


def _card(told: Told, cells: dict[str, str], drawing: str, caption: str) -> str:
    facts, rank, name = told.facts, escape(cells["rank"], quote=True), _name(cells)
    return (
        f'<li class="panel hit-card" id="hit-{rank}" tabindex="-1"{_marks(facts, cells)}>'
        f'<div class="structure">{drawing}</div>\n<div class="about">'
        f'<div class="title"><h3><bdi>{name}</bdi></h3><label class="pick scripted-only">'
        f'<input type="checkbox" autocomplete="off"> select<span class="spoken"> {name}</span>'
        f'</label></div>\n<div class="scored">'
        f'<span class="rank" aria-label="rank {rank}">#{rank}</span>'
        f'<span><span class="score">{value(cells["score"])}</span>{_spread(facts, cells)}'
        f"{_unit(facts)}</span></div>\n{_interval(facts, cells)}{caption}"
        f"{_flags(facts, cells)}{_other_columns(facts, cells)}{_nearest(facts, cells)}"
        f'<code class="smiles" tabindex="0" translate="no" title="click to select">'
        f"{escape(short(cells['smiles'], 4 * LONGEST))}</code>\n"
        f'<span class="where"><bdi>{escape(short(cells["file"]))}</bdi>:{escape(cells["line"])}'
        "</span></div></li>"
    )


def _marks(facts: dict, cells: dict[str, str]) -> str:
    """What the page's filters go by."""
    funnel, marks = facts.get("funnel") or {}, {}
    if facts.get("domain"):
        marks["domain"] = cells[facts["domain"]["flag"]]
    for mark in ("alerts", "cluster"):
        if funnel.get(f"{mark}_column"):
            marks[mark] = cells[funnel[f"{mark}_column"]]
    return "".join(f' data-{name}="{escape(text)}"' for name, text in marks.items())


def _spread(facts: dict, cells: dict[str, str]) -> str:
    if not facts["std_columns"]:
        return ""
    column = facts["std_columns"][facts["columns"].index(facts["score_column"])]
    return f' <span class="spread">± {value(cells[column], 2)}</span>'


def _unit(facts: dict) -> str:
    return f' <span class="unit">{escape(facts["unit"])}</span>' if facts["unit"] else ""


def _interval(facts: dict, cells: dict[str, str]) -> str:
    """How sure the model is of the score, as conformal prediction says it."""
    doubt = facts.get("doubt")
    if not doubt:
        return ""
    low, high, several = (f"{facts['score_column']}_{end}" for end in ("low", "high", "set"))
    level = f"{100 * doubt['level']:.3g} %"
    if cells.get(low) and cells.get(high):
        said = f"interval at {level}: <b>{value(cells[low])} to {value(cells[high])}</b>"
    elif cells.get(several):
        said = f"classes at {level}: <b>{escape(short(cells[several]))}</b>"
    else:
        return ""
    return f'<span class="interval">{said}</span>\n'


def _flags(facts: dict, cells: dict[str, str]) -> str:
    """Domain, alerts and cluster."""
    funnel, domain, said = facts.get("funnel") or {}, facts.get("domain"), []
    if domain:
        inside = {"true": "inside the domain", "false": "outside the domain"}
        said.append(inside.get(cells[domain["flag"]], ""))
    if funnel.get("alerts_column"):
        alerts = cells[funnel["alerts_column"]]
        said.append(f"alerts: {escape(short(alerts))}" if alerts else "no alerts")
    if funnel.get("cluster_column") and cells[funnel["cluster_column"]]:
        said.append(f"cluster {escape(short(cells[funnel['cluster_column']]))}")
    flags = "".join(
        f'<li class="flag {text.split(" ")[0].strip(":")}">{text}</li>' for text in said if text
    )
    return f'<ul class="flags">{flags}</ul>\n' if flags else ""


def _other_columns(facts: dict, cells: dict[str, str]) -> str:
    """What the model and the funnel say of the hit besides the score."""
    names = {name: name for name in facts["columns"] if name != facts["score_column"]}
    doubt = (facts.get("doubt") or {}).get("columns", [])
    own = {f"{facts['score_column']}_{end}" for end in ("low", "high", "set")}
    names |= {name: name for name in doubt if name not in own}
    funnel = facts.get("funnel") or {}
    flags = {funnel.get("alerts_column"), funnel.get("cluster_column")}
    columns = {k: v for k, v in funnel.get("columns", {}).items() if k not in flags}
    texts = {k for k, v in columns.items() if v.get("kind") == "text"}
    names |= {name: column["title"] for name, column in columns.items() if name not in texts}
    figures = _rows(cells, names, columns)
    said = _rows(cells, {name: columns[name]["title"] for name in columns if name in texts}, texts)
    lists = (("others", figures), ("others stacked", said))
    return "".join(f'<dl class="{kind}">{rows}</dl>\n' for kind, rows in lists if rows)


def _rows(cells: dict[str, str], names: dict[str, str], whole: Collection[str]) -> str:
    """A row for each of ``names``, under its title; counts among the ``whole`` have no decimals."""
    found = [(title, cells[name], name in whole) for name, title in names.items() if cells[name]]
    return "".join(
        f"<dt>{escape(short(title))}</dt>"
        f"<dd>{text if exact and text.isdecimal() else value(text)}</dd>"
        for title, text, exact in found
    )


def _nearest(facts: dict, cells: dict[str, str]) -> str:
    """The nearest training molecule, with its labels. Older manifests know none."""
    known = facts.get("domain")
    if not known:
        return ""
    labels = "".join(
        f"<dt>its {escape(label['task'])}</dt>"
        f"<dd>{value(cells[label['column']])} {escape(label['unit'])}</dd>"
        for label in known["labels"]
        if cells[label["column"]]
    )
    return (
        '<span class="interval">nearest training molecule, similarity '
        f"<b>{value(cells[known['similarity']], 2)}</b></span>\n"
        f'<dl class="others nearest">{labels}</dl>\n'
        f'<span class="known" translate="no">{escape(short(cells[known["smiles"]]))}</span>\n'
    )


def value(text: str, digits: int = 4) -> str:
    """A cell as a figure of that many digits, or as it is where it is none."""
    try:
        return f"{float(text):#.{digits}g}".rstrip(".").replace("-", "−")
    except ValueError:
        return escape(short(text))


def short(text: str, longest: int = LONGEST) -> str:
    """The text, cut where it is longer than a card can hold."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
