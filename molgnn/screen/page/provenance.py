"""The lower part of the page: the model's card, and where all of it comes from."""

from html import escape

from molgnn.screen.page.cards import short
from molgnn.screen.page.sections import many
from molgnn.screen.page.told import Told

PARTS = ("train", "valid", "test", "forest test")


def model_section(told: Told) -> str:
    """What is known of the model: tasks, training set, figures. Without a card only the tasks."""
    model, card = told.facts["model"], told.beside.get("card") or {}
    rows = [("Model", escape(model["name"]) or "without a name")]
    if card.get("predicts"):
        rows.append(("Predicts by", escape(card["predicts"])))
    rows += [("Task" if i == 0 else "", _task(task)) for i, task in enumerate(model["tasks"])]
    data = card.get("data") or {}
    if data.get("counts"):
        counts = ", ".join(f"{n:,} {escape(str(part))}" for part, n in data["counts"].items())
        rows.append(("Trained on", f"{escape(str(data.get('name', '')))}: {counts} molecules"))
    if data.get("split"):
        rows.append(("Split", escape(str(data["split"]))))
    if told.facts.get("domain"):
        rows.append(("Domain", escape(told.facts["domain"]["rule"])))
    body = "".join(f'<tr><th scope="row">{name}</th><td>{cell}</td></tr>' for name, cell in rows)
    return (
        '<details class="panel card"><summary><h2>Model card</h2></summary>\n'
        f'<table class="facts"><tbody>{body}</tbody></table>\n{_metrics(card)}'
        '<p class="note">The figures hold for molecules like the training set\'s.</p></details>'
    )


def _task(task: dict) -> str:
    classes = f": {', '.join(map(escape, task['classes']))}" if task["classes"] else ""
    unit = f" in {escape(task['unit'])}" if task["unit"] else ""
    return f"{escape(task['name'])}, {escape(task['kind'])}{unit}{classes}"


def _metrics(card: dict) -> str:
    """A row for each part of the split, a column for each figure; a dash where there is none."""
    found = card.get("metrics") or {}
    parts = [part for part in PARTS if found.get(part)]
    if not parts:
        return ""
    names = sorted({name for part in parts for name in found[part]})
    head = "".join(f'<th scope="col" class="count">{escape(name)}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{part}</th>'
        + "".join(f'<td class="count">{_figure(found[part].get(name))}</td>' for name in names)
        + "</tr>"
        for part in parts
    )
    return (
        f'<table class="metrics"><thead><tr><th scope="col">part</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>\n"
    )


def _figure(value: object) -> str:
    return f"{value:.3f}".replace("-", "−") if isinstance(value, float | int) else "–"


def provenance(facts: dict) -> str:
    """Model, library, lines, device and software, with their hashes."""
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
        f"{counts['blank_lines']:,} blank, {many(counts['header_lines'], 'header line')}"
        + (f", {many(counts['duplicates'], 'duplicate')}" if "duplicates" in counts else "")
    )


def _hash(digest: str) -> str:
    return f'<span class="hash">sha256 {escape(digest)}</span>' if digest else "not from a file"
