"""Equilibria of contractions: solved to a tolerance, and differentiated without the way to them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from molgnn.errors import Refusal


def equilibrium(
    step: Callable, start: Tensor, component: Tensor, tolerance: float, limit: int
) -> tuple[Tensor, Tensor]:
    """z (N, D) with |step(z) - z| < tolerance, and how many steps each atom took, (N,).

    ``component`` (N,) names one atom of each connected piece, as ``components`` does. A piece stops
    by itself: else a molecule's state would depend, in its last digits, on the slowest neighbour in
    the batch. Raises Refusal when ``limit`` steps are not enough.
    """
    z, steps = start, torch.zeros_like(component)
    active = torch.ones_like(component, dtype=torch.bool)
    for _ in range(limit):
        new = step(z)
        moved = (new - z).abs().amax(dim=1)
        moved = torch.zeros_like(moved).scatter_reduce(0, component, moved, "amax")
        z = torch.where(active[component].unsqueeze(1), new, z)
        steps += active
        active = active & ~(moved < tolerance)  # NaN is below nothing
        if not active.any():
            return z, steps[component]
    raise Refusal(
        f"no equilibrium after {limit} steps: the last one moved by {moved[active].max():.1e}, the "
        f"tolerance is {tolerance:.0e}; raise encoder.limit or lower encoder.contraction"
    )


def attached(
    step: Callable,
    z: Tensor,
    parts: Sequence[Tensor],
    component: Tensor,
    tolerance: float,
    limit: int,
) -> Tensor:
    """z = step(z, *parts), found without autograd -> the same z, with its gradient for ``parts``.

    By the implicit function theorem dL/dp = u dF/dp, where u = u dF/dz + dL/dz is itself the
    equilibrium of a contraction, which backward solves: Almeida 1987; Pineda 1987,
    doi:10.1103/PhysRevLett.59.2229. What autograd keeps does not grow with the number of steps.
    """
    if not any(part.requires_grad for part in parts):
        return z
    at = z.detach().clone().requires_grad_()
    once = step(at, *(part.detach() for part in parts))

    def adjoint(gradient: Tensor) -> Tensor:
        scale = gradient.abs().max().clamp(min=torch.finfo(z.dtype).tiny)
        given = gradient / scale  # the tolerance is for numbers of about 1, which gradients are not

        def back(u: Tensor) -> Tensor:
            return torch.autograd.grad(once, at, u, retain_graph=True)[0] + given

        return scale * equilibrium(back, given, component, tolerance, limit)[0]

    result = step(z, *parts)
    if len(z):
        result.register_hook(adjoint)
    return result


def components(edge_index: Tensor, num_atoms: int) -> Tensor:
    """For each atom the first one of its connected piece: edge_index (2, E) -> (N,)."""
    source, target = edge_index
    label = torch.arange(num_atoms, device=edge_index.device)
    while True:
        lower = label.scatter_reduce(0, target, label[source], "amin")
        lower = lower[lower]
        if torch.equal(lower, label):
            return label
        label = lower
