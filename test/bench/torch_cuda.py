"""What torch takes for the same: a checkpoint into tensors of a GPU, then isfinite and max over them.

python test/bench/torch_cuda.py CHECKPOINT --rounds 3 [--device cuda]

Prints one JSON document. Times are of the calls alone, without imports and without making the tensors.
"""

import argparse
import json
import time

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint import FileSystemReader


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    wait = torch.cuda.synchronize if args.device == "cuda" else lambda: None
    entries = FileSystemReader(args.checkpoint).read_metadata().state_dict_metadata
    state = {
        fqn: torch.empty(entry.size, dtype=entry.properties.dtype, device=args.device)
        for fqn, entry in entries.items()
    }
    byte_length = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    # What CUDA does once.
    for tensor in list(state.values())[:1]:
        torch.isfinite(tensor).all().item()
        tensor.abs().max().item()
    loads, checks = [], []
    bad, largest = 0, 0.0
    for _ in range(args.rounds):
        wait()
        start = time.perf_counter()
        dcp.load(state, checkpoint_id=args.checkpoint, no_dist=True)
        wait()
        loads.append(time.perf_counter() - start)
        start = time.perf_counter()
        flags = [torch.isfinite(tensor).logical_not_().sum() for tensor in state.values()]
        maxima = [tensor.max() for tensor in state.values()]
        bad = int(torch.stack(flags).sum().item())
        largest = float(torch.stack(maxima).max().item())
        checks.append(time.perf_counter() - start)
    first = next(iter(state.values())).flatten().view(torch.uint8).cpu()
    print(
        json.dumps(
            {
                "torch": torch.__version__,
                "device": torch.cuda.get_device_name() if args.device == "cuda" else "cpu",
                "byte_length": byte_length,
                "load_seconds": loads,
                "check_seconds": checks,
                "non_finite": bad,
                "max": largest,
                "first_sum": int(first.to(torch.int64).sum().item()),
            }
        )
    )


if __name__ == "__main__":
    main()
