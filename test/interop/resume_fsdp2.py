"""An FSDP2 training that goes on from a checkpoint of a training without FSDP2.

    python resume_fsdp2.py train OUT.pth     three steps of plain Adam, saved; then a fourth: its parameters to stdout
    python resume_fsdp2.py resume DIRECTORY  the fourth step on two ranks of gloo, from a DCP directory

One JSON document on stdout: {"steps": [Adam's count a parameter], "parameters": {FQN: values}} or {"error"}.
"""

import json
import logging
import os
import sys
import tempfile
import warnings

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

RANKS = 2


def training():
    """A model with a norm, whose buffers are no parameters; and its optimizer."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.BatchNorm1d(5), nn.Linear(5, 3))


def step(model, optimizer, number):
    generator = torch.Generator().manual_seed(number)
    # All ranks see all samples: the mean of their gradients is the gradient of a single process.
    inputs = torch.randn(8, 6, generator=generator)
    optimizer.zero_grad()
    model(inputs).square().mean().backward()
    optimizer.step()


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=0.05)


def answer(model, optimizer):
    def whole(value):
        return value.full_tensor() if isinstance(value, DTensor) else value

    parameters = dict(model.named_parameters())
    return {
        "steps": [float(whole(optimizer.state[p]["step"])) for p in parameters.values()],
        "parameters": {fqn: whole(p).detach().flatten().tolist() for fqn, p in parameters.items()},
    }


def train(path):
    model = training()
    optimizer = adam(model)
    for number in range(3):
        step(model, optimizer, number)
    torch.save({"model": model.state_dict(), "optim": optimizer.state_dict()}, path)
    step(model, optimizer, 3)
    return answer(model, optimizer)


def resume(rank, directory, store, out):
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=RANKS)
    model = training()
    fully_shard(model, mesh=init_device_mesh("cpu", (RANKS,)))
    optimizer = adam(model)
    try:
        model_state, optim_state = get_state_dict(model, optimizer)
        state = {"model": model_state, "optim": optim_state}
        dcp.load(state, checkpoint_id=directory)
        set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optim"])
        step(model, optimizer, 3)
        result = answer(model, optimizer)
    except CheckpointException as error:
        result = {"error": str(next(iter(error.failures.values()))[0])}
    if rank == 0:
        with open(out, "w") as file:
            json.dump(result, file)
    dist.barrier()
    dist.destroy_process_group()


def main():
    command, path = sys.argv[1:]
    if command == "train":
        print(json.dumps(train(path)))
        return
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "out.json")
        mp.start_processes(
            resume, (path, os.path.join(directory, "store"), out), nprocs=RANKS, start_method="fork"
        )
        with open(out) as file:
            print(file.read())


if __name__ == "__main__":
    main()
