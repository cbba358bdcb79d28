"""The hits on the page: a card each, with structure, score, name and SMILES."""

from html import escape

from molgnn.chem.depict import svg
from molgnn.chem.smiles import InvalidMolecule, parse
from molgnn.screen.hits import AFTER, BEFORE

DRAWN = 1000  # cards on the page: more would not open quickly
MAX_ATOMS = 400  # a larger structure is no picture any more
LONGEST = 300  # characters of a name, and four times as many of a SMILES


def hit_cards(facts: dict, rows: list[list[str]]) -> str:
    """The section of hits; ``rows`` are those of hits.csv, ``facts`` the manifest."""
    cards = "\n".join(_card(facts, row) for row in rows[:DRAWN])
    note = ""
    if len(rows) > DRAWN:
        note = (
            f'<p class="note">The first {DRAWN:,} of {len(rows):,} hits are drawn; '
            "all are in hits.csv.</p>\n"
        )
    elif not rows:
        note = '<p class="note">There are none.</p>\n'
    note += _rule(facts)
    return f'<h2 id="hits">Hits</h2>\n{note}<ol class="cards">\n{cards}\n</ol>'


def _rule(facts: dict) -> str:
    """What ``in_domain`` means, and how many hits are outside. Older manifests know no domain."""
    known = facts.get("domain")
    if not known:
        return ""
    text = f"Domain: {escape(known['rule'])}"
    if known["outside"]:
        are = "hit is" if known["outside"] == 1 else "hits are"
        text = f"<b>{known['outside']:,} {are} outside the model's domain.</b> {text}"
    return f'<p class="note">{text}</p>\n'


def _card(facts: dict, row: list[str]) -> str:
    rank, score, (smiles, id, file, line) = row[0], row[1], row[-len(AFTER) :]
    name = escape(short(id)) or f"line {escape(line)}"
    return (
        f'<li class="panel hit-card"><div class="structure">{_structure(smiles, name)}</div>\n'
        f'<div class="about"><h3><bdi>{name}</bdi></h3>\n<div class="scored">'
        f'<span class="rank" aria-label="rank {escape(rank)}">#{escape(rank)}</span>'
        f'<span><span class="score">{_value(score)}</span>{_spread(facts, row)}{_unit(facts)}'
        f"</span></div>\n{_other_columns(facts, row)}{_nearest(facts, row)}"
        f'<code class="smiles" tabindex="0" translate="no" title="click to select">'
        f"{escape(short(smiles, 4 * LONGEST))}</code>\n"
        f'<span class="where"><bdi>{escape(short(file))}</bdi>:{escape(line)}</span></div></li>'
    )


def _structure(smiles: str, name: str) -> str:
    """The drawing, labelled for a screen reader, or why there is none."""
    try:
        mol = parse(smiles, "none")
    except InvalidMolecule:
        return "<span>no structure</span>"
    if mol.GetNumAtoms() > MAX_ATOMS:
        return f"<span>{mol.GetNumAtoms():,} atoms, too many to draw</span>"
    return svg(mol).replace("<svg", f'<svg role="img" aria-label="Structure of {name}"', 1)


def _spread(facts: dict, row: list[str]) -> str:
    if not facts["std_columns"]:
        return ""
    at = len(BEFORE) + len(facts["columns"]) + facts["columns"].index(facts["score_column"])
    return f' <span class="spread">± {_value(row[at], 2)}</span>'


def _unit(facts: dict) -> str:
    return f' <span class="unit">{escape(facts["unit"])}</span>' if facts["unit"] else ""


def _other_columns(facts: dict, row: list[str]) -> str:
    """What the model says of the hit besides the score."""
    cells = "".join(
        f"<dt>{escape(name)}</dt><dd>{_value(value)}</dd>"
        for name, value in zip(facts["columns"], row[len(BEFORE) :], strict=False)
        if name != facts["score_column"]
    )
    return f'<dl class="others">{cells}</dl>\n' if cells else ""


def _nearest(facts: dict, row: list[str]) -> str:
    """The nearest training molecule, with its labels, and whether the hit is inside the domain."""
    known = facts.get("domain")
    if not known:
        return ""
    start = len(BEFORE) + len(facts["columns"]) + len(facts["std_columns"])
    cells = dict(zip(known["columns"], row[start:], strict=False))
    labels = "".join(
        f"<dt>its {escape(label['task'])}</dt>"
        f"<dd>{_value(cells[label['column']])} {escape(label['unit'])}</dd>"
        for label in known["labels"]
        if cells[label["column"]]
    )
    flag = {"true": "inside the domain", "false": "outside the domain"}.get(cells[known["flag"]])
    said = f'<span class="flag {flag.partition(" ")[0]}">{flag}</span>\n' if flag else ""
    return (
        f'{said}<dl class="others nearest"><dt>nearest training molecule, similarity</dt>'
        f"<dd>{_value(cells[known['similarity']], 2)}</dd>{labels}</dl>\n"
        f'<span class="known" translate="no">{escape(short(cells[known["smiles"]]))}</span>\n'
    )


def _value(text: str, digits: int = 4) -> str:
    """A cell as a figure of that many digits, or as it is where it is none."""
    try:
        return f"{float(text):#.{digits}g}".rstrip(".").replace("-", "−")
    except ValueError:
        return escape(text)


def short(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
