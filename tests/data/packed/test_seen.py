import numpy as np
import pytest

from molgnn.data.packed import seen
from molgnn.data.packed.packing import KEY, molecule_keys


def keys(numbers):
    return np.frombuffer(b"".join(int(n).to_bytes(16, "little") for n in numbers), dtype=KEY)


def shards(n, size=200):
    rng = np.random.default_rng(1)
    return [rng.integers(0, 700, size) for _ in range(n)]


@pytest.mark.parametrize("block", [1 << 20, 7])
def test_it_answers_as_a_plain_set_does(tmp_path, monkeypatch, block):
    monkeypatch.setattr(seen, "_BLOCK", block)
    known, plain = seen.Seen(tmp_path / "keys", 0), set()
    for number, shard in enumerate(shards(20)):
        expected = []
        for value in shard:
            expected.append(value not in plain)
            plain.add(value)
        fresh = known.unseen(keys(shard))
        assert fresh.tolist() == expected
        known.add(number, keys(shard)[fresh])
    assert len(list((tmp_path / "keys").iterdir())) <= 6


def test_it_goes_on_from_disk_and_forgets_what_came_after(tmp_path):
    first = seen.Seen(tmp_path / "keys", 0)
    for number, shard in enumerate(shards(6)):
        first.add(number, keys(shard))
    for done in (6, 5):
        again = seen.Seen(tmp_path / "keys", done)
        fresh = again.unseen(keys(np.arange(700)))
        held = set(np.concatenate(shards(6)[:done]).tolist())
        assert np.flatnonzero(~fresh).tolist() == sorted(held)
    with pytest.raises(FileNotFoundError, match="no keys of shard 5"):
        seen.Seen(tmp_path / "keys", 6)


def test_no_keys_at_all_are_fine(tmp_path):
    known = seen.Seen(tmp_path / "keys", 0)
    known.add(0, keys([]))
    known.add(1, keys([3]))
    known.add(2, keys([]))
    assert known.unseen(keys([3, 4, 4])).tolist() == [False, True, False]
    assert known.unseen(keys([])).tolist() == []


def test_spellings_of_one_molecule_share_a_key_and_enantiomers_do_not():
    one, two, three, salt = molecule_keys(
        ["C[C@H](N)O", "[C@H](N)(C)O", "C[C@@H](N)O", "Cl.C[C@H](N)O"], "parent"
    )
    assert one == two == salt != three
