"""The forward pass on tiles: the encoders' equations again, laid out for speed, without autograd.

What depends on the kind of an atom or an edge alone is computed once a kind and looked up
(``tables``); sums run over rows that lie side by side; products have one shape and end in place.
``float32`` gives the plain forward pass but for rounding, ``bfloat16`` rounds states and products.
The plain forward pass is the oracle in the tests. A tile is a ``molgnn.data.tiles.Tile``.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molgnn.nn.dmpnn import DMPNNEncoder
from molgnn.nn.gin import GINEncoder
from molgnn.nn.mpnn import MPNNEncoder
from molgnn.nn.readout import MaxReadout, MeanMaxReadout, MeanReadout, SumReadout

_BLOCK = 16  # kinds of bond whose matrices an edge network makes at once: molecules have about ten


def bag_sum(rows: Tensor, bags, mode: str = "sum") -> Tensor:
    """rows (R, D) and K bags -> (K, D): the sum, mean or max of each bag; zeros for an empty one.

    Sums are accumulated in single precision, also those of bf16 rows.
    """
    return F.embedding_bag(bags.index, rows, bags.offsets, mode=mode, include_last_offset=True)


def relu_(rows: Tensor) -> Tensor:
    """relu in place. A bf16 number is below zero where its bits are as an integer, and a CPU clamps
    integers five times as fast. (So a NaN may become zero: who has NaN in bf16 has it in fp32 too,
    where hits are scored again.)"""
    if rows.dtype == torch.bfloat16 and rows.device.type == "cpu":
        rows.view(torch.int16).clamp_(min=0)
        return rows
    return rows.relu_()


class TiledDMPNN:
    """``DMPNNEncoder`` on tiles."""

    class Tables(NamedTuple):
        state: Tensor  # (P, D): the first state of an edge
        biased: Tensor  # (P, D): what each later state starts from
        own: Tensor  # (V, D): what an atom adds of its own at the end

    def __init__(self, encoder: DMPNNEncoder, dtype: torch.dtype):
        self.encoder, self.dtype = encoder, dtype
        self.message = encoder.message.weight.detach().to(dtype).t()
        self.gather = encoder.gather.weight.detach().to(dtype).t()

    def tables(self, kinds) -> Tables:
        own, bond = kinds.starts.unbind(1)
        first = self.encoder.atom_in(kinds.atoms)[own] + self.encoder.bond_in(kinds.bonds)[bond]
        biased = first + self.encoder.message.bias
        out = self.encoder.atom_out(kinds.atoms) + self.encoder.gather.bias
        return self.Tables(*(t.to(self.dtype) for t in (first.relu(), biased, out)))

    def __call__(self, tile, tables: Tables) -> Tensor:
        """-> atom vectors (A, D) in ``dtype``."""
        state = tables.state.index_select(0, tile.start_kind)
        states = [state]
        for norm in self.encoder.norms:
            new = tables.biased.index_select(0, tile.start_kind)
            new.addmm_(bag_sum(state, tile.incoming), self.message)
            new = _normed(norm, relu_(new))
            state = state + new if self.encoder.residual else new
            states.append(state)
        arriving = bag_sum(self.encoder.jump(states), tile.arriving)
        own = tables.own.index_select(0, tile.atom_kind)
        return relu_(own.addmm_(arriving, self.gather))


class TiledGIN:
    """``GINEncoder`` on tiles."""

    class Tables(NamedTuple):
        atoms: Tensor  # (V, D)
        bonds: list[Tensor]  # (U, D) for each layer

    def __init__(self, encoder: GINEncoder, dtype: torch.dtype):
        self.encoder, self.dtype = encoder, dtype
        self.layers = [
            [
                (linear.weight.detach().to(dtype).t(), linear.bias.detach().to(dtype))
                for linear in (conv.nn[0], conv.nn[2])
            ]
            for conv in encoder.convs
        ]

    def tables(self, kinds) -> Tables:
        atoms = self.encoder.atom_in(kinds.atoms).to(self.dtype)
        return self.Tables(
            atoms, [table(kinds.bonds).to(self.dtype) for table in self.encoder.bond_in]
        )

    def __call__(self, tile, tables: Tables) -> Tensor:
        """-> atom vectors (A, out_dim) in ``dtype``."""
        h, states = tables.atoms.index_select(0, tile.atom_kind), []
        for i, (conv, norm) in enumerate(zip(self.encoder.convs, self.encoder.norms, strict=True)):
            message = h.index_select(0, tile.source)
            message.add_(tables.bonds[i].index_select(0, tile.bond_kind))
            new = bag_sum(relu_(message), tile.arriving).add_(h * (1 + conv.eps.to(self.dtype)))
            (first, bias), (second, shift) = self.layers[i]
            new = torch.addmm(shift, relu_(torch.addmm(bias, new, first)), second)
            new = _normed(norm, new)
            if i < len(self.layers) - 1:
                new = relu_(new)
            h = h + new if self.encoder.residual else new
            states.append(h)
        return self.encoder.jump(states)


class TiledMPNN:
    """``MPNNEncoder`` on tiles: all atoms times the matrix of each kind of bond there is, so that
    every product has the tile's shape; an edge then looks up its row."""

    class Tables(NamedTuple):
        atoms: Tensor  # (V, D): the first state of an atom
        matrices: Tensor  # (U, D, D)

    def __init__(self, encoder: MPNNEncoder, dtype: torch.dtype):
        self.encoder, self.dtype, gru = encoder, dtype, encoder.update
        self.input, self.hidden = (
            weight.detach().to(dtype).t() for weight in (gru.weight_ih, gru.weight_hh)
        )

    def tables(self, kinds) -> Tables:
        dim, count = self.encoder.atom_in.out_dim, len(kinds.bonds)
        # In blocks of one shape: a bond's matrix must not depend on how many kinds there are.
        blocks = F.pad(kinds.bonds, (0, 0, 0, -count % _BLOCK)).split(_BLOCK)
        matrices = torch.cat([self.encoder.edge_network(block) for block in blocks])[:count]
        atoms = self.encoder.atom_in(kinds.atoms).relu()
        return self.Tables(atoms, matrices.view(-1, dim, dim).to(self.dtype))

    def __call__(self, tile, tables: Tables) -> Tensor:
        """-> atom vectors (A, out_dim) in single precision: only products are in ``dtype``."""
        h, states = tables.atoms.index_select(0, tile.atom_kind), []
        edges = len(tile.arriving.index)
        present, kind = torch.unique(tile.bond_kind[:edges], return_inverse=True)
        sources = tile.arriving._replace(index=kind * len(h) + tile.source[:edges])
        for norm in self.encoder.norms:
            low = h.to(self.dtype)
            seen = [(low @ tables.matrices[k]).float() for k in present]
            message = bag_sum(torch.cat(seen), sources) if seen else torch.zeros_like(h)
            new = _normed(norm, self._updated((message + self.encoder.bias).relu_(), h, low))
            h = h + new if self.encoder.residual else new
            states.append(h)
        return self.encoder.jump(states)

    def _updated(self, message: Tensor, h: Tensor, low: Tensor) -> Tensor:
        """One step of the gated recurrent unit, as ``torch.nn.GRUCell`` defines it."""
        gru = self.encoder.update
        arriving = (message.to(self.dtype) @ self.input).float() + gru.bias_ih
        own = (low @ self.hidden).float() + gru.bias_hh
        (r, z, n), (own_r, own_z, own_n) = arriving.chunk(3, dim=1), own.chunk(3, dim=1)
        z = torch.sigmoid(z + own_z)
        n = torch.tanh(n + torch.sigmoid(r + own_r) * own_n)
        return (1 - z) * n + z * h


def _normed(norm: nn.Module, rows: Tensor) -> Tensor:
    return rows if isinstance(norm, nn.Identity) else norm(rows.float()).to(rows.dtype)


class TiledPlain:
    """Any encoder on tiles, through its own forward pass: fixed shapes, nothing else gained."""

    class Tables(NamedTuple):
        atoms: Tensor  # (V, 9) codes
        bonds: Tensor  # (U, 3) codes

    def __init__(self, encoder: nn.Module, dtype: torch.dtype):
        self.encoder, self.dtype = encoder, dtype

    def tables(self, kinds) -> Tables:
        return self.Tables(kinds.atoms, kinds.bonds)

    def __call__(self, tile, tables: Tables) -> Tensor:
        """-> atom vectors (A, out_dim) in single precision."""
        x = tables.atoms.index_select(0, tile.atom_kind)
        edge_attr = tables.bonds.index_select(0, tile.halves.bond_kind)
        with torch.autocast(x.device.type, self.dtype, enabled=self.dtype != torch.float32):
            return self.encoder(x, tile.halves.edge_index, edge_attr).float()


TILED = {DMPNNEncoder: TiledDMPNN, GINEncoder: TiledGIN, MPNNEncoder: TiledMPNN}


def on_tiles(encoder: nn.Module, dtype: torch.dtype):
    """The fast form of an encoder, or the plain one where it has none."""
    return TILED.get(type(encoder), TiledPlain)(encoder, dtype)


def pooled(readout: nn.Module, atoms: Tensor, tile) -> Tensor:
    """``readout`` of the atoms (A, D) of a tile -> its molecules (num_graphs, D), in float32."""
    atoms = atoms.float()
    if isinstance(readout, SumReadout):
        rows = bag_sum(atoms, tile.members) / readout.scale
    elif type(readout) in _MODES:
        rows = [bag_sum(atoms, tile.members, mode) for mode in _MODES[type(readout)]]
        rows = torch.cat(rows, dim=1)
    else:
        size = len(tile.members.offsets)  # G + 1: the last takes the atoms of no molecule
        rows = readout(atoms, tile.graph_id, size)
    return rows[: tile.num_graphs]


_MODES = {MeanReadout: ["mean"], MaxReadout: ["max"], MeanMaxReadout: ["mean", "max"]}
