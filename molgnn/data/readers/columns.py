"""Which column is which: found by name, or refused with the names that exist."""

from collections.abc import Sequence

from molgnn.errors import Refusal

# In order of preference, compared without case and with "_" for spaces and hyphens.
SMILES_NAMES = ("smiles", "canonical_smiles", "smi", "structure", "drug", "mol", "molecule")
ID_NAMES = (
    *("id", "name", "title", "compound", "compound_id", "compound_name", "drug_id", "drug_name"),
    *("chembl_id", "molecule_chembl_id", "zinc_id", "mol_id", "molecule_id", "molecule_name"),
    *("cmpd_id", "cmpd_chemblid", "catalog_id", "identifier", "pref_name", "cid", "cas"),
)
_LISTED = 30


def smiles_column(columns: Sequence[str]) -> int | None:
    """The column with a known name, else the only one whose name contains "smiles"; None too where
    two have that very name, as nobody can say which is meant."""
    names = [_plain(name) for name in columns]
    for known in SMILES_NAMES:
        if known in names:
            place = names.index(known)
            return place if list(columns).count(columns[place]) == 1 else None
    containing = [i for i, name in enumerate(names) if "smiles" in name]
    return containing[0] if len(containing) == 1 else None


def id_column(columns: Sequence[str], smiles: int | None) -> int | None:
    """The column with a known name, other than the one of the SMILES."""
    names = ["" if i == smiles else _plain(name) for i, name in enumerate(columns)]
    return next((names.index(known) for known in ID_NAMES if known in names), None)


def find_column(columns: Sequence[str], wanted: str) -> int | None:
    """The column of that very name; else the only one that differs in case; else None."""
    for same in (str, str.casefold):
        found = [i for i, name in enumerate(columns) if same(name) == same(wanted.strip())]
        if len(found) == 1:
            return found[0]
    return None


def require_column(columns: Sequence[str], wanted: str, file: str, remedy: str) -> int:
    """The column's position, or a Refusal that names the columns that exist."""
    found = find_column(columns, wanted)
    if found is None:
        raise missing(columns, f"no column {wanted!r}", file, remedy)
    return found


def missing(columns: Sequence[str], what: str, file: str, remedy: str) -> Refusal:
    shown = ", ".join(map(repr, columns[:_LISTED]))
    more = f" and {len(columns) - _LISTED} more" if len(columns) > _LISTED else ""
    twice = sorted({name for name in columns if list(columns).count(name) > 1}, key=str)
    note = f" (several are called {twice[0]!r})" if twice else ""
    return Refusal(f"{file}: {what}: the columns are {shown}{more}{note}; {remedy}")


NAME_THE_SMILES = "name the one with SMILES: --smiles-column NAME (train: data.smiles=NAME)"


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")
