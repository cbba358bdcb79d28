"""report.html: the hits of a screen as a page that opens from disk, without network or script.

It says nothing of when or how fast the screen ran, so that one screen has one page.

Everything that comes from a file is escaped, and the page's own policy forbids it to load or run
anything, so that a hostile name or SMILES stays text.
"""

import json
from html import escape
from pathlib import Path

from molgnn.errors import Refusal
from molgnn.screen.familiar import is_told
from molgnn.screen.hits import AFTER, BEFORE, read_hits
from molgnn.screen.outputs import drafts, open_text
from molgnn.screen.page.cards import hit_cards, short
from molgnn.screen.page.chart import figure, histogram_svg
from molgnn.screen.page.style import CSS

NEEDED = (
    *("molgnn", "versions", "model", "library", "task", "unit", "direction", "columns"),
    *("std_columns", "score_column", "cut", "counts", "invalid_reasons", "scores", "device"),
)


def rebuild_report(folder: str | Path) -> Path:
    """Write report.html anew from the hits.csv and manifest.json of a finished screen.

    Replaces the page that is there, as it holds nothing that those two do not. Raises Refusal for
    a folder without them or whose hits.csv has other columns than the screen wrote.
    """
    folder = Path(folder)
    hits, manifest = folder / "hits.csv", folder / "manifest.json"
    for path in (hits, manifest):
        if not path.is_file():
            raise Refusal(f"{path}: no such file, so {folder} is no folder of a finished screen")
    page = report_page(hits, manifest)
    with (
        drafts(folder, ["report.html"], force=True) as paths,
        open_text(paths["report.html"]) as file,
    ):
        file.write(page)
    return folder / "report.html"


def report_page(hits: Path, manifest: Path) -> str:
    """The page as one string; it depends on the two files alone."""
    try:
        facts = json.loads(manifest.read_text(encoding="utf-8"))
        header, *rows = read_hits(hits)
        missing = [key for key in NEEDED if key not in facts]
    except ValueError as error:
        raise Refusal(f"{manifest}: not the manifest of a screen ({error})") from error
    if missing:
        raise Refusal(f"{manifest}: not the manifest of a screen (no {missing[0]!r})")
    if not is_told(facts.get("domain")):
        raise Refusal(f"{manifest}: not the manifest of a screen (damaged 'domain')")
    width = len(_names(facts))
    for number, row in enumerate([header, *rows], 1):
        if len(row) != width:
            raise Refusal(f"{hits} row {number}: {len(row)} columns, where {width} were written")
    title = _title(facts)
    body = [_head(facts, title), _figures(facts), _scores(facts), hit_cards(facts, rows)]
    body.append(_provenance(facts))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _names(facts: dict) -> list[str]:
    familiar = facts["domain"]["columns"] if facts.get("domain") else []
    return [*BEFORE, *facts["columns"], *facts["std_columns"], *familiar, *AFTER]


def _title(facts: dict) -> str:
    counts = facts["counts"]
    order = "lowest" if facts["direction"] == "minimize" else "highest"
    return (
        f"{_many(counts['hits'], 'molecule')} with the {order} {escape(facts['task'])} "
        f"of {counts['scored']:,}"
    )


def _head(facts: dict, title: str) -> str:
    names = [escape(short(Path(file["name"]).name)) for file in facts["library"]["files"]]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more files" if names[3:] else "")
    model = facts["model"]
    members = _members(model)
    return (
        f'<header>\n<p class="over">molgnn screen</p>\n<h1>{title}</h1>\n'
        f'<p class="lead"><b>{shown}</b> screened with the model <b>{escape(model["name"])}</b>'
        f"{members}</p>\n</header>"
    )


def _members(model: dict) -> str:
    """What predicts, where it is not one network. Older manifests know networks alone."""
    networks, others = model.get("networks", model["members"]), model.get("others", [])
    parts = [_many(networks, "network")] if networks > 1 or (networks and others) else []
    return escape(f" ({', '.join([*parts, *others])})") if parts or others else ""


def _figures(facts: dict) -> str:
    counts = facts["counts"]
    pairs = [
        ("rows read", f"{counts['rows']:,}"),
        ("scored", f"{counts['scored']:,}"),
        ("invalid", f"{counts['invalid']:,}"),
        ("hits", f"{counts['hits']:,}"),
    ]
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f'<dl class="panel figures">{cells}</dl>'


def _scores(facts: dict) -> str:
    panels = [_distribution(facts)]
    if facts["invalid_reasons"]:
        panels.append(_invalid(facts))
    alone = "" if panels[1:] else " alone"
    return f'<h2>Scores of the library</h2>\n<div class="wide{alone}">{"".join(panels)}</div>'


def _distribution(facts: dict) -> str:
    scores = facts["scores"]
    if not scores["count"]:
        return '<div class="panel"><p>No molecule of the library could be scored.</p></div>'
    minimize, cut, unit = facts["direction"] == "minimize", facts["cut"], facts["unit"]
    label = f"{facts['task']} ({unit})" if unit else facts["task"]
    chart = histogram_svg(scores["histogram"], label, cut, minimize)
    if cut is None:
        hits = "Every scored molecule is among the hits."
    else:
        sign = "≤" if minimize else "≥"
        hits = f"The hits are coloured: score {sign} {figure(cut)} {escape(unit)}".rstrip() + "."
    hits += _beyond(facts)
    return (
        f'<div class="panel">{chart}<p class="note">All {scores["count"]:,} scored molecules; mean '
        f"{figure(scores['mean'])}, standard deviation {figure(scores['std'])}, from "
        f"{figure(scores['min'])} to {figure(scores['max'])}. {hits}</p></div>"
    )


def _beyond(facts: dict) -> str:
    """Where hits lie outside of what the model learned from, in words that one cannot overlook."""
    known, beyond = facts.get("training_range"), facts.get("hits_beyond_training", 0)
    if not known:
        return ""
    low, high = (figure(value) for value in known)
    text = f" Training values ran from {low} to {high}"
    if not beyond:
        return f"{text}."
    lies = "hit lies" if beyond == 1 else "hits lie"
    return f"{text}: <b>{beyond:,} {lies} beyond, which is extrapolation</b>."


def _invalid(facts: dict) -> str:
    shown, invalid = facts["invalid_reasons"][:6], facts["counts"]["invalid"]
    rows = [(escape(short(kind["reason"])), kind["count"]) for kind in shown]
    rest = invalid - sum(count for _, count in rows)
    rows += [("other reasons", rest)] if rest else []
    cells = "".join(f'<tr><td>{r}</td><td class="count">{n:,}</td></tr>' for r, n in rows)
    return (
        '<div class="panel"><h3>Rows without a score</h3><table><thead><tr><th scope="col">'
        f'reason</th><th scope="col" class="count">rows</th></tr></thead><tbody>{cells}</tbody>'
        '</table><p class="note">Each one, with its line, is in rejects.csv.</p></div>'
    )


def _provenance(facts: dict) -> str:
    model, versions = facts["model"], facts["versions"]
    rows = [
        ("Model", f"{escape(model['name'])}<br>{_hash(model['sha256'])}"),
        ("Library", "<br>".join(_file(file) for file in facts["library"]["files"])),
        ("Lines", _lines(facts["counts"])),
        ("Molecules read as", f"recipe {escape(model['recipe'])}"),
        ("Device", escape(facts["device"])),
        ("Software", escape(", ".join(f"{k} {v}" for k, v in _software(facts, versions)))),
    ]
    body = "".join(f'<tr><th scope="row">{name}</th><td>{cell}</td></tr>' for name, cell in rows)
    return (
        f'<h2>Provenance</h2>\n<table class="panel facts"><tbody>{body}</tbody></table>\n<footer>'
        "Scores are a model's predictions, not measurements. The table behind this page is "
        "hits.csv, the refused rows are in rejects.csv, all figures in manifest.json.</footer>"
    )


def _software(facts: dict, versions: dict) -> list[tuple[str, str]]:
    return [("molgnn", facts["molgnn"]), *versions.items()]


def _file(file: dict) -> str:
    size = f"{file['size']:,} bytes" if file["size"] is not None else "size unknown"
    return f"<bdi>{escape(short(file['name']))}</bdi>, {size}<br>{_hash(file['sha256'])}"


def _lines(counts: dict) -> str:
    return (
        f"{counts['lines']:,} read: {counts['scored']:,} scored, {counts['invalid']:,} invalid, "
        f"{counts['blank_lines']:,} blank, {_many(counts['header_lines'], 'header line')}"
        + (f", {_many(counts['duplicates'], 'duplicate')}" if "duplicates" in counts else "")
    )


def _hash(digest: str) -> str:
    return f'<span class="hash">sha256 {escape(digest)}</span>' if digest else "not from a file"


def _many(count: int, noun: str) -> str:
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith('s') else 's'}"
