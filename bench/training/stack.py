"""Many seeds in one training step: their parameters, moments and adaptive state as rows of stacked tensors."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, final

import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.utils._pytree import tree_map_only

from bench.machine.device import synchronize
from bench.machine.streams import OwnStream
from bench.training.alone import require_same_gradient, trained_parameters
from bench.training.clipping import Clipping, clipping, norm_of
from bench.training.diverged import GREEK, Diverged
from bench.training.graphs import Captured, CudaGraph, Graph
from bench.training.kinds import BETA, SOME_BETA, Kind, Result, group_of, losses, of_group
from bench.training.loss import Loss
from bench.training.optimizers import COUNT, Moments, Optimizer, make_optimizer
from bench.training.trace import Values, trace_step
from bench.training.trainer import Trainer


@final
class Stack:
    """Trains several cells that differ in their seed alone by one step for all.

    The trainers' own tensors become rows of the stack's: what measures or saves one of them sees its present state.
    Each draws from its own stream, so that its numbers are those of training alone, up to rounding. One that diverges
    is left at the step at which that was found, and its row is ignored from then on.

    Attributes:
        diverged: by the trainer's place.
    """

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        """Stack trainers that have taken equally many steps, each with an `OwnStream`.

        Raises:
            NotBatchable: their step cannot be run for all at once; they are as they were.
        """
        first = trainers[0]
        assert len({trainer.progress.step for trainer in trainers}) == 1, "seeds in one step are at one step"
        self.trainers = trainers
        self.diverged: dict[int, Diverged] = {}
        self.device = first.device
        self._step = first.progress.step
        self._streams = [_own(trainer) for trainer in trainers]
        self._rows, self._whole = first.batches.rows, first.batches.whole
        self._orders = self._stacked_orders()
        self._chosen = torch.arange(first.batches.size, device=self.device).repeat(len(trainers), 1)
        self._tensors = [_tensors(trainer.loss) for trainer in trainers]
        stacked = {name: torch.stack([of[name].detach() for of in self._tensors]) for name in self._tensors[0]}
        trained = trained_parameters(first.loss, self._batch()[0])
        self._trained: Values = {name: stacked[name] for name in trained}
        self._fixed: Values = {name: value for name, value in stacked.items() if name not in trained}
        self._beta = next(iter(self._trained.values())).new_ones(len(trainers))
        self._programs = {loss.seen is not None: self._traced(loss) for loss in losses(first)}
        self._compare_with_training_alone()
        for place, of in enumerate(self._tensors):
            for name, tensor in of.items():
                tensor.data = stacked[name][place]
        self._sizes = first.step_sizes(self._step)
        self._optimizer = self._stacked_optimizer()
        self._linked: set[str] = set()
        self._objectives: list[Tensor] = []
        self._clipped: list[Tensor] = []
        self._last: Kind | None = None
        self._graphs: dict[Kind, Captured] = {}
        on_gpu = self.device.type == "cuda"
        self._new_graph: Callable[[], Graph] | None = partial(CudaGraph, self._streams, self.device) if on_gpu else None
        self._results: dict[Kind, Result] = {}

    @property
    def active(self) -> list[int]:
        """The places of the trainers that have not diverged."""
        return [place for place in range(len(self.trainers)) if place not in self.diverged]

    @property
    def plain_reason(self) -> str | None:
        """Why the step is not captured as a CUDA graph, where it is to be."""
        return next((graph.reason for graph in self._graphs.values() if graph.reason is not None), None)

    def run(self, until: int) -> Iterator[int]:
        """Train up to step `until`, yielding the step after each recorded row; ends early where all have diverged."""
        while self.active and self._step < until:
            due = self.trainers[self.active[0]].step_of_next_row
            start = time.perf_counter()
            while self._step < min(until, due):
                self._advance()
            synchronize(self.device)
            self._hand_over((time.perf_counter() - start) / len(self.trainers))
            if self._step == due:
                self._record()
            yield self._step

    def drop(self, place: int, reason: Diverged) -> None:
        """Leave one trainer as it is now; the others go on."""
        self.diverged[place] = reason
        self.release(place)

    def release(self, place: int) -> None:
        """Give a trainer tensors of its own, which the stack changes no more."""
        trainer = self.trainers[place]
        for tensor in self._tensors[place].values():
            tensor.data = tensor.data.clone()
        for parameter, state in trainer.optimizer.state.items():
            trainer.optimizer.state[parameter] = tree_map_only(Tensor, torch.clone, state)

    def close(self) -> None:
        """Let go of what the steps need, that of the graphs above all; no step can be taken any more."""
        for held in (self._graphs, self._programs, self._results, self._objectives, self._clipped):
            held.clear()

    def _advance(self) -> None:
        leader = self.trainers[self.active[0]]
        if (sizes := leader.step_sizes(self._step)) != self._sizes:
            self._optimizer.set_step_sizes(sizes)
            self._sizes = sizes
        if not self._whole:
            self._choose()
        beta = leader.beta(self._step)
        self._beta.fill_(beta)
        self._last = kind = Kind(leader.resting(self._step), beta != 1)
        self._take(kind)
        result = self._results[kind]
        self._objectives.append(result.objective.clone())
        if leader.settings.clip_norm:
            self._clipped.append(result.above.clone())
        self._step += 1
        if len(self._linked) < len(self._trained):
            self._link()

    def _compare_with_training_alone(self) -> None:
        """Raise `NotBatchable` where a seed's first gradient in the stack is not the one that it computes alone."""
        states = [stream.state() for stream in self._streams]
        self._beta.fill_(SOME_BETA)
        for is_tempered, program in self._programs.items():
            # The program updates an estimator's buffers in place.
            scratch = {name: value.clone() for name, value in self._read(is_tempered).items()}
            gradients, objectives, _ = program(self._trained, scratch, self._batch())
            for stream, state in zip(self._streams, states, strict=True):
                stream.restore(state)
            for place, trainer in enumerate(self.trainers):
                loss = trainer.tempered if is_tempered else trainer.loss
                assert loss is not None, "seeds are trained alike"
                loss.weigh(SOME_BETA)
                found = {name: value[place] for name, value in gradients.items()}
                require_same_gradient(loss, self._batch()[place], states[place], found, objectives[place])

    def _traced(self, loss: Loss) -> GraphModule:
        fixed = self._read(loss.seen is not None)
        return trace_step(loss, self._trained, fixed, self._batch(), self._streams)

    def _read(self, is_tempered: bool) -> Values:
        """Return what a step reads and does not train."""
        return {**self._fixed, BETA: self._beta} if is_tempered else self._fixed

    def _choose(self) -> None:
        """Choose the next minibatch of each seed; all are at the same place of their passes."""
        places = [
            trainer.batches.turn(stream.generator(self.device))
            for trainer, stream in zip(self.trainers, self._streams, strict=True)
        ]
        where = places[0]
        if where.start == 0:
            self._orders = self._stacked_orders()
        self._chosen.copy_(self._orders[:, where])

    def _stacked_orders(self) -> Tensor:
        return torch.stack([trainer.batches.order for trainer in self.trainers])

    def _take(self, kind: Kind) -> None:
        """Take one step of a kind; on a GPU by a CUDA graph of that kind of step."""
        if self._new_graph is None or self.plain_reason is not None:
            self._update(kind)
            return
        if kind not in self._graphs:
            self._graphs[kind] = Captured(self._new_graph())
        self._graphs[kind](partial(self._update, kind))

    def _update(self, kind: Kind) -> None:
        """Take one step in place, as a CUDA graph can hold it."""
        program, read = self._programs[kind.tempered], self._read(kind.tempered)
        gradients, objective, state = program(self._trained, read, self._batch())
        for name, value in state.items():
            if value is not self._fixed[name]:
                self._fixed[name].copy_(value)
        moving = {name: value for name, value in gradients.items() if group_of(name) != kind.resting}
        found = self._clipping(moving)
        if found is not None:
            moving = {
                name: value * found.of(value) if group_of(name) in found.norms else value
                for name, value in moving.items()
            }
        for name, parameter in self._trained.items():
            # Without a gradient a parameter rests, and so do its moments.
            # The parameters are contiguous, and a fused optimizer reads a gradient as if it were laid out as they are.
            parameter.grad = moving[name].contiguous() if name in moving else None
        self._optimizer.step()
        # A graph writes to the tensors that it was captured with: each step has its own.
        self._results[kind] = Result(moving, objective, found)

    def _clipping(self, moving: Values) -> Clipping | None:
        """Return how each seed's gradient is clipped, by its own norm; None where none is."""
        bound = self.trainers[0].settings.clip_norm
        groups = {group: of_group(moving, group) for group in GREEK}
        return clipping(groups, bound, seeds=True) if bound else None

    def _batch(self) -> Tensor:
        """Return stored rows by seed, [S, B, ...]."""
        if self._whole:
            return self._rows.expand(len(self.trainers), *self._rows.shape)
        return self._rows[self._chosen]

    def _stacked_optimizer(self) -> Optimizer:
        """Return one optimizer of the stacked parameters, with the moments that the trainers have."""
        groups: dict[str, list[Tensor]] = {"guide": [], "model": [], "estimator": []}
        for name, value in self._trained.items():
            groups[group_of(name)].append(value)
        sizes: Mapping[str, float | Tensor] = self._sizes
        if self.device.type == "cuda":
            # In single precision whatever the parameters are: the fused kernels read no other.
            where: dict[str, Any] = {"dtype": torch.float32, "device": self.device}
            sizes = {name: torch.tensor(size, **where) for name, size in self._sizes.items()}
        optimizer = make_optimizer(groups, sizes, self.trainers[0].settings)
        for name, value in self._trained.items():
            states = [
                trainer.optimizer.state.get(of[name], {})
                for trainer, of in zip(self.trainers, self._tensors, strict=True)
            ]
            if states[0]:
                optimizer.state[value] = {key: _stacked_moment(key, states, self.device) for key in states[0]}
        return optimizer

    def _link(self) -> None:
        """Make the trainers' optimizers hold rows of the stacked moments, which a parameter has from its first step."""
        for name, value in self._trained.items():
            moments = self._optimizer.state.get(value)
            if name in self._linked or moments is None:
                continue
            for place, trainer in enumerate(self.trainers):
                trainer.optimizer.state[self._tensors[place][name]] = {
                    key: moment if key == COUNT else moment[place] for key, moment in moments.items()
                }
            self._linked.add(name)

    def _hand_over(self, seconds: float) -> None:
        """Tell the trainers what has happened since the last time; `seconds` is each one's share."""
        objectives = torch.stack(self._objectives, 1)
        clipped = torch.stack(self._clipped, 1) if self._clipped else None
        self._objectives.clear()
        self._clipped.clear()
        for place in self.active:
            trainer = self.trainers[place]
            trainer.objectives.append(objectives[place])
            if clipped is not None:
                trainer.clipped.append(clipped[place])
            trainer.progress.step = self._step
            trainer.progress.seconds += seconds
            trainer.progress.together = len(self.trainers)

    def _record(self) -> None:
        assert self._last is not None
        result = self._results[self._last]
        gradients = {group: of_group(result.gradients, group) for group in GREEK}
        known = {} if result.clipping is None else result.clipping.norms
        norms = {
            group: known[group].tolist() if group in known else _norms(parts, len(self.trainers))
            for group, parts in gradients.items()
        }
        for place in self.active:
            try:
                self.trainers[place].record(
                    {group: of_seeds[place] for group, of_seeds in norms.items()},
                    lambda group, place=place: [part[place] for part in gradients[group]],
                )
            except Diverged as reason:
                self.drop(place, reason)


def _norms(parts: Sequence[Tensor], seeds: int) -> list[float]:
    """Return the norm of each seed's gradient, given in parts [S, ...]; NaN where there are none."""
    return norm_of(parts, seeds=True).tolist() if parts else [math.nan] * seeds


def _own(trainer: Trainer) -> OwnStream:
    if not isinstance(trainer.stream, OwnStream):
        raise ValueError("a trainer draws from a stream of its own (OwnStream) when it is stacked with others")
    return trainer.stream


def _tensors(loss: Loss) -> dict[str, Tensor]:
    return dict(loss.named_parameters()) | dict(loss.named_buffers())


def _stacked_moment(key: str, states: Sequence[Moments], device: torch.device) -> Tensor:
    """Return one of the moments of a stacked parameter; all have taken the same number of steps."""
    if key == COUNT:
        # Alone, some optimizers count on the CPU; a graph counts where it is.
        return states[0][key].to(device, copy=True)
    return torch.stack([state[key] for state in states])
