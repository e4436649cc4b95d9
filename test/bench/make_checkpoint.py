"""Makes a DCP checkpoint of many ranks for measurements: DTensors saved by gloo ranks on the CPU.

python test/bench/make_checkpoint.py OUT --gib 4 --ranks 8 --dim 0 [--shape 4096 4096]
"""

import argparse
import os
import socket

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as mp
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Shard


def save(rank: int, args: argparse.Namespace, port: int) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=args.ranks)
    mesh = init_device_mesh("cpu", (args.ranks,))
    local = list(args.shape)
    local[args.dim] //= args.ranks
    count = int(args.gib * 2**30 / (torch.Size(args.shape).numel() * 2))
    state = {}
    for index in range(count):
        generator = torch.Generator().manual_seed(index * args.ranks + rank)
        words = torch.randint(-(2**15), 2**15, local, dtype=torch.int16, generator=generator)
        tensor = DTensor.from_local(words.view(torch.bfloat16), mesh, [Shard(args.dim)], run_check=False)
        state[f"layers.{index}.weight"] = tensor
    dcp.save({"model": state}, checkpoint_id=args.out)
    dist.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--gib", type=float, default=1)
    parser.add_argument("--ranks", type=int, default=8)
    parser.add_argument("--dim", type=int, default=0)
    parser.add_argument("--shape", type=int, nargs="+", default=[4096, 4096])
    arguments = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        free_port = free.getsockname()[1]
    mp.spawn(save, (arguments, free_port), nprocs=arguments.ranks)
