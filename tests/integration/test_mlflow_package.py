import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_folder_named_mlflow_does_not_hide_the_installed_package() -> None:
    code = "import mlflow; print(mlflow.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    found = Path(done.stdout.strip())
    assert "site-packages" in found.parts
    assert not found.is_relative_to(ROOT / "mlflow")


def test_the_folder_named_mlflow_holds_no_python_at_its_top() -> None:
    assert (ROOT / "mlflow" / "MLproject").is_file()
    assert list((ROOT / "mlflow").glob("*.py")) == []
