"""What a device can do at best: products and copies of plain tensors, timed alone."""

import time
from collections.abc import Callable

import torch

SQUARE = {"cuda": 8192, "cpu": 512}  # rows of a product large enough to show the peak
COPIED = {"cuda": 1 << 30, "cpu": 1 << 24}  # bytes: far more than any cache of a card holds
REPEATS = 10


def seconds_of(work: Callable[[], object], device: torch.device, repeats: int = REPEATS) -> float:
    """Seconds of one call, the mean of ``repeats`` after two that do not count."""
    for _ in range(2):
        work()
    finish(device)
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    finish(device)
    return (time.perf_counter() - start) / repeats


def finish(device: torch.device) -> None:
    """Wait for all that is enqueued: else a clock would time the enqueueing."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def ceilings(device: torch.device, rows: int, dim: int) -> dict[str, float]:
    """TFLOP/s of products, square ones and those of a model (``rows`` x ``dim`` by ``dim`` x
    ``dim``), and GB/s of copies: each byte of one on the device is read and written."""
    side, found = SQUARE[device.type], {}
    for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        found[f"{name} product, square, TFLOP/s"] = _product(side, side, side, dtype, device)
        found[f"{name} product, model's, TFLOP/s"] = _product(rows, dim, dim, dtype, device)
    source = torch.zeros(COPIED[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copying = seconds_of(lambda: target.copy_(source), device)
    found["copy on the device, GB/s"] = 2 * source.numel() / copying / 1e9
    if device.type == "cuda":
        host = torch.zeros(COPIED["cuda"] // 4, dtype=torch.uint8).pin_memory()
        arriving = seconds_of(lambda: target[: len(host)].copy_(host, non_blocking=True), device)
        found["copy from the host, GB/s"] = host.numel() / arriving / 1e9
    return found


def _product(n: int, k: int, m: int, dtype: torch.dtype, device: torch.device) -> float:
    a, b = (torch.randn(shape, device=device).to(dtype) for shape in ((n, k), (k, m)))
    out = torch.empty(n, m, dtype=dtype, device=device)
    return 2 * n * k * m / seconds_of(lambda: torch.mm(a, b, out=out), device) / 1e12


def name_of(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
