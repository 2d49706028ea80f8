"""A progress line with the remaining time of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any, TextIO

from sklearn_csg2a._utils.progress import ProgressLine
from sklearn_csg2a.evaluation.tasks import Failure


class Progress:
    """Count tasks; estimate the remaining time from the mean time of each model."""

    def __init__(
        self,
        tasks: Iterable[Any],
        stored: Iterable[Mapping[str, str]],
        *,
        jobs: int = 1,
        stream: TextIO | None = None,
    ) -> None:
        self.pending = [task.model for task in tasks]
        self.total = len(self.pending)
        self.jobs = jobs
        self.start = monotonic()
        self.line = ProgressLine(self.total, "task", time_left="", stream=stream)
        self.seconds: dict[str, list[float]] = defaultdict(list)
        for row in stored:
            if row["fit_seconds"]:
                self.seconds[row["model"]].append(float(row["fit_seconds"]))

    def show(self, result: Any) -> None:
        """Count a finished task; one line per task if the output is a file."""
        self.pending.remove(result.task.model)
        if isinstance(result, Failure):
            self.say(f"{result.task} failed. {result.error}")
            status = "failed"
        else:
            if "fit_seconds" in result.row:
                self.seconds[result.task.model].append(result.row["fit_seconds"])
            status = describe(result.row)
        done = self.total - len(self.pending)
        note = f"{self.time_left()}; {result.task}: {status}"
        if self.line.is_rewritten:
            self.line.update(done, note)
        else:
            self.say(f"{done}/{self.total}, {note}")

    def time_left(self) -> str:
        """Return the remaining time as text."""
        if not self.pending:
            return f"done in {_clock(monotonic() - self.start)}"
        means = {
            model: sum(taken) / len(taken) for model, taken in self.seconds.items()
        }
        known = sum(means.get(model, 0.0) for model in self.pending)
        about = "about" if set(self.pending) <= set(means) else "more than"
        return f"{about} {_clock(known / min(self.jobs, len(self.pending)))} left"

    def say(self, message: str) -> None:
        """Write a message on a separate line."""
        self.line.write_message(message)

    def finish(self, message: str | None = None) -> None:
        """End the line, and write a message below it."""
        self.line.close()
        if message is not None:
            self.say(message)


def describe(row: Mapping[str, Any]) -> str:
    """Describe the error of a model; a candidate has no skill and may have diverged."""
    if "rmse" not in row:
        return "diverged"
    skill = f", skill {row['skill']:+.3f}" if "skill" in row else ""
    return f"RMSE {row['rmse']:.3f}{skill}"


def _clock(seconds: float) -> str:
    """Format a time as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
