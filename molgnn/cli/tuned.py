"""``tuned=FILE`` of `molgnn train`: the options that `molgnn tune` found, before those given."""

from pathlib import Path

from molgnn.errors import Refusal

KEY = "tuned="


def expanded(argv: list[str]) -> list[str]:
    """``argv`` with the overrides of the file in the place of ``tuned=FILE``, and in front, so that
    what is given beside it has the last word. Raises Refusal for a file that holds none."""
    files = [word[len(KEY) :].strip("'\"") for word in argv if word.startswith(KEY)]
    if not files:
        return argv
    if len(files) > 1:
        raise Refusal(f"tuned={files[1]}: give one file")
    return [*_overrides(Path(files[0])), *(word for word in argv if not word.startswith(KEY))]


def _overrides(path: Path) -> list[str]:
    import yaml

    if not path.is_file():
        raise Refusal(f"tuned={path}: no such file: molgnn tune writes it, OUT/best.yaml")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        found = None
    overrides = found.get("overrides") if isinstance(found, dict) else None
    if not isinstance(overrides, list) or not all(isinstance(o, str) for o in overrides):
        raise Refusal(f"tuned={path}: not a file that molgnn tune wrote: it has no overrides")
    return overrides
