"""The section of hits: controls to search, filter, sort, select and export, then the cards.

The controls need the page's script, which shows them; without it the cards stand alone.
"""

from html import escape

from molgnn.screen.page.cards import Drawn, short
from molgnn.screen.page.told import Told

MOST_CLUSTERS = 500  # in a list to choose from


def hit_section(told: Told, drawn: Drawn, columns: list[str]) -> str:
    """``columns`` are those by which hits can be sorted, as ``exports`` numbers them."""
    tools = _tools(told, drawn, columns) if drawn.rows else ""
    return (
        f'<h2 id="hits" tabindex="-1">Hits</h2>\n{_notes(told, drawn)}{tools}'
        f'<ol class="cards">\n{drawn.html}\n</ol>'
        '<p class="note" id="none" hidden>No hit is left: widen the search or the filters.</p>'
    )


def _notes(told: Told, drawn: Drawn) -> str:
    """How many are drawn, what the flag of the domain means, and what the colours say."""
    notes, shown, count = [], len(drawn.rows), len(told.rows)
    if count > shown:
        notes.append(f"The first {shown:,} of {count:,} hits are drawn; all are in hits.csv.")
    elif not count:
        notes.append("There are none.")
    notes += [_rule(told.facts.get("domain")), _colours(told, drawn)]
    return "".join(f'<p class="note">{note}</p>\n' for note in notes if note)


def _rule(known: dict | None) -> str:
    """What ``in_domain`` means, and how many hits are outside. Older manifests know no domain."""
    if not known:
        return ""
    text = f"Domain: {escape(known['rule'])}"
    if known["outside"]:
        are = "hit is" if known["outside"] == 1 else "hits are"
        text = f"<b>{known['outside']:,} {are} outside the model's domain.</b> {text}"
    return text


def _colours(told: Told, drawn: Drawn) -> str:
    why = told.beside.get("why")
    if not why or not told.rows:
        return ""
    if not drawn.coloured:
        return f"Structures without colours: {escape(short(why['none']))}." if "none" in why else ""
    share = "" if why["share"] == 1 else f", which are {why['share']:.0%} of the prediction"
    first = f" of the first {why['limit']:,} hits" if len(drawn.rows) > why["limit"] else ""
    return (
        f'<span class="raises">Orange</span> atoms and bonds{first} raise the score of the '
        f'networks{share}, <span class="lowers">blue</span> ones lower it (integrated gradients, '
        "of each molecule by its own scale)."
    )


def _tools(told: Told, drawn: Drawn, columns: list[str]) -> str:
    return (
        '<form class="tools panel scripted-only" id="tools" autocomplete="off" '
        'aria-label="Search, filter and sort the hits">\n<div class="fields">'
        '<label class="grow"><span>Search <kbd>/</kbd></span><input type="search" id="search" '
        'placeholder="name or SMILES" aria-keyshortcuts="/" spellcheck="false"></label>'
        '<label>Score from<input type="number" step="any" id="low"></label>'
        '<label>to<input type="number" step="any" id="high"></label>'
        f"{_clusters(told, drawn)}{_sorting(columns)}</div>\n"
        f'<div class="fields">{_boxes(told, drawn)}'
        '<button type="reset">Reset</button></div>\n</form>\n'
        f'<div class="bar panel scripted-only">{_BAR}</div>\n'
    )


_BAR = (
    '<p id="status" role="status" aria-live="polite"></p><span class="acts">'
    '<button type="button" id="all">Select all shown</button>'
    '<button type="button" id="clear">Clear selection</button></span>'
    '<span class="acts" role="group" aria-labelledby="what"><span id="what">Export all shown as'
    "</span>"
    '<button type="button" id="csv">CSV</button><button type="button" id="smi">SMILES</button>'
    '<button type="button" id="sdf">SDF</button></span><p id="done" role="status"></p>'
)


def _clusters(told: Told, drawn: Drawn) -> str:
    column = (told.facts.get("funnel") or {}).get("cluster_column")
    if not column:
        return ""
    found = {told.cells(row)[column] for row in drawn.rows} - {""}
    ordered = sorted(found, key=lambda text: (not text.isdecimal(), len(text), text))
    options = "".join(
        f'<option value="{escape(text)}">{escape(short(text))}</option>'
        for text in ordered[:MOST_CLUSTERS]
    )
    return (
        '<label>Cluster<select id="cluster"><option value="">all</option>'
        f"{options}</select></label>"
    )


def _sorting(columns: list[str]) -> str:
    options = "".join(
        f'<option value="{number}">{escape(short(name))}</option>'
        for number, name in enumerate(columns)
    )
    return (
        f'<label>Sort by<select id="sort">{options}</select></label>'
        '<label>Order<select id="order"><option value="up">ascending</option>'
        '<option value="down">descending</option></select></label>'
    )


def _boxes(told: Told, drawn: Drawn) -> str:
    boxes = []
    if (told.facts.get("domain") or {}).get("outside") is not None:
        boxes.append(("inside", "in the domain only", ""))
    if (told.facts.get("funnel") or {}).get("alerts_column"):
        boxes.append(("clean", "without alerts only", ""))
    boxes.append(("picked", "selected only", ""))
    if drawn.coloured:
        boxes.append(("why", "colour what raises and lowers the score", " checked"))
    return "".join(
        f'<label class="box"><input type="checkbox" id="{id}"{more}> {text}</label>'
        for id, text, more in boxes
    )
