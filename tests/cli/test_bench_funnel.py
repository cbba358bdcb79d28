"""``molgnn bench funnel`` on a few molecules: the shape of its answer, not the speed."""

import json

from molgnn.cli.bench.funnel import PARTS, RANKS
from molgnn.cli.main import main


def test_bench_funnel_times_every_step(tmp_path, capsys):
    path = tmp_path / "f.json"
    assert main(["bench", "funnel", "--pool", "12", "--top", "3", "--json", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(PARTS) + 1
    figures = json.loads(path.read_text())
    assert set(figures["seconds"]) == {*PARTS, RANKS}
    assert figures["molecules"] == 12
    assert all(seconds > 0 for seconds in figures["seconds"].values())


def test_bench_funnel_refuses_what_it_cannot_time(capsys):
    assert main(["bench", "funnel", "--steps", "dance"]) == 1
    assert "--steps: choose of parse, properties" in capsys.readouterr().err
    assert main(["bench", "funnel", "--pool", "5", "--top", "9"]) == 1
    assert "--top 9: 1 to --pool 5" in capsys.readouterr().err
