"""The progress of a training on stderr: a bar on a terminal, a line now and then elsewhere."""

import sys


class EpochLog:
    """Called with (member, row) after each epoch. Nothing is opened before the first call, so that
    it can travel to another process."""

    def __init__(self, epochs: int):
        self.epochs, self.bar = epochs, None

    def __call__(self, member: int, row: dict) -> None:
        if sys.stderr.isatty():
            self._draw(member, row)
        elif row["epoch"] % max(1, self.epochs // 10) == 0:
            print(f"network {member + 1} epoch {row['epoch']}: {_figures(row)}", file=sys.stderr)

    def _draw(self, member: int, row: dict) -> None:
        if self.bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("epoch {task.completed:.0f}/{task.total:.0f} {task.fields[figures]}"),
                TimeRemainingColumn(),
            )
            self.bar = Progress(*columns, console=Console(stderr=True))
            self.bar.start()
            self.tasks = {}
        if member not in self.tasks:
            name = f"network {member + 1}"
            self.tasks[member] = self.bar.add_task(name, total=self.epochs, figures="")
        self.bar.update(self.tasks[member], completed=row["epoch"], figures=_figures(row))

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()


def _figures(row: dict) -> str:
    valid = "" if row["valid_loss"] is None else f", valid {row['valid_loss']:.4f}"
    speed = f"{row['molecules_per_second']:,.0f} molecules/s"
    return f"loss {row['train_loss']:.4f}{valid}, {speed}"
