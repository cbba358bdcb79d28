"""A deadline ends a process even while RDKit works in C++, and costs ordinary molecules nothing."""

import subprocess
import sys
import time

from molgnn.chem import deadline

CODE = """
import sys
from molgnn.chem.deadline import end_after
from molgnn.chem.graph import featurize, route
route()
end_after(float(sys.argv[1]))
texts = sys.stdin.read().split()
for recipe in ("none", "neutral"):  # the quick way and the plain one
    print(len(featurize(texts, recipe)[1]), flush=True)
"""


def run(seconds, texts):
    start = time.monotonic()
    command = [sys.executable, "-c", CODE, str(seconds)]
    done = subprocess.run(command, input=" ".join(texts), capture_output=True, text=True)
    return done, time.monotonic() - start


def test_a_process_ends_at_a_molecule_that_takes_too_long(slow_smiles):
    done, seconds = run(0.5, ["CC", slow_smiles, "C"])
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert seconds > 0.5


def test_many_molecules_may_take_longer_than_one():
    done, seconds = run(0.2, ["C1CCCC1" * 5] * 1200)
    assert done.stdout.split() == ["1200", "1200"]
    assert seconds > 0.2


def test_without_a_deadline_the_texts_pass_as_they_are():
    texts = ["C"]
    assert deadline.each(texts) is texts
