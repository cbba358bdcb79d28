"""The upper part of the page: what was screened, the counts, and the scores of the library."""

from html import escape
from pathlib import Path

from molgnn.screen.page.cards import short
from molgnn.screen.page.chart import figure, histogram_svg


def title_of(facts: dict) -> str:
    """Escaped."""
    counts = facts["counts"]
    if facts.get("funnel"):
        chosen = many(counts["hits"], "molecule")
        return f"{chosen} chosen from {counts['scored']:,} by {escape(facts['task'])} and a funnel"
    order = "lowest" if facts["direction"] == "minimize" else "highest"
    return (
        f"{many(counts['hits'], 'molecule')} with the {order} {escape(facts['task'])} "
        f"of {counts['scored']:,}"
    )


def head(facts: dict, title: str) -> str:
    """The library and the model, under the escaped title."""
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
    parts = [many(networks, "network")] if networks > 1 or (networks and others) else []
    return escape(f" ({', '.join([*parts, *others])})") if parts or others else ""


def figures(facts: dict) -> str:
    """The counts that matter most."""
    counts = facts["counts"]
    pairs = [
        ("rows read", f"{counts['rows']:,}"),
        ("scored", f"{counts['scored']:,}"),
        ("invalid", f"{counts['invalid']:,}"),
        ("hits", f"{counts['hits']:,}"),
    ]
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f'<dl class="panel figures">{cells}</dl>'


def scores(facts: dict) -> str:
    """The histogram with the cut, and why rows have no score."""
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
    # A funnel chooses its hits from a pool, so that the cut is the pool's.
    kept, all_of = ("candidate", "pool") if facts.get("funnel") else ("hit", "hits")
    chart = histogram_svg(scores["histogram"], label, cut, minimize, kept)
    if cut is None:
        hits = f"Every scored molecule is {'in' if all_of == 'pool' else 'among'} the {all_of}."
    else:
        sign, are = "≤" if minimize else "≥", "is" if all_of == "pool" else "are"
        hits = f"The {all_of} {are} coloured: score {sign} {figure(cut)} {escape(unit)}"
        hits = hits.rstrip() + "."
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


def many(count: int, noun: str) -> str:
    """``3 hits``, ``1 class``, ``2 classes``."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith('s') else 's'}"
