from __future__ import annotations

import logging
import threading

import numpy as np
import pytest

from sklearn_csg2a.chem import _conformers as module
from sklearn_csg2a.chem import embed_conformer, embed_conformers
from sklearn_csg2a.chem._conformers import _Settings
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError

BRIDGED = "C1CC2(CC1)[C@@H]3C[C@H]2C3"  # no geometry has these stereo centers
ESTER = "CCCCCCCCCCCC(=O)OCCCCCCCCCCCCC"
SCOPOLAMINE = "CN1C2CC(CC1C1C2O1)OC(=O)C(CO)c1ccccc1.Br"


@pytest.fixture(autouse=True)
def _empty_memory():
    module._MEMORY.clear()
    yield
    module._MEMORY.clear()


def _count_searches(monkeypatch):
    calls = []
    embed = module._embed

    def counting(canonical, settings):
        calls.append(canonical)
        return embed(canonical, settings)

    monkeypatch.setattr(module, "_embed", counting)
    return calls


def _fail_searches(monkeypatch, *, when=lambda parameters: True):
    search = module._search

    def failing(canonical, parameters):
        return None if when(parameters) else search(canonical, parameters)

    monkeypatch.setattr(module, "_search", failing)


@pytest.mark.parametrize(
    ("smiles", "n_heavy"),
    [
        (ESTER, 27),
        (SCOPOLAMINE, 23),
        ("N.N.Cl[Pt]Cl", 5),
        ("[Na+].[Cl-]", 2),
        ("C", 1),
        ("[2H]C([2H])([2H])O", 2),
        (BRIDGED, 9),
    ],
)
def test_P20_there_is_one_row_per_heavy_atom(smiles, n_heavy):
    conformer = embed_conformer(smiles)
    assert conformer.coordinates.shape == (n_heavy, 3)
    assert np.isfinite(conformer.coordinates).all()


def test_P20_ladder_goes_to_random_and_then_to_flat_coordinates(monkeypatch):
    assert embed_conformer("CCO").method == "etkdg"
    _fail_searches(monkeypatch, when=lambda parameters: not parameters.useRandomCoords)
    assert embed_conformer("CCO").method == "random"
    _fail_searches(monkeypatch)
    flat = embed_conformer("CCO")
    assert flat.method == "2d"
    assert flat.coordinates.shape == (3, 3)
    np.testing.assert_array_equal(flat.coordinates[:, 2], 0)


def test_P20_impossible_geometry_is_drawn_flat():
    assert embed_conformer(BRIDGED).method == "2d"


def test_bond_lengths_are_those_of_a_molecule():
    c1, c2, o = embed_conformer("CCO").coordinates
    assert np.linalg.norm(c1 - c2) == pytest.approx(1.52, abs=0.03)
    assert np.linalg.norm(c2 - o) == pytest.approx(1.41, abs=0.03)
    assert np.linalg.norm(c1 - o) == pytest.approx(2.40, abs=0.1)


def test_each_seed_has_its_own_coordinates():
    seeds = (0, 1, 2, 2**31 - 3)
    found = [embed_conformer("CCCCCO", seed=seed).coordinates for seed in seeds]
    again = embed_conformer("CCCCCO", seed=0).coordinates
    np.testing.assert_array_equal(found[0], again)
    assert len({one.tobytes() for one in found}) == len(seeds)


def test_P21_too_many_atoms_are_refused():
    with pytest.raises(InputError, match=r"'CCCCC' has 5.*raise max_atoms"):
        embed_conformer("CCCCC", max_atoms=4)
    with pytest.raises(InputError, match="2 compounds exceed max_atoms=2"):
        embed_conformers(["CC", "CCC", "CCO"], max_atoms=2)


def test_P21_search_is_left_when_time_is_up(monkeypatch, tmp_path, caplog):
    release = threading.Event()
    monkeypatch.setattr(module, "_search", lambda *_: release.wait())
    with caplog.at_level(logging.WARNING, logger="sklearn_csg2a"):
        [conformer] = embed_conformers(["CCO"], timeout=1, cache_dir=tmp_path)
    release.set()  # the search would have gone on until here
    assert (conformer.method, conformer.timed_out) == ("2d", True)
    assert "'CCO'" in caplog.text
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    assert embed_conformers(["CCO"])[0].method == "etkdg"


@pytest.mark.parametrize(
    "setting",
    [{"seed": -1}, {"seed": 2**32}, {"max_attempts": 0}, {"timeout": 0}, {"seed": 1.5}],
)
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(InputError, match=next(iter(setting))):
        embed_conformer("CCO", **setting)


def test_invalid_smiles_is_refused():
    with pytest.raises(InvalidSmilesError, match="white space"):
        embed_conformers(["CCO", "CCO "])


def test_each_distinct_compound_is_searched_once(monkeypatch):
    calls = _count_searches(monkeypatch)
    found = embed_conformers(["CCO", "CCCN", "OCC", "CCO"])
    assert sorted(calls) == ["CCCN", "CCO"]
    assert [len(one.coordinates) for one in found] == [3, 4, 3, 3]
    embed_conformers(["C(O)C"])
    assert len(calls) == 2
    embed_conformers(["CCO"], seed=1)
    assert len(calls) == 3


def test_P22_cache_on_disk_gives_the_same_bits(monkeypatch, tmp_path):
    [first] = embed_conformers([ESTER], cache_dir=tmp_path)
    module._MEMORY.clear()
    calls = _count_searches(monkeypatch)
    [kept] = embed_conformers([ESTER], cache_dir=tmp_path)
    assert not calls
    assert kept.method == first.method
    np.testing.assert_array_equal(kept.coordinates, first.coordinates)
    assert not kept.coordinates.flags.writeable


def test_what_is_in_memory_also_reaches_the_disk(tmp_path):
    embed_conformers(["CCO"])
    embed_conformers(["CCO"], cache_dir=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data[:200] + bytes([data[200] ^ 255]) + data[201:],
        lambda data: b"\x80\x04N.",
    ],
    ids=["empty", "truncated", "flipped", "pickle"],
)
def test_P22_damaged_entry_is_computed_again(monkeypatch, tmp_path, damage):
    [first] = embed_conformers(["CCO"], cache_dir=tmp_path)
    [file] = tmp_path.iterdir()
    sound = file.read_bytes()
    file.write_bytes(damage(sound))
    module._MEMORY.clear()
    calls = _count_searches(monkeypatch)
    [again] = embed_conformers(["CCO"], cache_dir=tmp_path)
    assert calls == ["CCO"]
    np.testing.assert_array_equal(again.coordinates, first.coordinates)
    assert [one.name for one in tmp_path.iterdir()] == [file.name]
    with np.load(file, allow_pickle=False) as entry:
        np.testing.assert_array_equal(entry["coordinates"], first.coordinates)


def test_P22_entry_of_another_compound_is_not_believed(tmp_path):
    embed_conformers(["CCO"], cache_dir=tmp_path)
    [file] = tmp_path.iterdir()
    key = _Settings(0, 20, 60, 200).key("CCN")
    file.rename(tmp_path / f"{key}.npz")
    module._MEMORY.clear()
    [found] = embed_conformers(["CCN"], cache_dir=tmp_path)
    np.testing.assert_array_equal(found.coordinates, embed_conformer("CCN").coordinates)


def test_P22_key_depends_on_compound_settings_and_rdkit(monkeypatch):
    keys = {
        _Settings(0, 20, 60, 200).key("CCO"),
        _Settings(0, 20, 60, 200).key("CCN"),
        _Settings(1, 20, 60, 200).key("CCO"),
        _Settings(0, 21, 60, 200).key("CCO"),
    }
    monkeypatch.setattr(module.rdkit, "__version__", "0")
    keys.add(_Settings(0, 20, 60, 200).key("CCO"))
    assert len(keys) == 5
    assert _Settings(0, 20, 5, 90).key("CCO") in keys  # these decide no result


@pytest.mark.slow
def test_P22_number_of_processes_does_not_matter():
    smiles = [ESTER, "CCO", "c1ccccc1", SCOPOLAMINE]
    serial = embed_conformers(smiles)
    module._MEMORY.clear()
    parallel = embed_conformers(smiles, n_jobs=2)
    for one, other in zip(serial, parallel, strict=True):
        np.testing.assert_array_equal(one.coordinates, other.coordinates)
