import base64
import csv
import hashlib
import re
from html.parser import HTMLParser

import pytest

from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.screen.page import cards
from molgnn.screen.page.report import rebuild_report
from molgnn.screen.page.script import SCRIPT
from molgnn.screen.pipeline import screen

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a&b'c</title>",
    "\u202eevil",
]


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, and the text."""

    VOID = ("meta", "br", "img", "link", "path", "rect", "line", "ellipse", "input")

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open, self.scripts = [], "", [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)
        else:
            self.text += data

    def all(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]


def page_of(model, tmp_path, text, **options):
    path = tmp_path / "lib.smi"
    path.write_text(text)
    screen(model, path, out=tmp_path / "out", **options)
    return Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))


def test_the_page_is_well_formed_and_says_what_it_is(fake_model, library, tmp_path):
    page = page_of(fake_model(members=3), tmp_path, library.read_text(), top=5)
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]
    assert "5 molecules with the highest size of 40" in page.text
    assert "not valid SMILES" in page.text
    assert "size (atoms)" in page.text
    assert "10.00 ± 0.50 atoms" in page.text
    assert fake_model.sha256 in page.text
    headings = [tag for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert headings.count("h1") == 1
    assert headings.count("h2") == 5


def test_every_hit_has_a_labelled_structure_and_a_smiles_to_copy(fake_model, tmp_path):
    page = page_of(fake_model(), tmp_path, "CCO ethanol\nc1ccccc1 benzene\n")
    labels = [svg.get("aria-label") for svg in page.all("svg")]
    assert labels[2:] == ["Structure of benzene", "Structure of ethanol"]
    assert [svg["role"] for svg in page.all("svg")] == ["img", "group", "img", "img"]
    assert len(page.all("code")) == 2
    assert "c1ccccc1" in page.text
    assert "lib.smi:2" in page.text


def test_hostile_text_stays_text(fake_model, tmp_path):
    text = "".join(f"CCO {name}\n" for name in HOSTILE) + "".join(f"{n} x\n" for n in HOSTILE)
    evil = Task(HOSTILE[0], "regression", HOSTILE[1])
    model = fake_model((evil, Task(HOSTILE[1], "multiclass", "", ("<b>", "'\""))))
    model.name = HOSTILE[1]
    page = page_of(model, tmp_path, text)
    assert page.open == []
    assert page.all("script") == [{"type": "application/json", "id": "data"}, {}]
    assert page.scripts[1] == SCRIPT
    assert not page.all("img")
    assert not page.all("b") or all(attrs == {} for attrs in page.all("b"))
    for _, attrs in page.tags:
        assert not any(name.startswith("on") for name in attrs)
    for name in HOSTILE:
        assert name in page.text


def test_the_page_asks_the_network_for_nothing(fake_model, library, tmp_path):
    page = page_of(fake_model(), tmp_path, library.read_text())
    for tag, attrs in page.tags:
        assert tag not in ("link", "img", "iframe", "object", "base")
        assert not {"src", "xlink:href", "action", "formaction"} & attrs.keys()
        assert attrs.get("href", "#").startswith("#")
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    digest = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    assert "unsafe-inline" not in policy.split(";")[1]
    raw = (tmp_path / "out" / "report.html").read_text()
    assert not re.search(r"url\((?!#)|@import", raw)
    assert set(re.findall(r"https?://[^\"'<\s]+", raw)) <= {"http://www.w3.org/2000/svg"}


def test_a_rebuilt_page_is_the_same_page(fake_model, library, tmp_path):
    text = library.read_text() + "CCCCCCCCCC =1+1\nCCCCCCCCCC '=x\n"
    page_of(fake_model(members=2), tmp_path, text)
    page = tmp_path / "out" / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert rebuild_report(tmp_path / "out") == page
    assert page.read_bytes() == before


def test_rows_taken_out_of_hits_csv_are_gone_from_the_page(fake_model, library, tmp_path):
    page_of(fake_model(), tmp_path, library.read_text(), top=4)
    hits = tmp_path / "out" / "hits.csv"
    header, *rows = csv.reader(hits.read_text().splitlines())
    with hits.open("w", newline="") as file:
        csv.writer(file).writerows([header, rows[1]])
    rebuild_report(tmp_path / "out")
    assert len(Page((tmp_path / "out" / "report.html").read_text()).all("code")) == 1


@pytest.mark.parametrize("name", ["hits.csv", "manifest.json"])
def test_a_folder_without_a_screen_is_refused(fake_model, library, tmp_path, name):
    page_of(fake_model(), tmp_path, library.read_text())
    (tmp_path / "out" / name).unlink()
    with pytest.raises(Refusal, match=rf"{name}: no such file"):
        rebuild_report(tmp_path / "out")


def test_files_that_are_not_those_of_a_screen_are_refused(fake_model, library, tmp_path):
    page_of(fake_model(), tmp_path, library.read_text())
    manifest, hits = tmp_path / "out" / "manifest.json", tmp_path / "out" / "hits.csv"
    facts = manifest.read_text()
    for text in ("{", "[]", "{}", facts.replace('"scores"', '"points"')):
        manifest.write_text(text)
        with pytest.raises(Refusal, match="not the manifest of a screen"):
            rebuild_report(tmp_path / "out")
    manifest.write_text(facts)
    hits.write_text("rank,score\n1,2\n")
    with pytest.raises(Refusal, match=r"hits\.csv row 1: 2 columns"):
        rebuild_report(tmp_path / "out")


def test_structures_are_drawn_for_the_first_hits_only(fake_model, library, tmp_path, monkeypatch):
    monkeypatch.setattr(cards, "DRAWN", 10)
    page = page_of(fake_model(), tmp_path, library.read_text())
    assert len(page.all("code")) == 10
    assert "The first 10 of 40 hits are drawn" in page.text


def test_a_molecule_too_large_to_draw_says_so(fake_model, tmp_path):
    page = page_of(fake_model(), tmp_path, "C" * 900 + "\nCC\n")
    assert "900 atoms, too many to draw" in page.text
