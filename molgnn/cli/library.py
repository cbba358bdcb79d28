"""``molgnn library``: pack a library once, screen it at the speed of the model from then on."""

import argparse
import gc
import json
import sys
from pathlib import Path

from molgnn.cli.options import add_columns, add_timeout
from molgnn.cli.terminal import INTERRUPTED, progress, say, terminated_as_interrupted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    build = actions.add_parser("build", help="pack files into a folder that `screen` takes")
    build.add_argument(
        "library", metavar="LIBRARY", nargs="+", help="files and patterns, as `screen` takes them"
    )
    build.add_argument("--out", required=True, metavar="DIR", help="folder of the packed library")
    build.add_argument(
        "--recipe", default="parent", metavar="R", help="standardisation, the model's (parent)"
    )
    build.add_argument("--dedupe", action="store_true", help="keep each molecule once")
    add_columns(build)
    build.add_argument(
        "--workers", type=int, metavar="N", help="processes; 0 for none (one a core)"
    )
    add_timeout(build)
    build.add_argument(
        "--force", action="store_true", help="replace a packed library, or start over"
    )
    build.add_argument("--quiet", action="store_true", help="say nothing but errors")
    info = actions.add_parser("info", help="say what a packed library holds")
    info.add_argument("folder", metavar="DIR", help="folder of a packed library")
    info.add_argument("--check", action="store_true", help="read every shard and check its hash")
    info.add_argument("--json", action="store_true", help="print the manifest")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = build.format_usage() + info.format_usage()  # else --help would name no flag


def run(args: argparse.Namespace) -> int:
    return _build(args) if args.action == "build" else _info(args)


def _build(args: argparse.Namespace) -> int:
    from molgnn.data.packed.build import build_library

    def begun(rows: int) -> None:
        if rows:
            say(f"{args.out}: {rows:,} rows are packed already: going on after them", args.quiet)

    try:
        with terminated_as_interrupted(), progress("packing", args.quiet) as update:
            gc.freeze()  # rows come by the million: what is imported need not be searched each time
            manifest = build_library(
                args.library,
                args.out,
                recipe=args.recipe,
                dedupe=args.dedupe,
                workers=args.workers,
                timeout=args.timeout,
                smiles=args.smiles_column,
                id=args.id_column,
                force=args.force,
                begun=begun,
                progress=update,
            )
    except KeyboardInterrupt:
        rest = (
            "; stdin cannot be read again" if "-" in args.library else ": the same command goes on"
        )
        kept = "whole shards stay in" if any(Path(args.out).glob("shard-*")) else "nothing is in"
        say(f"molgnn: interrupted; {kept} {args.out}{rest}")
        return INTERRUPTED
    for line in [_counts(manifest), *_rejects(args.out, manifest), _next(args.out)]:
        say(line, args.quiet)
    return 0


def _counts(manifest: dict) -> str:
    counts = manifest["counts"]
    return (
        f"{counts['rows']:,} rows read: {counts['molecules']:,} packed, {counts['invalid']:,} "
        f"invalid, {counts['duplicates']:,} duplicates"
    )


def _rejects(out: str, manifest: dict) -> list[str]:
    if not manifest["counts"]["invalid"]:
        return []
    return [f"{out}/rejects.csv: the invalid rows, each with its reason"]


def _next(out: str) -> str:
    return f"{out}: screen it with `molgnn screen MODEL {out}`"


def _info(args: argparse.Namespace) -> int:
    from molgnn.data.packed.library import PackedLibrary

    library = PackedLibrary(args.folder)
    if args.check:
        for shard in library.shards():
            for number in range(shard.num_batches):
                shard.graphs(number)
    if args.json:
        json.dump(library.manifest, sys.stdout, indent=1)
        print()
        return 0
    for name, value in _facts(library.manifest):
        print(f"{name:16}{value}")
    if args.check:
        print(f"{'checked':16}every shard is as it was written")
    return 0


def _facts(manifest: dict) -> list[tuple[str, str]]:
    shards, counts = manifest["shards"], manifest["counts"]
    size = sum(shard["bytes"] for shard in shards)
    each = f", {size / counts['molecules']:.1f} a molecule" if counts["molecules"] else ""
    versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    facts = [
        ("molecules", f"{counts['molecules']:,}"),
        ("rows", _counts(manifest)),
        ("lines", f"{counts['lines']:,}, {counts['blank_lines']:,} of them blank"),
        ("standardised", manifest["recipe"] + (", each once" if manifest["dedupe"] else "")),
        ("shards", f"{len(shards):,}, {size:,} bytes{each}, SMILES and ids included"),
        ("format", f"version {manifest['version']}, features {manifest['features']}"),
        ("made with", versions),
    ]
    return facts + [("file", _file(file)) for file in manifest["files"]]


def _file(file: dict) -> str:
    name = "".join(c if c.isprintable() else "?" for c in file["name"])
    size = "size unknown" if file["size"] is None else f"{file['size']:,} bytes"
    return f"{name}, {size}, sha256 {file['sha256']}"
