"""Published figures beside those of `bench accuracy`, with their sources, and the bars they set.

A figure is comparable only on the same split: those here are of the splits that the suites use.
"""

from collections.abc import Mapping

# Suite -> where its published figures are from.
SOURCES = {
    "moleculenet": "deterministic scaffold split 8:1:1, as carried by Fang 2022 (GEM, doi:10.1038/"
    "s42256-021-00438-4), Zhou 2023 (Uni-Mol, ICLR) and Hou 2022 (GraphMAE, arXiv:2205.10803); of "
    "the random forest on ECFP4 the source was not noted",
    "tdc": "leaderboard of the ADMET group of Therapeutics Data Commons (Huang 2021, arXiv:"
    "2102.09548); audited: the best of MapLight, MapLight+GNN and CaliciBoost, which passed "
    "github.com/deweihu96/admet-honest-audit; clean: where the GIN of MapLight+GNN saw the labels",
    "moleculeace": "published_rmse.csv, from github.com/JacksonBurns/chemeleon (arXiv:2506.15792); "
    "sets of van Tilborg 2022, doi:10.1021/acs.jcim.2c01073",
    "antibiotic": "Stokes 2020, doi:10.1016/j.cell.2020.01.021: 20 networks, RDKit's descriptors",
}

_GRAPH = ("D-MPNN", "GIN pretrained", "GraphMAE", "GEM (3D)", "Uni-Mol (3D)", "RF on ECFP4")
_TDC = ("audited", "Chemprop-RDKit", "Chemprop", "clean")


def _named(names: tuple[str, ...], *figures: float | None) -> dict[str, float]:
    return {name: figure for name, figure in zip(names, figures, strict=True) if figure is not None}


# Suite -> set -> model -> figure, in the unit of the set's metric; ROC-AUC between 0 and 1.
PUBLISHED: dict[str, dict[str, dict[str, float]]] = {
    "moleculenet": {
        "esol": _named(_GRAPH, 1.050, 1.100, None, 0.798, 0.788, 1.741),
        "freesolv": _named(_GRAPH, 2.082, 2.764, None, 1.877, 1.620, None),
        "lipo": _named(_GRAPH, 0.683, 0.739, None, 0.660, 0.603, 0.962),
        "bbbp": _named(_GRAPH, 0.710, 0.687, 0.720, 0.724, 0.729, 0.719),
        "sider": _named(_GRAPH, 0.570, 0.627, 0.603, 0.672, 0.659, 0.650),
        "tox21": _named(_GRAPH, 0.759, 0.781, 0.755, 0.781, 0.796, None),
        "hiv": _named(_GRAPH, 0.771, 0.779, 0.772, 0.806, 0.808, None),
    },
    "tdc": {
        "caco2_wang": _named(_TDC, 0.256, 0.330, 0.344, None),
        "hia_hou": _named(_TDC, 0.989, 0.981, 0.965, None),
        "pgp_broccatelli": _named(_TDC, 0.938, 0.886, 0.860, None),
        "bioavailability_ma": _named(_TDC, 0.748, None, None, None),
        "lipophilicity_astrazeneca": _named(_TDC, 0.525, 0.467, 0.470, None),
        "solubility_aqsoldb": _named(_TDC, 0.789, 0.761, 0.829, None),
        "bbb_martins": _named(_TDC, 0.916, 0.869, 0.821, None),
        "ppbr_az": _named(_TDC, 7.526, 8.288, 7.788, None),
        "cyp2c9_veith": _named(_TDC, 0.859, 0.777, 0.754, 0.783),
        "cyp2d6_veith": _named(_TDC, 0.790, 0.673, 0.649, 0.723),
        "cyp2d6_substrate_carbonmangels": _named(_TDC, 0.720, 0.686, 0.632, None),
        "clearance_hepatocyte_az": _named(_TDC, 0.498, 0.430, 0.431, None),
    },
    "antibiotic": {"ecoli": {"Stokes 2020": 0.896}},
}


def bar(figures: Mapping[str, float], smaller_is_better: bool) -> float | None:
    """What a model of graphs must reach: the best published figure that is comparable. Those that
    need 3D coordinates are shown and set no bar; nor does a figure whose clean one is known."""
    left_out = {name for name in figures if "(3D)" in name}
    if "clean" in figures:
        left_out.add("audited")
    fair = [figure for name, figure in figures.items() if name not in left_out]
    return (min if smaller_is_better else max)(fair, default=None)
