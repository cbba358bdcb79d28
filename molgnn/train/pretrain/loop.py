"""The training loop of an autoencoder: steps that can be gone on with, exactly."""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from molgnn.chem.packed import PackedGraphs
from molgnn.errors import Refusal
from molgnn.models.autoencoder import MoleculeAutoencoder
from molgnn.train.checkpoint import (
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from molgnn.train.fit import learning_rate
from molgnn.train.pretrain.options import PretrainOptions
from molgnn.train.pretrain.stream import Stream
from molgnn.train.pretrain.terms import losses, total, without_padding, work_of
from molgnn.train.pretrain.watch import judged

Report = Callable[[dict], None]


class Pretraining:
    """An autoencoder on its way. What happens in a step depends on the seed and on the step's
    number alone, so that one that goes on from a checkpoint is the same, to the bit.

    Under DDP a batch is dealt to the processes, each of which hides and draws for itself.
    """

    def __init__(
        self, fabric: Fabric, model: MoleculeAutoencoder, stream: Stream, options: PretrainOptions
    ):
        self.fabric, self.stream, self.options, self.module = fabric, stream, options, model
        optim = options.optim
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=optim.lr, weight_decay=optim.weight_decay, fused=True
        )
        self.model, self.optimizer = fabric.setup(model, optimizer)
        self.per_epoch = [stream.steps(epoch) for epoch in range(options.fit.epochs)]
        self.steps, self.step, self.seen, self.seconds = sum(self.per_epoch), 0, 0, 0.0
        self.history: list[dict] = []
        self.pad = fabric.device.type == "cpu" and options.encoder.get("norm") != "batch"

    def run(self, checkpoint: Path, report: Report | None = None) -> None:
        """To the end, from ``checkpoint`` where there is one."""
        if checkpoint.exists():
            self.restore(checkpoint)
        fit, sums, started = self.options.fit, {}, time.perf_counter()
        seen = 0
        for graphs in self._rest():
            for name, value in self.train_step(graphs).items():
                sums[name] = sums.get(name, 0.0) + value
            seen += len(graphs)
            if self.step % fit.log and self.step < self.steps:
                continue
            self.seconds += time.perf_counter() - started
            self.seen += seen
            before = self.history[-1]["step"] if self.history else 0
            row = self._row(sums, self.step - before)
            row["molecules"] = seen / max(1, self.step - before)
            row["molecules_per_second"] = seen / (time.perf_counter() - started)
            last = self.step == self.steps
            if self.step % fit.checkpoint == 0 or last:
                row["valid"] = judged(
                    self.module, self.stream.valid(), self.options.terms, self.fabric.device
                )
                told = {k: v for k, v in row["valid"].items() if isinstance(v, float)}
                self._check_finite(told, "of held-out molecules ")
            self.history.append(row)
            if self.fabric.is_global_zero:
                if report is not None:
                    report(row)
                if self.step % fit.checkpoint == 0 or last:
                    self.save(checkpoint)
            sums, seen, started = {}, 0, time.perf_counter()

    def _rest(self) -> Iterator[PackedGraphs]:
        before = 0
        for epoch, steps in enumerate(self.per_epoch):
            if self.step < before + steps:
                yield from self.stream.batches(epoch, self.step - before)
            before += steps

    def train_step(self, graphs: PackedGraphs) -> dict[str, Tensor]:
        """One step; the terms, unweighted."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        seeds = np.random.SeedSequence([self.options.seed, self.step, rank])
        torch.manual_seed(int(seeds.generate_state(1)[0]))
        mine = graphs if world == 1 else graphs.select(np.arange(len(graphs))[rank::world])
        rng = np.random.default_rng(seeds)
        work = work_of(mine, self.options.terms, rng, self.pad).to(self.fabric.device)
        epoch = self.step / max(1, self.steps) * self.options.fit.epochs
        rate = learning_rate(self.options.optim, epoch, self.options.fit.epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        latents = without_padding(self.model(work.seen), work)
        with self.fabric.autocast():
            found = losses(self.module, latents, work, self.options.terms)
        loss = total(found, self.options.terms, self.step / max(1, self.steps))
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        if self.options.optim.clip:
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.options.optim.clip)
        self.optimizer.step()
        self.step += 1
        return {name: value.detach() for name, value in found.items()}

    def _row(self, sums: dict[str, Tensor], steps: int) -> dict:
        terms = {name: float(value) / max(1, steps) for name, value in sums.items()}
        self._check_finite(terms)
        rate = self.optimizer.param_groups[0]["lr"]
        return {"step": self.step, "steps": self.steps, "lr": rate, "terms": terms}

    def _check_finite(self, figures: dict[str, float], whose: str = "") -> None:
        if not all(map(math.isfinite, figures.values())):
            said = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            loss = f"the loss {whose}is no number ({said})"
            raise Refusal(f"step {self.step}: {loss}: try a lower optim.lr")

    def save(self, path: Path) -> None:
        groups = {
            "model": self.module.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
        }
        state = {name: getattr(self, name) for name in _STATE}
        save_checkpoint(path, groups, state | {"finished": self.step == self.steps})

    def restore(self, path: Path) -> None:
        groups, state = load_checkpoint(path)
        self.module.load_state_dict(groups["model"])
        restore_optimizer(self.optimizer, groups.get("optimizer", {}))
        for name in _STATE:
            setattr(self, name, state[name])


_STATE = ("step", "seen", "seconds", "history")
