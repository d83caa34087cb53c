from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOK = Path(__file__).parent.parent.parent / "docs/models.ipynb"


def test_the_notebook_is_committed_without_what_it_once_said() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell for cell in code if cell.outputs or cell.execution_count] == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_REGISTRY", str(tmp_path / "models"))
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    client = nbclient.NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    said = {cell.id: "".join(str(output) for output in cell.outputs) for cell in notebook.cells if "outputs" in cell}
    assert "the first alarm after that rings 2026-05-01 06:1" in said["cell-7"]
    assert "vibration_rms" in said["cell-8"]
    assert "image/png" in said["cell-9"]
    assert "all_ones_f1" in said["cell-11"]
    assert [text for text in said.values() if "Warning" in text] == []
