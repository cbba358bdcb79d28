"""A screen on a Ray cluster ends with the bytes of one without, whatever dies on the way."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from molgnn.errors import Refusal
from molgnn.screen import fleet
from molgnn.screen.cluster import pool_of
from molgnn.screen.pipeline import screen

ROOT = Path(__file__).parents[2]
CHUNK, SHARD = 256, 1024
with_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")


@pytest.fixture(scope="module", autouse=True)
def a_token_of_our_own():
    """So that nobody else can join what the tests start, and Ray writes none to the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        yield


def test_engines_and_their_options_are_checked_at_once(monkeypatch):
    assert pool_of("local", None, 0, None) is None
    for wrong, message in {
        ("dask", None, None): "unknown engine 'dask': choose one of local, ray",
        ("local", "auto", None): "--address auto: only a Ray cluster has one: add --engine ray",
        ("ray", None, 0): "--workers 0: --engine ray needs one or more",
    }.items():
        with pytest.raises(Refusal, match=f"^{message}$"):
            pool_of(*wrong, None)
    monkeypatch.setattr("molgnn.screen.cluster.find_spec", lambda name: None)
    with pytest.raises(Refusal, match=r"pip install 'ray>=2.40'"):
        pool_of("ray", None, None, None)


def test_a_node_with_other_software_is_refused():
    here = fleet.software()
    fleet.check_same_software(here, dict(here), "n1")
    with pytest.raises(Refusal, match=r"^node n1 has rdkit 1\.0, this process .* on every node"):
        fleet.check_same_software(here, here | {"rdkit": "1.0"}, "n1")


@with_ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999", "no"])
def test_a_wrong_address_is_one_line(fake_model, library, tmp_path, address):
    with pytest.raises(Refusal) as refusal:
        screen(fake_model(), library, out=tmp_path / "out", engine="ray", address=address)
    assert address in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def drugs(tmp_path):
    """Some thousand molecules, and rows that are none."""
    lines = (ROOT / "data" / "approved_drugs.smi").read_text().splitlines()
    path = tmp_path / "drugs.smi"
    path.write_text("\n".join([*lines, "c1ccccx bad", "", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def solubility():
    from molgnn.models.bundle import load_bundle

    return load_bundle("solubility", device="cpu")


@contextmanager
def nodes(*cpus):
    """A cluster on this machine: a head without CPUs, where nothing runs, and other nodes."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        yield cluster, [cluster.add_node(num_cpus=count) for count in cpus]
    finally:
        cluster.shutdown()


def screened(model, library, out, progress=None, **options):
    options = {"top": 20, "chunk": CHUNK, "shard": SHARD} | options
    return screen(model, library, out=out, progress=progress, **options).manifest


def assert_same(one, two):
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in two.iterdir())
    for name in set(names) - {"manifest.json"}:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    facts = [json.loads((folder / "manifest.json").read_text()) for folder in (one, two)]
    for each in facts:
        each.pop("run")
    assert facts[0] == facts[1]


def once(action, rows=1500):
    """A progress that acts when so many rows are done; ``acted`` says that it did."""

    def progress(done):
        if done >= rows and not progress.acted:
            progress.acted = True
            action()

    progress.acted = False
    return progress


def actor_pids():
    """Processes that this one started, by way of others, in which an actor works: Ray renames them.
    Those of other people's clusters stay alone."""
    found = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True).stdout
    lines = [line.split(maxsplit=2) for line in found.splitlines()[1:]]
    parents = {int(pid): int(parent) for pid, parent, _ in lines}
    actors = [int(pid) for pid, _, name in lines if name.startswith("ray::ActorWorker")]
    return [pid for pid in actors if os.getpid() in ancestors(pid, parents)]


def ancestors(pid, parents):
    while pid in parents:
        pid = parents[pid]
        yield pid


def alive(pids):
    """Those of the processes that are there yet, a second later: ends take a moment."""
    time.sleep(1)
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@with_ray
@pytest.mark.cluster
def test_a_ray_of_our_own_gives_the_same_and_ends(solubility, drugs, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    screened(solubility, drugs, tmp_path / "local", workers=0)
    actors = []
    look = once(lambda: actors.extend(actor_pids()))
    screened(solubility, drugs, tmp_path / "ray", look, workers=2, engine="ray")
    assert_same(tmp_path / "local", tmp_path / "ray")
    assert signal.getsignal(signal.SIGTERM) is before
    assert len(actors) == 2
    assert not alive(actors)


@with_ray
@pytest.mark.cluster
def test_a_node_killed_in_the_middle_does_not_change_a_byte(
    solubility, drugs, tmp_path, monkeypatch
):
    screened(solubility, drugs, tmp_path / "local", workers=0)
    looked_at = []  # a lost node is no reason to look at each row

    def look(rows, **_):
        looked_at.append(rows)
        return rows

    monkeypatch.setattr("molgnn.data.pool.workers.without_culprits", look)
    with nodes(1, 1) as (cluster, (_, lost)):
        kill = once(lambda: cluster.remove_node(lost, allow_graceful=False))
        out = tmp_path / "ray"
        screened(solubility, drugs, out, kill, engine="ray", address=cluster.address)
    assert kill.acted
    assert looked_at == []
    assert_same(tmp_path / "local", out)


@with_ray
@pytest.mark.cluster
def test_a_node_that_joins_takes_over_from_one_that_was_killed(solubility, drugs, tmp_path):
    screened(solubility, drugs, tmp_path / "local", workers=0)
    with nodes(1) as (cluster, (lost,)):

        def swap():
            cluster.remove_node(lost, allow_graceful=False)
            cluster.add_node(num_cpus=1)

        swapped = once(swap)
        out = tmp_path / "ray"
        screened(solubility, drugs, out, swapped, engine="ray", address=cluster.address)
    assert swapped.acted
    assert_same(tmp_path / "local", out)


@with_ray
@pytest.mark.cluster
def test_killed_actors_and_a_slow_molecule_cost_no_other_row(
    solubility, drugs, tmp_path, slow_smiles
):
    with drugs.open("a") as file:
        file.write(f"{slow_smiles} slow\n")

    def kill():
        for pid in actor_pids():
            os.kill(pid, signal.SIGKILL)

    options = {"timeout": 3, "workers": 1}
    screened(solubility, drugs, tmp_path / "local", **options)
    killing = once(kill)
    facts = screened(solubility, drugs, tmp_path / "ray", killing, engine="ray", **options)
    assert killing.acted
    assert facts["counts"]["invalid"] == 2
    assert "parsing took longer than 3 s" in (tmp_path / "ray" / "rejects.csv").read_text()
    assert_same(tmp_path / "local", tmp_path / "ray")


@with_ray
@pytest.mark.cluster
@pytest.mark.parametrize("first, then", [("ray", "local"), ("local", "ray")])
def test_what_one_engine_began_the_other_ends(solubility, drugs, tmp_path, first, then):
    actors = []

    def stop():
        actors.extend(actor_pids())
        raise KeyboardInterrupt

    whole, out = tmp_path / "whole", tmp_path / "out"
    screened(solubility, drugs, whole, workers=0)
    with pytest.raises(KeyboardInterrupt):
        screened(solubility, drugs, out, once(stop, 2500), workers=2, engine=first)
    assert len(actors) == (2 if first == "ray" else 0)
    assert not alive(actors)
    facts = screened(solubility, drugs, out, workers=2, engine=then)
    assert facts["run"]["resumed"] >= 2048
    assert_same(whole, out)


@with_ray
@pytest.mark.cluster
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_command_in_one_line_and_leaves_no_actor(drugs, tmp_path, number):
    drugs.write_text(drugs.read_text() * 40)
    words = ["screen", "solubility", drugs, "--out", tmp_path / "out", "--device", "cpu"]
    command = subprocess.Popen(
        [sys.executable, "-m", "molgnn.cli.main", *words, "--engine", "ray", "--workers", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 120
    while not (actors := actor_pids()) and time.monotonic() < until:
        time.sleep(0.5)
    time.sleep(3)
    command.send_signal(number)
    said, told = command.communicate(timeout=60)
    assert (command.returncode, said) == (130, "")
    assert told.splitlines()[-1].startswith("molgnn: interrupted")
    assert "Traceback" not in told
    assert actors
    assert not alive(actors)
