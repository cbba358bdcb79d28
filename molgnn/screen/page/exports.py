"""What can be taken away from the page: each hit as a line of CSV, of SMILES, and an SDF record.

They are made here, so that the page's script only has to put them together.
"""

import io
import json
import re
from collections.abc import Sequence

from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor

from molgnn.data.readers.rejects import defuse
from molgnn.screen.hits import AFTER
from molgnn.screen.outputs import csv_writer
from molgnn.screen.page.told import Told

# The end of most atom lines of a mol block; the page holds a tilde in its place.
ZEROS, SHORT = " 0  0  0  0  0  0  0  0  0  0  0  0\n", "~\n"
_SPACE = re.compile(r"[\s\x00-\x1f\x7f\u0085\u2028\u2029]+")
_TITLE = 80  # characters of the first line of a mol block


def export_data(told: Told, rows: Sequence[list[str]], mols: Sequence[Chem.Mol | None]) -> dict:
    """Plain data for the script: ``columns`` are those with numbers, and each hit has these (null
    for none), its lines ``csv`` and ``smi``, and ``sdf``: title, mol block, fields; null where
    there is no structure. ``head`` is the first line of the CSV."""
    columns = [name for name in told.names if _is_numeric(told, rows, name)]
    hits = [_hit(told, columns, row, mol) for row, mol in zip(rows, mols, strict=True)]
    return {"zeros": ZEROS, "head": csv_line(told.header), "columns": columns, "hits": hits}


def _hit(told: Told, columns: list[str], row: list[str], mol: Chem.Mol | None) -> dict:
    cells = told.cells(row)
    return {
        "numbers": [_number(cells[name]) for name in columns],
        "csv": csv_line(row),
        "smi": smi_line(cells["smiles"], cells["id"]),
        "sdf": None if mol is None else sdf_record(mol, cells),
    }


def csv_line(cells: Sequence[str]) -> str:
    """As ``screen.hits`` writes it: no spreadsheet takes a cell for a formula."""
    text = io.StringIO(newline="")
    csv_writer(text).writerow([defuse(cell) for cell in cells])
    return text.getvalue()


def smi_line(smiles: str, name: str) -> str:
    """SMILES, tab, name; neither can begin another line."""
    return f"{one_line(smiles)}\t{one_line(name)}".rstrip("\t") + "\n"


def sdf_record(mol: Chem.Mol, cells: dict[str, str]) -> list[str]:
    """Title line, the rest of the mol block with ``SHORT`` line ends, and the data fields with the
    end of the record. ``mol`` has coordinates."""
    block = mol_block(mol)
    if "~" not in block:
        block = block.replace(ZEROS, SHORT)
    fields = "".join(
        f">  <{_field(name)}>\n{_harmless(one_line(value))}\n\n"
        for name, value in cells.items()
        if one_line(value)
    )
    return [_harmless(one_line(cells["id"]))[:_TITLE] + "\n", block, fields + "$$$$\n"]


def mol_block(mol: Chem.Mol) -> str:
    """The mol block of a molecule with coordinates, without its first line."""
    mol = Chem.Mol(mol)
    for name in mol.GetPropNames():
        mol.ClearProp(name)
    with rdBase.BlockLogs():
        try:
            text = Chem.MolToMolBlock(mol)
        except Chem.KekulizeException:
            text = Chem.MolToMolBlock(mol, kekulize=False)
    return text.partition("\n")[2]


def with_coordinates(mol: Chem.Mol) -> Chem.Mol | None:
    """The molecule laid out in two dimensions, so that its mol block is the same molecule; None
    where no layout does that. In the usual one a bridged ring can lie over a stereo centre."""
    wanted = Chem.MolToSmiles(mol)
    with rdBase.BlockLogs():
        for options in ({}, {"useRingTemplates": True}):
            laid = Chem.Mol(mol)
            rdDepictor.Compute2DCoords(laid, **options)
            found = Chem.MolFromMolBlock("\n" + mol_block(laid), removeHs=False)
            if found is not None and Chem.MolToSmiles(found) == wanted:
                return laid
    return None


def data_block(data: dict) -> str:
    """JSON that can stand in a page: nothing in it is a tag, a comment or the end of a script."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def one_line(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def _harmless(text: str) -> str:
    """A line that neither ends a record nor begins a field."""
    return f" {text}" if text.startswith(("$$$$", ">", "M  END")) else text


def _field(name: str) -> str:
    return re.sub(r"[<>]", "_", one_line(name)) or "_"


def _is_numeric(told: Told, rows: Sequence[list[str]], name: str) -> bool:
    """Whether the hits can be sorted by the column: figures, or none."""
    if name in AFTER:
        return False
    at = told.names.index(name)
    cells = [row[at] for row in rows if row[at]]
    return bool(cells) and all(_number(cell) is not None for cell in cells)


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
