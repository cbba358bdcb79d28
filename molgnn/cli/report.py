"""``molgnn report``: the page of a finished screen, made anew."""

import argparse

from molgnn.cli.terminal import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of the command; no import here that takes time."""
    parser.add_argument("folder", metavar="DIR", help="folder of a finished molgnn screen")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def run(args: argparse.Namespace) -> int:
    """Replace DIR/report.html by one made from hits.csv, manifest.json and page.json in DIR."""
    from molgnn.screen.page.report import rebuild_report

    say(f"{rebuild_report(args.folder)}", args.quiet)
    return 0
