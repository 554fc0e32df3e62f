"""A job as one closed set: every file is analysed before the first is planned or written."""

from collections.abc import Iterator

from pipeline import chain, job, k_same
from pipeline.analysis import Analysis, analyse, digest
from pipeline.chain import Step
from pipeline.errors import MediaError
from pipeline.job import Task
from pipeline.k_same import Outcome
from pipeline.planning import Plan
from pipeline.rooms import Rooms
from pipeline.settings import Settings


class ClosedSet:
    """The files of one job under `--scheme k-same K`; afterwards `outcome` tells of the groups."""

    def __init__(self, tasks: list[Task], rooms: Rooms, settings: Settings, k: int) -> None:
        k_same.check(settings)
        job.refuse_skipped(tasks, "--scheme k-same")
        self._tasks = [task for task in tasks if task.source is not None]
        self._rooms, self._settings, self._k = rooms, settings, k
        self.outcome = Outcome(k)

    def run(self, salt: bytes) -> Iterator[tuple[Task, Step]]:
        """Analyse all, plan all, render all; states, seconds and reports as after `job.run`.

        Raises SettingsError, before anything is written, where the persons are too few.
        """
        analyses: list[tuple[Task, Analysis]] = []
        for task in self._tasks:
            yield from ((task, step) for step in self._analysed(task, analyses))
        plans, self.outcome = k_same.plans(
            [analysis for _, analysis in analyses], self._rooms, self._settings, self._k, salt
        )
        for (task, analysis), plan in zip(analyses, plans, strict=True):
            yield from ((task, step) for step in self._rendered(task, analysis, plan))

    def _analysed(self, task: Task, done: list[tuple[Task, Analysis]]) -> Iterator[Step]:
        assert task.source is not None
        with job.accounted(task):
            analysis = Analysis(b"")
            for analysis in analyse(task.source, self._rooms, self._settings):
                yield Step("analyse", analysis.frames)
            done.append((task, analysis))

    def _rendered(self, task: Task, analysis: Analysis, plan: Plan) -> Iterator[Step]:
        assert task.source is not None
        with job.accounted(task):
            if digest(task.path) != analysis.digest:
                raise MediaError(f"{task.path}: changed while the job ran; run it again")
            job.prepare(task.target.parent)
            planned = analysis, plan
            if task.report.recorder is not None:
                task.report.recorder.guarantee = self.outcome.record()
            yield from chain.render(
                task.source, task.target, planned, self._rooms, self._settings, task.report
            )
            task.state = "done"
