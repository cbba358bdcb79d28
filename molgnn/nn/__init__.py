"""Layers: tensors in, tensors out; no DataFrame and no RDKit molecule in sight.

Shapes everywhere: N atoms, E directed bonds, B molecules, D channels, T tasks, O outputs.

``x`` (N, 9) and ``edge_attr`` (E, 3) hold the integer codes of ``chem.fields``; ``edge_index``
(2, E) holds source and target atoms. The M bonds come first in one direction, then, in the same
order, in the other: E = 2 M, and the reverse of edge e is e + M modulo E. ``graph_id`` (N,) says
which molecule an atom is in; ``num_graphs`` is passed in, so that nothing waits for a GPU to count.
"""
