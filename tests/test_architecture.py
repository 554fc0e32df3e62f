"""The plan of the house (rooms, floor, roof) is kept; imports are parsed, not run."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("detector", "extractor", "matcher", "generator", "replacer")
FLOOR = {
    "pipeline.contract",
    "pipeline.errors",
    "pipeline.geometry",
    "pipeline.memory",
    "pipeline.network_cache",
    "pipeline.networks",
    "pipeline.onnx_graph",
    "pipeline.onnx_runtime",
    "pipeline.onnx_writing",
}
OFFLINE = {
    "generator/network.py",
    "generator/dataset.py",
    "generator/train.py",
    "generator/checkpoint.py",
    "generator/export.py",
    "generator/hardware.py",
    "generator/average.py",
    "generator/holding.py",
    "generator/losses.py",
    "generator/moving.py",
    "generator/perception.py",
    "extractor/vggface.py",
    "extractor/dlib_keras.py",
    "extractor/train.py",
    "extractor/export.py",
    "replacer/glasses_training.py",
}
LONGEST = 300
NOT_OURS = {".git", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}

MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for room in (*ROOMS, "pipeline")
    for path in (ROOT / room).rglob("*.py")
)


def imports(tree: ast.AST, package: str = "") -> Iterator[str]:
    """The full name of every imported module, and of every name imported from one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package.split(".")[: -node.level + 1 or None]) if node.level else ""
            module = ".".join(part for part in (start, node.module or "") if part)
            yield from (f"{module}.{alias.name}" for alias in node.names)


def forbidden(module: str, source: str) -> list[str]:
    """What the file `module` (its path) imports although its place in the house forbids it."""
    room, here = module.split("/")[0], module.removesuffix(".py").replace("/", ".")
    found = []
    for name in imports(ast.parse(source), here.rpartition(".")[0]):
        top = name.split(".")[0]
        if top in {"keras", "tensorflow"}:
            allowed = module in OFFLINE
        elif top not in (*ROOMS, "pipeline"):
            allowed = True
        elif room in ROOMS or here in FLOOR:  # the floor must not lean on the roof it carries
            on_floor = any(f"{name}.".startswith(f"{part}.") for part in FLOOR)
            allowed = on_floor or top == room != "pipeline"
        else:
            allowed = True
        if not allowed:
            found.append(name)
    return found


def prints(source: str) -> list[int]:
    """The lines that call print."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [c.lineno for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_place_allows(module: str) -> None:
    assert forbidden(module, (ROOT / module).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("detector/a.py", "import extractor.b", ["extractor.b"]),
        ("detector/a.py", "def f():\n    from matcher import b", ["matcher.b"]),
        ("detector/a.py", "from ..replacer import b", ["replacer.b"]),
        ("detector/a.py", "from pipeline import chain", ["pipeline.chain"]),
        ("detector/a.py", "import pipeline", ["pipeline"]),
        ("detector/a.py", "from pipeline.contract import Faces\nfrom pipeline import errors", []),
        ("detector/a.py", "from detector import b\nfrom . import c", []),
        ("pipeline/chain.py", "import detector.a, keras", ["keras"]),
        (
            "pipeline/errors.py",
            "from pipeline.settings import Settings",
            ["pipeline.settings.Settings"],
        ),
        ("generator/deconv.py", "from tensorflow import keras", ["tensorflow.keras"]),
        ("generator/train.py", "import keras", []),
    ],
)
def test_a_forbidden_import_is_seen(module: str, source: str, found: list[str]) -> None:
    assert forbidden(module, source) == found


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_short_enough_to_read(module: str) -> None:
    assert len((ROOT / module).read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("module", [m for m in MODULES if m != "pipeline/cli.py"])
def test_only_the_command_line_prints(module: str) -> None:
    assert prints((ROOT / module).read_text(encoding="utf-8")) == []


def test_a_print_is_seen() -> None:
    assert prints("x = 1\nprint(x)\nlog.print(x)") == [2]


@pytest.mark.parametrize("package", [*ROOMS, "pipeline"])
def test_the_init_file_is_empty(package: str) -> None:
    assert (ROOT / package / "__init__.py").read_text(encoding="utf-8") == ""


def test_the_command_line_loads_no_training_library() -> None:
    code = (
        "import sys, pipeline.cli\n"
        "sys.exit(' '.join({'keras', 'tensorflow', 'torch', 'ray'} & set(sys.modules)) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def ours() -> Iterator[Path]:
    """The files of the repository; what git ignores by folder is left out."""
    for path in ROOT.iterdir():
        if path.is_file():
            yield path
        elif path.name not in NOT_OURS | {"in", "out"}:
            yield from (
                inner
                for inner in path.rglob("*")
                if inner.is_file()
                and not NOT_OURS.intersection(inner.parts)
                and (ROOT / "DB" / "local") not in inner.parents
            )


def test_no_file_names_a_package_index() -> None:
    """Where packages come from is the machine's affair: its pip is configured, we are not."""
    words = (
        "py" + "pi.org",
        "python" + "hosted",
        "index" + "-url",
        "find" + "-links",
        "uv" + ".lock",
    )
    pattern = re.compile("|".join(re.escape(word) for word in words))
    found = []
    for path in ours():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a model or a picture
            continue
        text = text.replace("--no-emit-index" + "-url", "")  # scripts/lock.sh
        if pattern.search(text) or (path.suffix == ".lock" and "://" in text):
            found.append(path.relative_to(ROOT).as_posix())
    assert found == []


@pytest.mark.parametrize("name", ["run", "test", "carriers"])
def test_every_locked_package_has_a_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    packages = re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]
    assert packages
    assert [p.split()[0] for p in packages if "--hash=sha256:" not in p] == []


def test_the_test_lock_holds_the_run_lock() -> None:
    pins = [
        set(re.findall(r"^\S+==\S+", (ROOT / "requirements" / f"{name}.lock").read_text(), re.M))
        for name in ("run", "test")
    ]
    assert pins[0] <= pins[1]
