"""What a screen found out about itself: a library that its model does not know, and where hidden
molecules came."""

from html import escape

from molgnn.screen.page.cards import short
from molgnn.screen.page.chart import figure
from molgnn.screen.spike.found import words

_WHAT = (
    ("hidden molecules", "molecules"),
    ("ROC-AUC", "roc_auc"),
    ("EF 1 %", "ef1"),
    ("BEDROC, α = 20", "bedroc"),
    ("recall", "recall"),
    ("median rank", "median_rank"),
)


def library_warning(facts: dict) -> str:
    """``facts`` is the manifest; "" where most of the library is inside, or nobody can tell."""
    warning = (facts.get("library_domain") or {}).get("warning")
    if not warning:
        return ""
    return (
        f'<div class="wide alone"><div class="panel"><p class="warn"><b>{escape(warning)}</b></p>'
        "</div></div>"
    )


def spike_section(facts: dict) -> str:
    """How early the hidden molecules came; "" for a screen without."""
    spike = facts.get("spike")
    if not spike:
        return ""
    rows = [("all", spike["figures"])]
    if spike["unseen"]:
        rows.append(("without training molecules", spike["unseen"]))
    names = [f"{name} at {facts['top']:,}" if key == "recall" else name for name, key in _WHAT]
    head = "".join(f'<th scope="col" class="count">{name}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f'<td class="count">{_cell(key, of[key])}</td>' for _, key in _WHAT)
        + "</tr>"
        for name, of in rows
    )
    before = " They are ranked by score, before the funnel." if facts.get("funnel") else ""
    said = "".join(f"<p>{escape(short(line, 400))}.</p>" for line in words(spike)[1:])
    return (
        "<h2>Hidden molecules</h2>\n"
        '<div class="wide alone"><div class="panel"><table class="metrics"><thead><tr>'
        f'<th scope="col">known molecules</th>{head}</tr></thead><tbody>{body}</tbody></table>'
        f'{said}<p class="note">Known molecules of <bdi>{escape(short(spike["file"]["name"]))}'
        f"</bdi> were ranked among {spike['library']:,} scored ones, which all count as "
        f"inactive, and are in no other figure of this page.{before} Ties: {escape(spike['ties'])}."
        " Each with its rank is in spike.csv.</p></div></div>"
    )


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return "–"
    if key == "recall":
        return f"{value:.0%}"
    return f"{value:,.0f}" if key in ("molecules", "median_rank") else figure(value, 3)
