"""A screen's folder with everything that a page can show, made by hand where no step makes it."""

import csv
import json

import pytest
from rdkit import Chem

from molgnn.screen.hits import read_hits, write_hits
from molgnn.screen.page.report import rebuild_report
from molgnn.screen.pipeline import screen

HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "<!--<script>alert(2)",
    "=cmd|' /C calc'!A0",
    "\"quoted\" 'single' &amp; &lt;",
    "\u202eevil",
    "n" * 5000,
    "$$$$",
    "-2+3",
    "> <name>",
    "two\nlines\u2028and\tmore",
]
SMILES = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "C[C@H](N)C(=O)O",
    "CC(C)(C)c1ccc(O)cc1",
    "[NH3+]CC([O-])=O",
    "C/C=C/C(=O)[O-].[Na+]",
    "[2H]OC",
    "c1ccc2[nH]ccc2c1",
    "CCO",
    "CCCCCCCC",
    "O=C(O)CCCCCCCCCCCCCCC",
    "C",
    "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
]
DOMAIN = {
    "columns": ["nearest_similarity", "nearest_smiles", "nearest_size", "in_domain"],
    "similarity": "nearest_similarity",
    "smiles": "nearest_smiles",
    "labels": [{"column": "nearest_size", "task": "size", "unit": "atoms"}],
    "flag": "in_domain",
    "threshold": 0.4,
    "rule": "inside where the similarity is 0.4 or more",
    "inside": 9,
    "outside": 3,
}
FUNNEL = {
    "steps": [
        {"name": "top", "title": "Best <scores>", "before": 12, "after": 12},
        {
            "name": "alerts",
            "title": "Structural alerts",
            "before": 14,
            "after": 12,
            "dropped_by_reason": {"<b>azide</b>": 2},
        },
    ],
    "columns": {
        "alerts": {"step": "alerts", "title": "structural alerts", "kind": "text"},
        "logP": {"step": "properties", "title": "log P (Crippen)", "kind": "figure"},
        "cluster": {"step": "diverse", "title": "cluster", "kind": "figure"},
    },
    "alerts_column": "alerts",
    "cluster_column": "cluster",
    "objective_columns": [],
}
DOUBT = {"level": 0.9, "columns": ["size_low", "size_high"]}


def library_of(path):
    """The molecules, the last of them with ordinary names."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["smiles", "name"])
        for i, smiles in enumerate(SMILES):
            writer.writerow([smiles, HOSTILE[i] if i < len(HOSTILE) else f"plain {i}"])
    return path


def more_columns(folder):
    """Domain, funnel and interval, as if steps had written them; hit n is in cluster n % 3, every
    fourth is outside the domain and every fifth has an alert."""
    import pandas as pd

    header, *rows = read_hits(folder / "hits.csv")
    table = pd.DataFrame(rows, columns=header)
    numbers, score = range(len(rows)), table["score"].astype(float)
    at = header.index("smiles")
    for name, values in (
        ("size_low", score - 1.5),
        ("size_high", score + 1.5),
        ("nearest_similarity", [0.25 if n % 4 == 0 else 0.75 for n in numbers]),
        ("nearest_smiles", ["CCO"] * len(rows)),
        ("nearest_size", [3.0] * len(rows)),
        ("in_domain", [n % 4 != 0 for n in numbers]),
        ("alerts", ["PAINS: <b>quinone</b>" if n % 5 == 0 else "" for n in numbers]),
        ("logP", [round(1.5 - n * 0.25, 2) for n in numbers]),
        ("cluster", [str(n % 3) for n in numbers]),
    ):
        table.insert(at, name, values)
        at += 1
    write_hits(folder / "hits.csv", table)
    manifest = folder / "manifest.json"
    facts = json.loads(manifest.read_text(encoding="utf-8"))
    facts |= {"domain": DOMAIN, "funnel": FUNNEL, "doubt": DOUBT}
    manifest.write_text(json.dumps(facts), encoding="utf-8")


def colours(folder):
    """Attributions for each hit, as if a network had made them."""
    path = folder / "page.json"
    beside = json.loads(path.read_text(encoding="utf-8"))
    hits = []
    for rank, _, *_, smiles, _, _, _ in read_hits(folder / "hits.csv")[1:]:
        options = Chem.SmilesParserParams()
        options.removeHs = False
        mol = Chem.MolFromSmiles(smiles, options)
        atoms = [(-1) ** i * (100 - i) for i in range(mol.GetNumAtoms())]
        bonds = [None if i % 2 else 40 for i in range(mol.GetNumBonds())]
        hits.append({"rank": int(rank), "smiles": smiles, "largest": 0.75})
        hits[-1] |= {"atoms": atoms, "bonds": bonds}
    beside["why"] = {"method": "integrated gradients", "column": "size", "unit": "atoms",
                     "share": 1.0, "limit": 100, "hits": hits}  # fmt: skip
    path.write_text(json.dumps(beside), encoding="utf-8")


@pytest.fixture
def folder(fake_model, tmp_path):
    """Hits with hostile names and all that a page can show."""
    screen(fake_model(members=2), library_of(tmp_path / "lib.csv"), out=tmp_path / "out")
    more_columns(tmp_path / "out")
    colours(tmp_path / "out")
    rebuild_report(tmp_path / "out")
    return tmp_path / "out"
