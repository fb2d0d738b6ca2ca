"""Extensions are found by name, one file each, and a name is given once."""

import subprocess
import sys

import pytest

from recsys.errors import ConfigError
from recsys.registry import Registry


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path, monkeypatch):
    registry = Registry("thing", "recsys.metrics")
    registry.register("one")(1)
    registry.register("two")(2)
    with pytest.raises(ConfigError, match="There is no thing 'three'; known are: one, two"):
        registry["three"]


def test_a_name_is_given_once():
    registry = Registry("thing", "recsys.metrics")
    registry.register("one")(1)
    with pytest.raises(ConfigError, match="Two things are registered as 'one'"):
        registry.register("one")(2)


@pytest.mark.parametrize("name", ["", "../secret", "os.path", "a b"])
def test_a_name_that_is_no_module_imports_nothing(name):
    with pytest.raises(ConfigError, match="There is no thing"):
        Registry("thing", "recsys.metrics")[name]


def test_a_recipe_is_found_without_importing_the_others():
    code = "import sys; from recsys.models.recipe import recipes; recipes()['popular']; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
