from __future__ import annotations

import errno
import pickle

import numpy as np
import pytest

from sklearn_csg2a.chem import _cache
from sklearn_csg2a.chem._cache import ArrayStore, MemoryCache, content_hash


def test_memory_cache_drops_what_was_unused_for_longest():
    cache = MemoryCache(max_bytes=3)
    for key in "abc":
        cache.put(key, key.upper(), 1)
    assert cache.get("a") == "A"
    cache.put("d", "D", 1)
    assert [cache.get(key) for key in "abcd"] == ["A", None, "C", "D"]
    cache.put("large", "x", 4)
    assert len(cache) == 0


def test_memory_cache_counts_a_replaced_entry_once():
    cache = MemoryCache(max_bytes=2)
    for value in range(5):
        cache.put("a", value, 1)
    cache.put("b", "B", 1)
    assert (cache.get("a"), cache.get("b")) == (4, "B")


def test_a_pickled_memory_cache_is_empty():
    cache = MemoryCache(max_bytes=7)
    cache.put("a", 1, 1)
    travelled = pickle.loads(pickle.dumps(cache))
    assert (travelled.max_bytes, len(travelled)) == (7, 0)


def test_content_hash_ignores_the_order_of_names():
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})


def test_the_store_returns_what_was_stored(tmp_path):
    store = ArrayStore(tmp_path / "new" / "folder")
    assert store.load("k") is None
    store.store("k", {"x": np.arange(3.0)})
    np.testing.assert_array_equal(store.load("k")["x"], [0, 1, 2])


def test_store_never_reads_a_pickle(tmp_path):
    np.savez(tmp_path / "k.npz", key=np.asarray("k"), x=np.array([{}], dtype=object))
    assert ArrayStore(tmp_path).load("k") is None


def test_store_notices_flipped_bytes(tmp_path):
    store = ArrayStore(tmp_path)
    store.store("k", {"x": np.arange(4.0)})
    file = store.path("k")
    sound = file.read_bytes()
    for place in range(0, len(sound), 3):
        file.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        found = store.load("k")
        assert (
            found is None
            or found.get("x") is None
            or (found["x"].tolist() == [0, 1, 2, 3])
        )


def test_store_leaves_nothing_behind_and_goes_on_when_writing_fails(
    tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "no space")

    store = ArrayStore(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", fail)
        with pytest.warns(UserWarning, match=f"cache in {tmp_path} .*No space"):
            store.store("k", {"x": np.arange(3)})
        store.store("l", {"x": np.arange(3)})  # says it once
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(_cache, "_UNWRITABLE", {})
    store.store("k", {"x": np.arange(3)})
    assert store.load("k") is not None


def test_a_folder_that_cannot_be_made_is_gone_on_without(tmp_path):
    (tmp_path / "file").touch()
    store = ArrayStore(tmp_path / "file" / "cache")
    with pytest.warns(UserWarning, match="file/cache cannot be written"):
        store.store("k", {"x": np.arange(3)})
    assert store.load("k") is None
