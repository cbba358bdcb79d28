"""The page as its readers have it: a real Chromium opens it from disk."""

import csv
import io
import os
import shutil

import pytest
from rdkit import Chem

from molgnn.screen.hits import read_hits
from molgnn.screen.page.report import rebuild_report

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium: that of MOLGNN_CHROMIUM, or one by a usual name."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
    path = os.environ.get("MOLGNN_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        pytest.skip(f"needs a Chromium: MOLGNN_CHROMIUM=path, or one of {', '.join(NAMES)}")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path)
        yield chromium
        chromium.close()


class Visit:
    """A page that was opened, and all that it complained of, asked for or popped up."""

    def __init__(self, browser, folder, **options):
        self.context = browser.new_context(viewport={"width": 1200, "height": 900}, **options)
        self.page = self.context.new_page()
        self.errors, self.requests = [], []
        self.page.on("console", lambda said: self.errors.append(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.errors.append("dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.address = (folder / "report.html").as_uri()
        self.page.goto(self.address)

    @property
    def status(self):
        return self.page.inner_text("#status")

    def ranks(self):
        """Of the cards that are shown, in their order."""
        shown = self.page.locator(".hit-card:visible").evaluate_all("all => all.map(e => e.id)")
        return [int(id.removeprefix("hit-")) for id in shown]

    def pick(self, rank):
        self.page.check(f"#hit-{rank} .pick input")

    def save(self, format):
        """What a click on the button writes: the name of the file, and its text."""
        with self.page.expect_download() as download:
            self.page.click(f"#{format}")
        path = download.value.path()
        return download.value.suggested_filename, path.read_bytes().decode("utf-8")


@pytest.fixture
def visit(browser, folder):
    """visit(options...) -> the page; in the end none has complained or asked for anything else."""
    opened = []

    def open(where=folder, **options):
        opened.append(Visit(browser, where, **options))
        return opened[-1]

    yield open
    for each in opened:
        each.context.close()
        assert each.errors == []
        own = [url for url in each.requests if not url.startswith("blob:file:")]
        assert own == [each.address]


def test_it_opens_with_all_hits_and_nothing_of_a_name_becomes_a_tag(visit, folder):
    it = visit()
    assert it.status == "12 of 12 shown, 0 selected"
    assert it.ranks() == list(range(1, 13))
    assert it.page.evaluate("document.images.length") == 0
    assert it.page.evaluate("document.scripts.length") == 2
    names = it.page.locator(".hit-card h3").all_text_contents()
    assert "</script><img src=x onerror=alert(1)>" in names
    assert "=cmd|' /C calc'!A0" in names
    assert it.page.locator(".hit-card svg[role=img]").count() == 12


def test_a_script_that_is_not_its_own_does_not_run(browser, folder):
    it = Visit(browser, folder)
    it.page.evaluate(
        """() => { const own = document.createElement("script");
        own.textContent = "window.hacked = 1"; document.body.append(own); }"""
    )
    assert it.page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in error for error in it.errors)
    it.context.close()


def test_search_finds_names_whatever_their_case_and_smiles_as_they_are_written(visit):
    it = visit()
    it.page.keyboard.press("/")
    assert it.page.evaluate("document.activeElement.id") == "search"
    it.page.keyboard.type("PLAIN")
    assert it.status == "2 of 12 shown, 0 selected"
    it.page.fill("#search", "[C@H]")
    assert it.status == "1 of 12 shown, 0 selected"
    it.page.fill("#search", "</script><IMG")
    assert it.status == "1 of 12 shown, 0 selected"
    it.page.fill("#search", "no such thing")
    assert it.status == "0 of 12 shown, 0 selected"
    assert it.page.is_visible("#none")
    it.page.click("text=Reset")
    it.page.wait_for_function("document.getElementById('status').textContent.startsWith('12')")


def test_filters_by_score_domain_alerts_cluster_and_selection_work_together(visit, folder):
    it = visit()
    rows = read_hits(folder / "hits.csv")[1:]
    scores = {int(row[0]): float(row[1]) for row in rows}
    it.page.fill("#low", "5")
    it.page.fill("#high", "11")
    assert it.ranks() == [rank for rank in scores if 5 <= scores[rank] <= 11]
    it.page.fill("#low", "")
    it.page.fill("#high", "")
    it.page.check("#inside")
    assert it.ranks() == [rank for rank in scores if (rank - 1) % 4 != 0]
    it.page.check("#clean")
    wanted = [rank for rank in scores if (rank - 1) % 4 and (rank - 1) % 5]
    assert it.ranks() == wanted
    it.page.select_option("#cluster", "1")
    assert it.ranks() == [rank for rank in wanted if (rank - 1) % 3 == 1]
    it.page.select_option("#cluster", "")
    it.pick(wanted[0])
    it.page.check("#picked")
    assert it.ranks() == wanted[:1]
    assert it.status == "1 of 12 shown, 1 selected"


def test_any_numeric_column_sorts_both_ways(visit, folder):
    it = visit()
    header, *rows = read_hits(folder / "hits.csv")
    options = it.page.locator("#sort option").all_inner_texts()
    assert options[:2] == ["rank", "score"]
    assert {"size_std", "size_low", "nearest_similarity", "logP", "cluster"} <= set(options)
    assert not {"in_domain", "alerts", "nearest_smiles", "smiles", "id", "line"} & set(options)
    for column in ("score", "logP", "cluster"):
        at = header.index(column)
        for order, sign in (("ascending", 1), ("descending", -1)):
            it.page.select_option("#sort", label=column)
            it.page.select_option("#order", label=order)
            wanted = sorted(rows, key=lambda row: (sign * float(row[at]), int(row[0])))
            assert it.ranks() == [int(row[0]) for row in wanted]


def test_what_is_exported_is_what_hits_csv_holds(visit, folder):
    it = visit()
    name, text = it.save("csv")
    assert name == "hits-shown.csv"
    assert text.encode() == (folder / "hits.csv").read_bytes()
    it.pick(2)
    it.pick(5)
    name, text = it.save("csv")
    assert name == "hits-selected.csv"
    found = list(csv.reader(io.StringIO(text)))
    assert [row[0] for row in found] == ["rank", "2", "5"]
    for row in list(csv.reader(io.StringIO((folder / "hits.csv").read_text("utf-8")))):
        assert not any(cell.startswith(("=", "@", "+", "-2+")) for cell in row)
    assert it.page.inner_text("#done") == "2 saved as hits-selected.csv"


def test_exported_smiles_are_one_line_a_hit_in_the_order_shown(visit, folder):
    it = visit()
    it.page.select_option("#order", label="descending")
    name, text = it.save("smi")
    assert name == "hits-shown.smi"
    header, *rows = read_hits(folder / "hits.csv")
    at = header.index("smiles")
    lines = text.splitlines()
    assert [line.split("\t")[0] for line in lines] == [row[at] for row in rows[::-1]]
    assert any(line.endswith("\ttwo lines and more") for line in lines)


def test_an_exported_sdf_is_read_by_rdkit_with_every_column(visit, folder):
    it = visit()
    name, text = it.save("sdf")
    assert name == "hits-shown.sdf"
    header, *rows = read_hits(folder / "hits.csv")
    supplier = Chem.SDMolSupplier()
    supplier.SetData(text)
    mols = list(supplier)
    assert len(mols) == 12
    for mol, row in zip(mols, rows, strict=True):
        cells = dict(zip(header, row, strict=True))
        wanted = Chem.CanonSmiles(cells["smiles"])
        assert Chem.MolToSmiles(mol) == wanted
        assert not mol.GetConformer().Is3D()
        assert mol.GetNumAtoms() == 1 or any(p.x or p.y for p in _points(mol))
        assert mol.GetProp("score") == cells["score"]
        assert mol.GetProp("in_domain") == cells["in_domain"]
        assert mol.GetProp("id").strip() == " ".join(cells["id"].split())


def test_a_hit_without_a_structure_is_left_out_of_the_sdf_and_it_is_said(visit, folder):
    text = (folder / "hits.csv").read_text(encoding="utf-8")
    assert "CCCCCCCC," in text
    hostile = "</script><svg/onload=alert(3)>,"
    (folder / "hits.csv").write_text(text.replace("CCCCCCCC,", hostile, 1), encoding="utf-8")
    rebuild_report(folder)
    it = visit()
    _, sdf = it.save("sdf")
    assert sdf.count("\n$$$$\n") == 11
    said = it.page.inner_text("#done")
    assert said == "11 saved as hits-shown.sdf; 1 without a structure left out"
    assert "</script><svg/onload" in it.save("smi")[1]


def _points(mol):
    return [mol.GetConformer().GetAtomPosition(i) for i in range(mol.GetNumAtoms())]


def test_selecting_all_shown_and_clearing_is_told(visit):
    it = visit()
    it.page.fill("#search", "plain")
    it.page.click("#all")
    assert it.status == "2 of 12 shown, 2 selected"
    it.page.fill("#search", "</script>")
    assert it.status == "1 of 12 shown, 2 selected (2 of them not shown)"
    assert it.page.inner_text("#what") == "Export the selected as"
    it.page.click("#clear")
    assert it.status == "1 of 12 shown, 0 selected"


def test_the_map_leads_to_the_cards_with_mouse_and_keyboard(visit):
    it = visit()
    assert it.page.locator(".point").count() == 12
    assert it.page.locator(".point[tabindex='0']").count() == 1
    it.page.focus("#point-1")
    it.page.keyboard.press("ArrowRight")
    assert it.page.evaluate("document.activeElement.id") == "point-2"
    it.page.keyboard.press("Enter")
    assert it.page.evaluate("document.querySelector(':target').id") == "hit-2"
    it.page.fill("#search", "plain")
    assert it.page.locator(".point:visible").count() == 2


def test_everything_is_reached_by_the_tab_key_and_has_a_name(visit):
    it = visit()
    seen = []
    it.page.keyboard.press("Tab")
    assert it.page.inner_text(":focus") == "Skip to the hits"
    for _ in range(70):
        it.page.keyboard.press("Tab")
        at = it.page.evaluate("document.activeElement.id || document.activeElement.tagName")
        seen.append(at)
    wanted = [
        "search",
        "low",
        "high",
        "cluster",
        "sort",
        "order",
        "inside",
        "clean",
        "picked",
        "why",
    ]
    at = seen.index("search")
    assert seen[at : at + len(wanted)] == wanted
    assert {"all", "clear", "csv", "smi", "sdf", "SUMMARY"} <= set(seen)
    for role in ("searchbox", "spinbutton", "combobox", "checkbox", "button"):
        for node in it.page.get_by_role(role).all():
            assert node.evaluate("e => (e.labels?.[0]?.innerText || e.innerText).trim()")
    assert it.page.get_by_role("checkbox", name="select plain 11").count() == 1
    assert it.page.get_by_role("status").count() == 2


def test_colours_can_be_switched_off(visit):
    it = visit()
    assert it.page.locator(".why ellipse:visible").count() > 12
    it.page.uncheck("#why")
    assert it.page.locator(".why ellipse:visible").count() == 0
    assert it.page.locator(".hit-card svg:visible").count() == 12


def test_print_hides_the_controls_and_keeps_the_filter(visit):
    it = visit()
    it.page.fill("#search", "plain")
    it.page.emulate_media(media="print")
    assert len(it.ranks()) == 2
    for control in ("#tools", ".bar", ".pick"):
        assert it.page.locator(control).first.is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_structures_lie_on_a_light_ground_in_both_schemes(visit, scheme):
    it = visit(color_scheme=scheme)

    def light(selector):
        colour = it.page.evaluate(
            "selector => getComputedStyle(document.querySelector(selector)).backgroundColor",
            selector,
        )
        return min(map(int, colour[4:-1].split(", "))) > 200

    assert light(".structure")
    assert light("body") == (scheme == "light")


def test_without_script_everything_is_there_but_the_controls(visit):
    it = visit(java_script_enabled=False)
    assert it.page.locator(".hit-card:visible").count() == 12
    assert it.page.locator("#tools").is_hidden()
    assert it.page.locator(".pick").first.is_hidden()
    assert it.page.locator(".point").count() == 12


def test_a_folder_written_before_there_was_more_to_show_opens_too(visit, folder):
    (folder / "page.json").unlink()
    hits, manifest = folder / "hits.csv", folder / "manifest.json"
    assert hits.exists()
    assert manifest.exists()
    rebuild_report(folder)
    it = visit()
    assert it.status == "12 of 12 shown, 0 selected"
    assert it.page.locator(".map").count() == 0
    assert it.page.locator("#why").count() == 0
