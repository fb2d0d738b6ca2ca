"""A bundle is complete and unaltered, or it is refused at load."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from recsys.bundle import MANIFEST, load_bundle, read_manifest
from recsys.errors import BundleError
from recsys.types import query
from support.serve import make_bundle


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("bundle") / "b")


@pytest.fixture
def copy(original, tmp_path):
    import shutil

    return shutil.copytree(original.path, tmp_path / "copy")


def test_a_loaded_bundle_recommends_what_was_written(original):
    slate = original.pipeline.candidates(
        [query(np.array([1, 3, 5], np.int32))], 5, np.ones(40, bool), [np.array([1, 3, 5], np.int32)]
    )[0]
    assert all(item % 2 == 1 for item in slate.items.tolist())


def test_a_bundle_names_every_file_it_holds(original):
    held = {p.relative_to(original.path).as_posix() for p in original.path.rglob("*") if p.is_file()}
    assert held == set(original.manifest.files) | {MANIFEST}


def test_the_same_content_written_twice_within_a_second_is_two_versions(tmp_path, monkeypatch):
    moments = iter(datetime(2024, 1, 1, 12, 0, 0, micro, UTC) for micro in (1, 2))
    monkeypatch.setattr("recsys.bundle.datetime", SimpleNamespace(now=lambda zone: next(moments)))
    recipes = [{"recipe": "popular", "half_life_days": 30.0}]
    first, second = (make_bundle(tmp_path / name, recipes=recipes) for name in "ab")
    assert first.version != second.version
    assert [bundle.version[:17] for bundle in (first, second)] == ["20240101T120000Z-"] * 2


def test_a_bundle_holds_no_user_and_no_pickle(original):
    blob = b"".join(p.read_bytes() for p in original.path.rglob("*") if p.is_file())
    assert b"u01" not in blob
    assert not [p for p in original.path.rglob("*") if p.suffix in (".pkl", ".pickle", ".pt", ".joblib")]


def test_one_flipped_bit_is_refused(copy):
    victim = next(copy.glob("models/*/*.npy"))
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(bytes(data))
    with pytest.raises(BundleError, match=victim.name):
        load_bundle(copy)


def test_a_missing_file_is_refused(copy):
    (copy / "items.arrow").unlink()
    with pytest.raises(BundleError, match=r"lacks items\.arrow"):
        load_bundle(copy)


def test_a_file_that_the_manifest_does_not_name_is_refused(copy):
    (copy / "models" / "extra.npy").write_bytes(b"x")
    with pytest.raises(BundleError, match="extra.npy"):
        load_bundle(copy)


def test_a_link_in_place_of_a_file_is_refused(copy, tmp_path):
    items = copy / "items.arrow"
    items.rename(tmp_path / "elsewhere")
    items.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="items.arrow"):
        load_bundle(copy)


def test_another_format_is_refused_with_both_numbers(copy):
    values = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps({**values, "format": 99}))
    with pytest.raises(BundleError, match="format 99; this version reads format 1"):
        read_manifest(copy)


def test_a_folder_without_manifest_is_no_bundle(tmp_path):
    with pytest.raises(BundleError, match="is not a bundle"):
        load_bundle(tmp_path)


def test_a_bundle_is_never_written_over(original):
    with pytest.raises(BundleError, match="exists already"):
        make_bundle(original.path)
