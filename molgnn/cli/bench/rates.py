"""Molecules a second of each stage on a device, and what bounds the whole."""

from collections import deque

import torch

from molgnn.chem.packed import PackedGraphs
from molgnn.cli.bench.card import finish, seconds_of
from molgnn.cli.bench.work import Work
from molgnn.data.tiles import Shape
from molgnn.models.ahead import parts_on
from molgnn.models.property import PropertyModel
from molgnn.models.scorer import Scorer

PIECE = 65536  # molecules whose tiles lie ready for the forward pass alone


def rates(
    model: PropertyModel,
    graphs: PackedGraphs,
    shape: Shape,
    device: torch.device,
    precision: str,
    rounds: int,
) -> dict[str, float]:
    """Molecules a second encoded, copied and laid out as tiles, computed from such tiles, and from
    graphs to logits; how full the tiles are; and the most bytes held on the device."""
    n = len(graphs)
    piece = graphs.select(range(min(n, PIECE)))
    scorer = Scorer([model], device, precision, shape)
    laid = [p._replace(tiles=list(p.tiles)) for p in parts_on(device, piece, PIECE, shape, False)]
    finish(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    layout = seconds_of(lambda: _laid_out(graphs, shape, device), device, rounds)
    forward = seconds_of(lambda: scorer.computed(laid), device, rounds)
    whole = seconds_of(lambda: scorer.logits(graphs), device, rounds)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    room = sum(len(tile.atom_kind) for part in laid for tile in part.tiles)
    return {
        "atoms": shape.atoms,
        "layout": n / layout,
        "forward": len(piece) / forward,
        "whole": n / whole,
        "filled": len(piece.atoms) / room,
        "peak bytes": peak,
    }


def _laid_out(graphs: PackedGraphs, shape: Shape, device: torch.device) -> None:
    """All that comes before the forward pass, and nothing of it kept."""
    for part in parts_on(device, graphs, PIECE, shape, False):
        deque(part.tiles, maxlen=0)


def shares(best: dict, work: Work, card: dict, precision: str) -> dict[str, float]:
    """What forward pass and whole reach of the card's ceilings, at the best size of tiles."""
    found: dict[str, float] = {}
    for name in ("forward", "whole"):
        tflops, bandwidth = best[name] * work.flop / 1e12, best[name] * work.bytes / 1e9
        found[f"{name}: TFLOP/s"] = tflops
        for kind in ("square", "model's"):
            ceiling = card[f"{precision} product, {kind}, TFLOP/s"]
            found[f"{name}: of {kind} products"] = tflops / ceiling
        found[f"{name}: GB/s"] = bandwidth
        found[f"{name}: of the copy's GB/s"] = bandwidth / card["copy on the device, GB/s"]
    return found


def bound(figures: dict) -> str:
    """What holds the whole back, in a sentence."""
    best = max(figures["molecules/s"], key=lambda found: found["whole"])
    part, share = best["whole"] / best["forward"], figures["shares"]
    if part < 0.7 and best["layout"] < best["forward"]:
        return (
            f"{part:.0%} of the forward pass alone: bounded by layout and copies, which alone run "
            f"at {best['layout']:,.0f} molecules/s"
        )
    arithmetic = share["forward: of model's products"]
    memory = share["forward: of the copy's GB/s"]
    if max(arithmetic, memory) < 0.4:
        return "bounded by neither arithmetic nor memory: by starting kernels, or by sums of rows"
    return f"bounded by {'arithmetic' if arithmetic > memory else 'memory'}"
