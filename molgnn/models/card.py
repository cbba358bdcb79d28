"""The model card: a bundle's README, for a reader who has only the folder."""

from molgnn.models.calibration import words_of
from molgnn.models.domain import KEY, NO_RULE, Rule


def model_card(config: dict) -> str:
    """Markdown from the bundle's ``config.json``."""
    data = config.get("data", {})
    lines = [
        f"# {config.get('name') or 'model'}",
        "",
        f"molgnn {config.get('versions', {}).get('molgnn', '')} bundle, made "
        f"{config.get('created', '')}. Weights and plain data only: loading it runs no code.",
        "",
        "| | |",
        "|---|---|",
        *_parts(config),
        f"| molecules are standardised as | {config['recipe']} |",
        f"| trained on | {data.get('name', '')}, {_counts(data)} |",
        f"| split | {data.get('split', '')}{_folds(data)} |",
        "",
        "| task | kind | unit | classes |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {t['name']} | {t['kind']} | {t['unit']} | {', '.join(t['classes'])} |"
        for t in config["tasks"]
    ]
    lines += ["", "## Figures", "", *_metrics(config.get("metrics", {})), ""]
    rule = config.get(KEY)
    said = Rule.from_json(rule).words() if rule else f"{NO_RULE[0].upper()}{NO_RULE[1:]}."
    lines += ["## Domain", "", said, ""]
    if config.get("calibration"):
        lines += ["## Calibration", "", words_of(data.get("split", "")), ""]
    lines += [
        "## Limits",
        "",
        "The figures hold for molecules like the training set's. `training.parquet` holds the "
        "training molecules, their labels and fingerprints: do not pass the folder on if those are "
        "secret.",
        "",
    ]
    return "\n".join(lines)


def _parts(config: dict) -> list[str]:
    """The rows of the table that say what predicts."""
    model, rows = config["model"], []
    if config["members"]:
        beside = f"; beside the graph {', '.join(model['features'])}" if "features" in model else ""
        rows = [
            f"| network | {_part(model['encoder'])}; readout {_part(model['readout'])}; "
            f"head {_part(model['head'])}{beside} |",
            f"| networks | {config['members']} |",
        ]
        if "pretrained" in config:
            rows.append(f"| the encoder began as | {_said(config['pretrained'])} |")
    for each in config.get("shallow", []):
        seen = [*each["blocks"], *(["the network's vectors"] if each["embeddings"] else [])]
        rows.append(f"| {each['kind']} | on {', '.join(seen) or 'labels alone'} |")
    if config.get("shares") is not None:
        counts = ", ".join(f"{share:.3g}" for share in config["shares"])
        rows.append(f"| what each counts in the mean | {counts} |")
    return rows


def in_short(config: dict) -> str:
    """What predicts, in a few words: ``2 x dmpnn with rdkit2d, boosting``."""
    found = [each["kind"] for each in config.get("shallow", [])]
    if config["members"]:
        encoder, beside = config["model"]["encoder"], config["model"].get("features", ())
        name = encoder if isinstance(encoder, str) else encoder["name"]
        hybrid = sum(config.get("hybrid", [bool(beside)] * config["members"]))
        if hybrid:
            found.insert(0, f"{hybrid} x {name} with {'+'.join(beside)}")
        if hybrid < config["members"]:
            found.insert(0, f"{config['members'] - hybrid} x {name}")
    return ", ".join(found)


def _part(part) -> str:
    if isinstance(part, str):
        return part
    options = ", ".join(f"{k} {v}" for k, v in part.items() if k != "name")
    return f"{part['name']} ({options})" if options else part["name"]


def _folds(data: dict) -> str:
    if data.get("refit"):
        return (
            "; the model learnt from train and valid, and the figures of valid are those of the "
            "same training without valid"
        )
    if "folds" not in data:
        return ""
    return (
        f"; train and valid are one, in {data['folds']} folds, and the figures of valid are out of "
        "fold: each of these molecules is predicted by the members that did not learn from it"
    )


def _counts(data: dict) -> str:
    return ", ".join(f"{n} {part}" for part, n in data.get("counts", {}).items())


def _metrics(metrics: dict) -> list[str]:
    parts = {
        p: m for p, m in metrics.items() if p in ("train", "valid", "test", "forest test") and m
    }
    names = sorted({name for m in parts.values() for name in m})
    rows = [
        f"| {p} | " + " | ".join(f"{m.get(n, float('nan')):.3f}" for n in names) + " |"
        for p, m in parts.items()
    ]
    return (
        ["| part | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|", *rows]
        if rows
        else ["none"]
    )


def pretrained_card(config: dict) -> str:
    """Markdown from the ``config.json`` of a pretrained encoder."""
    rows = [
        f"| encoder | {_part(config['encoder'])} |",
        f"| molecules are standardised as | {config['recipe']} |",
        f"| pretrained on | {learnt_from(config)} |",
    ]
    for key in ("excluded", "metrics", "autoencoder"):
        if config.get(key):
            rows.append(f"| {key} | {_said(config[key])} |")
    versions = config.get("versions")
    by = versions.get("molgnn", "") if isinstance(versions, dict) else ""
    lines = [
        f"# {config['name']}",
        "",
        f"molgnn {by} pretrained encoder. Weights and plain data only: loading it runs no code. It "
        "predicts nothing by itself: `molgnn train pretrained=FOLDER` begins a training with it.",
        "",
        "| | |",
        "|---|---|",
        *rows,
        "",
    ]
    return "\n".join(lines)


def learnt_from(config: dict) -> str:
    """The library that an encoder was pretrained on, in a few words."""
    return _said(config.get("library")) or "an unnamed library"


def _said(value: object) -> str:
    """Plain data in one line: names and values, without hashes."""
    if isinstance(value, dict):
        parts = {k: _said(v) for k, v in value.items() if not str(k).endswith("sha256")}
        return ", ".join(f"{k} {said}" for k, said in parts.items() if said)
    if isinstance(value, list):
        return " ".join(_said(item) for item in value)
    if value is None or isinstance(value, str):
        return " ".join((value or "").split()).replace("|", "/")
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if type(value) is int else str(value).lower()
