"""One network trained by several processes that `torchrun` started: each sees its share of every batch.

The first process is the program as it is without the others: data, losses, the clock, checkpoints and files are its own. The
others hold a copy of the network and do what it tells them: answer for some of the pictures, go back through these answers with
the gradient of the loss, hand in what they found, and take the new weights. Batch norms are taken over the whole batch. The
weights are those of a single process up to the order of summation (dropout draws otherwise).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from modicum.errors import ModicumError
from modicum.training.device import channels_last_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_PATIENCE = timedelta(days=30)  # the others wait while the first one tests and writes


@contextmanager
def gathered() -> Iterator[bool]:
    """Meet the other processes; whether this is the first one, which works while the others follow it until it ends.

    Without `torchrun` there is only the first one.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield True
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
    if dist.get_rank() > 0:
        _follow()
        dist.destroy_process_group()  # its threads would now and then abort a process that just ends
        yield False
        return
    try:
        yield True
    except ModicumError:
        _tell(None)
        raise
    _tell(None)
    dist.destroy_process_group()


@contextmanager
def shared(fabric: Fabric, network: nn.Module) -> Iterator[Crew | None]:
    """The other processes at work on a network; None where there are none, or it has a loss of its own for whole batches.

    An exception that is no ModicumError may come between two that wait for each other: `torchrun` then ends the others.
    """
    if not dist.is_initialized() or hasattr(network, "cost"):
        yield None
        return
    crew = Crew(fabric, network)
    try:
        yield crew
    except ModicumError:
        crew.dismiss()
        raise
    crew.dismiss()


class Crew:
    """The other processes, as the first one sees them.

    Args:
        fabric: of the first process; the others compute likewise, each on its own device.
        network: set up by it; at the beginning the others get a copy.
    """

    def __init__(self, fabric: Fabric, network: nn.Module) -> None:
        self.fabric, self.network, self._answers = fabric, network, 0
        bare: Any = network.module  # without Fabric's wrapper, which does not let a gradient come from elsewhere
        self.bare: nn.Module = bare
        _tell((fabric.device.type, fabric.strategy.precision.precision, bare))

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """What the network answers to a batch (N, ...), every process to a part of it.

        A batch that has fewer pictures than there are processes is answered by the first one alone.
        """
        if len(images) < dist.get_world_size():
            return self.network(images)  # type: ignore[no-any-return]
        trained = [p.requires_grad for p in self.network.parameters()]
        _tell(("forward", tuple(images.shape), torch.initial_seed(), trained))
        self._answers += 1
        one = torch.ones((), requires_grad=True)
        answers: torch.Tensor = _Shared.apply(self, images, self._answers - 1, one)  # type: ignore[no-untyped-call]
        return answers

    def gather(self) -> None:
        """Add the gradients that all have found to those of the network here."""
        _tell(("gather",))
        gradients = _gradients(self.network)
        dist.reduce(gradients, 0)
        for parameter, found in _each(self.network, gradients):
            if parameter.grad is not None:
                parameter.grad.copy_(found)
        self._answers = 0

    def spread(self) -> None:
        """Give the others the weights that the network has now."""
        _tell(("spread",))
        dist.broadcast(torch.cat([p.detach().flatten() for p in self.network.parameters()]), 0)

    def dismiss(self) -> None:
        """The training is over: the others wait for the next one."""
        _tell(("dismiss",))


class _Shared(torch.autograd.Function):
    """The forward and the backward pass of a batch, a part of it in each process."""

    @staticmethod
    def forward(ctx: Any, crew: Crew, images: torch.Tensor, number: int, one: torch.Tensor) -> torch.Tensor:
        """`one` is what makes autograd come back."""
        parts = images.tensor_split(dist.get_world_size())
        for rank, part in enumerate(parts[1:], 1):
            dist.send(part.contiguous(), rank)
        with torch.enable_grad():
            own = _over_the_batch(crew.fabric, crew.bare, parts[0])
        whole = [own.detach(), *(own.new_empty((len(p), *own.shape[1:])) for p in parts[1:])]
        for rank, part in enumerate(whole[1:], 1):
            dist.recv(part, rank)
        ctx.own, ctx.number, ctx.sizes = own, number, [len(p) for p in parts]
        return torch.cat(whole)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[None, None, None, None]:
        _tell(("backward", ctx.number))
        first, *others = torch.split(gradient, ctx.sizes)
        for rank, part in enumerate(others, 1):
            dist.send(part.contiguous(), rank)
        torch.autograd.backward(ctx.own, first)
        return None, None, None, None


class _Sum(torch.autograd.Function):
    """The sum over all processes, of values and of gradients."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        whole = values.clone()
        dist.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        whole = gradient.contiguous().clone()
        dist.all_reduce(whole)
        return whole


def _follow() -> None:
    """What every process but the first does, until that ends."""
    from lightning_fabric import Fabric

    while (task := _told()) is not None:
        device, precision, network = task
        local = [int(os.environ.get("LOCAL_RANK", "0"))] if device == "cuda" else 1
        fabric = Fabric(accelerator=device, devices=local, precision=precision)
        _follow_training(fabric, network.to(fabric.device))


def _follow_training(fabric: Fabric, network: nn.Module) -> None:
    device = fabric.device
    answers: list[torch.Tensor] = []
    seed = -1
    while True:
        match _told():
            case ("forward", shape, epoch_seed, trained):
                if seed != epoch_seed:
                    seed = epoch_seed
                    torch.manual_seed(seed + dist.get_rank())
                for parameter, wanted in zip(network.parameters(), trained, strict=True):
                    parameter.requires_grad_(wanted)
                part = torch.empty(shape, device="meta").tensor_split(dist.get_world_size())[dist.get_rank()]
                images = torch.empty(part.shape, device=device)
                dist.recv(images, 0)
                answers.append(_over_the_batch(fabric, network, images))
                dist.send(answers[-1].detach().contiguous(), 0)
            case ("backward", number):
                gradient = torch.empty(answers[number].shape, device=device)
                dist.recv(gradient, 0)
                torch.autograd.backward(answers[number], gradient)
            case ("gather",):
                dist.reduce(_gradients(network), 0)
                network.zero_grad()
                answers = []
            case ("spread",):
                weights = torch.cat([p.detach().flatten() for p in network.parameters()])
                dist.broadcast(weights, 0)
                with torch.no_grad():
                    for parameter, new in _each(network, weights):
                        parameter.copy_(new)
            case _:
                return


def _tell(what: Any) -> None:
    dist.broadcast_object_list([what], 0)


def _told() -> Any:
    """What the first process says.

    Raises:
        SystemExit: it is there no more.
    """
    told = [None]
    try:
        dist.broadcast_object_list(told, 0)
    except RuntimeError:
        raise SystemExit(1) from None
    return told[0]


def _gradients(network: nn.Module) -> torch.Tensor:
    """All in one row; 0 where there is none."""
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in network.parameters()])


def _each(network: nn.Module, row: torch.Tensor) -> Iterator[tuple[nn.Parameter, torch.Tensor]]:
    """Every parameter with what stands for it in a row of all."""
    parameters = list(network.parameters())
    for parameter, values in zip(parameters, torch.split(row, [p.numel() for p in parameters]), strict=True):
        yield parameter, values.view_as(parameter)


def _over_the_batch(fabric: Fabric, network: nn.Module, part: torch.Tensor) -> torch.Tensor:
    """The answer, as float32, to a part of a batch, of which the other processes answer the rest at the same time."""
    layers = [layer for layer in network.modules() if isinstance(layer, _BatchNorm) and layer.training]
    for layer in layers:
        layer.forward = partial(_normalised, layer)  # type: ignore[method-assign]
    try:
        with fabric.autocast():
            answer: torch.Tensor = network(part.contiguous(memory_format=channels_last_of(part.ndim))).float()
    finally:
        for layer in layers:
            del layer.forward
    return answer


def _normalised(layer: _BatchNorm, values: torch.Tensor) -> torch.Tensor:
    """A batch norm in training, of values (N, C, ...) here and in all other processes; torch's own needs a GPU for that."""
    axes, shape = [0, *range(2, values.ndim)], (1, -1, *[1] * (values.ndim - 2))
    variance, mean = torch.var_mean(values.float(), dim=axes, correction=0)
    count = mean.new_tensor([values.numel() / values.shape[1]])
    table = torch.zeros(dist.get_world_size(), 2 * len(mean) + 1, device=values.device)
    table[dist.get_rank()] = torch.cat([variance, mean, count])
    table = _Sum.apply(table)  # type: ignore[no-untyped-call]
    counts, (variances, means) = table[:, -1:], table[:, :-1].chunk(2, dim=1)
    share = counts / counts.sum()
    mean = (share * means).sum(0)
    variance = (share * (variances + (means - mean) ** 2)).sum(0)
    if layer.running_mean is not None and layer.running_var is not None and layer.num_batches_tracked is not None:
        layer.num_batches_tracked += 1
        new = 1 / float(layer.num_batches_tracked) if layer.momentum is None else layer.momentum
        layer.running_mean.lerp_(mean.detach(), new)
        layer.running_var.lerp_(variance.detach() * counts.sum() / (counts.sum() - 1), new)
    scale = layer.weight * torch.rsqrt(variance + layer.eps)
    shift = layer.bias - mean * scale
    return torch.addcmul(shift.view(shape), values, scale.view(shape)).to(values.dtype)
