"""The training loop of one network."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from molgnn.data.batch import batch_rows
from molgnn.errors import Refusal
from molgnn.models.property import PropertyModel
from molgnn.nn.loss import LevelLoss
from molgnn.train.checkpoint import (
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from molgnn.train.examples import Labelled, mean_loss
from molgnn.train.finetune import FinetuneOptions
from molgnn.train.layers import parameter_groups
from molgnn.train.options import FitOptions, OptimOptions

Progress = Callable[[dict], None]


class Training:
    """One network on its way: weights, optimiser, running average, best weights so far, history.

    Each epoch's order and dropout depend on (seed, epoch) alone, so a training that goes on from a
    checkpoint is the same training, to the bit. ``finetune`` says how an encoder that is pretrained
    goes on, None that it is not.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: PropertyModel,
        loss: LevelLoss,
        optim: OptimOptions,
        options: FitOptions,
        seed: int,
        finetune: FinetuneOptions | None = None,
    ):
        self.fabric, self.optim, self.options, self.seed = fabric, optim, options, seed
        self.module, self.finetune = model, finetune
        if finetune is not None and finetune.mode == "frozen":
            model.encoder.requires_grad_(False)  # before DDP, which waits for every gradient
        groups = parameter_groups(model, finetune)
        optimizer = torch.optim.AdamW(
            groups, lr=optim.lr, weight_decay=optim.weight_decay, fused=True
        )
        self.model, self.optimizer = fabric.setup(model, optimizer)
        self.loss = loss.to(fabric.device)
        self.average = _copy(model.state_dict()) if options.ema else {}
        self.best: dict[str, Tensor] = {}
        self.epoch = self.step = self.best_epoch = 0
        self.best_loss = math.inf
        self.history: list[dict] = []

    def run(
        self, train: Labelled, valid: Labelled, progress: Progress, checkpoint: Path | None
    ) -> None:
        """Train to the end, going on from ``checkpoint`` where it exists; it is written each epoch.
        With None nothing is written, and ``best`` and ``history`` are the result.

        Best is the lowest validation loss with ``options.chooses``, else the last epoch.
        """
        if checkpoint is not None and checkpoint.exists():
            self.restore(checkpoint)
        while not self.finished():
            row = self.run_epoch(train, valid)
            if self.fabric.is_global_zero:
                if checkpoint is not None:
                    self.save(checkpoint)
                progress(row)

    def finished(self) -> bool:
        patience = self.options.patience
        stopped = patience and self.epoch - self.best_epoch >= patience
        return bool(self.epoch >= self.options.epochs or stopped)

    def run_epoch(self, train: Labelled, valid: Labelled) -> dict:
        started = time.perf_counter()
        train_loss = self.train_epoch(train)
        seconds = time.perf_counter() - started
        with self.averaged():
            valid_loss = mean_loss(self.module, self.loss, valid, self.fabric.device)
            self.epoch += 1
            if not math.isfinite(train_loss + (valid_loss or 0.0)):
                raise Refusal(
                    f"epoch {self.epoch}: the loss is {train_loss} in training and {valid_loss} in "
                    "validation: try a lower optim.lr (and look at the labels for outliers)"
                )
            if not self.options.chooses or valid_loss is None or valid_loss < self.best_loss:
                self.best_loss = math.inf if valid_loss is None else valid_loss
                self.best_epoch = self.epoch
                self.best = _copy(self.module.state_dict())
        row = {
            "epoch": self.epoch,
            "train_loss": train_loss,
            "valid_loss": valid_loss,
            "lr": self.optimizer.param_groups[0]["lr"],
            "molecules_per_second": len(train) / seconds,
        }
        self.history.append(row)
        return row

    def train_epoch(self, train: Labelled) -> float:
        """One pass over the molecules; the mean loss of its batches, weighted by labels.

        A batch's loss is over its number of labels times their mean weight in ``train``, not over
        their own weight: else a heavy molecule would count no more than others in a batch of one.
        """
        torch.manual_seed(int(np.random.SeedSequence([self.seed, self.epoch]).generate_state(1)[0]))
        order = np.random.default_rng([self.seed, self.epoch])
        batches = list(batch_rows(len(train), self.options.batch_size, order))
        rank, world = self.fabric.global_rank, self.fabric.world_size
        self.model.train()
        rests = self.finetune is not None and self.finetune.rests(self.epoch, self.options.epochs)
        if rests:
            self.module.encoder.eval()
            # Nothing to go back through; once set up, DDP waits for all gradients, so there they
            # are made and dropped.
            self.module.encoder.requires_grad_(world > 1 and self.finetune.mode != "frozen")
        mean_weights = train.mean_weights(self.loss.levels)
        total = torch.zeros((), device=self.fabric.device)
        labels_seen = 0.0
        for rows in batches:
            batch = train.select(rows)
            counts = batch.counts(self.loss.levels)
            rate = learning_rate(self.optim, self.step / len(batches), self.options.epochs)
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group["scale"]
            # DDP averages gradients over processes: each takes its share of the batch's mean.
            mine = batch if world == 1 else batch.select(np.arange(len(rows))[rank::world])
            sums = mine.loss_sums(self.model, self.loss, self.fabric.device)
            shares = {k: count * mean_weights[k] / world for k, count in counts.items()}
            loss = self.loss.mean(sums, shares)
            self.optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(loss)
            if rests:
                for parameter in self.module.encoder.parameters():
                    parameter.grad = None
            if self.optim.clip:
                torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.optim.clip)
            self.optimizer.step()
            self.step += 1
            self.update_average()
            labels = sum(counts.values())
            total += loss.detach() * labels
            labels_seen += labels
        if rests:
            self.module.encoder.requires_grad_(self.finetune.mode != "frozen")
        return float(self.fabric.all_reduce(total)) / max(labels_seen, 1e-9)

    def update_average(self) -> None:
        """a <- d a + (1 - d) w, with d smaller over the first steps (Tan and Le 2019, appendix)."""
        decay = min(self.options.ema, (1 + self.step) / (10 + self.step))
        for name, tensor in self.module.state_dict().items() if self.average else ():
            if tensor.is_floating_point():
                self.average[name].lerp_(tensor.detach(), 1 - decay)
            else:
                self.average[name].copy_(tensor)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The running average in place of the weights, if one is kept."""
        if not self.average:
            yield
            return
        current = _copy(self.module.state_dict())
        self.module.load_state_dict(self.average)
        yield
        self.module.load_state_dict(current)

    def save(self, path: Path) -> None:
        groups = {
            "model": self.module.state_dict(),
            "best": self.best,
            "average": self.average,
            "optimizer": optimizer_tensors(self.optimizer),
        }
        state = {name: getattr(self, name) for name in _STATE}
        save_checkpoint(path, groups, state | {"finished": self.finished()})

    def restore(self, path: Path) -> None:
        groups, state = load_checkpoint(path)
        self.module.load_state_dict(groups["model"])
        restore_optimizer(self.optimizer, groups["optimizer"])
        self.best = {k: v.to(self.fabric.device) for k, v in groups["best"].items()}
        for name, tensor in groups.get("average", {}).items():
            self.average[name].copy_(tensor)
        for name in _STATE:
            setattr(self, name, state[name])


_STATE = ("epoch", "step", "best_epoch", "best_loss", "history")


def learning_rate(optim: OptimOptions, epoch: float, epochs: int) -> float:
    """Linear from lr / 10 over the warm-up, then a half cosine down to ``final_lr``.

    ``epoch`` is fractional: how many are done.
    """
    warmup = min(optim.warmup, epochs / 2)
    if epoch < warmup:
        return optim.lr * (0.1 + 0.9 * epoch / warmup)
    progress = (epoch - warmup) / max(epochs - warmup, 1e-9)
    return optim.final_lr + (optim.lr - optim.final_lr) * 0.5 * (1 + math.cos(math.pi * progress))


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}
