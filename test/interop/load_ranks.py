"""What torch.distributed.checkpoint.load gives every rank of a mesh: one launch of gloo ranks for all fixtures.

    python load_ranks.py MESH OUT < cases.json

MESH is like 2x4. `cases.json`: [{"name", "path", "kind", "define": [MODULE.CLASS, …]}, …], DCP directories and
torch.save files; torch itself turns the latter into directories first. OUT gets one JSON document:

    [{"name", "error"?, "tensors": [{"key", "dtype", "shape", "mesh"?, "placements"?, "local_dtype",
      "ranks": [{"shape", "offsets", "sha256"}, …]}, …]}, …]

Without placements every rank loads the whole tensor. Placements are chosen by rule, differently for every key; so are
some element types that differ from the stored ones. A _StridedShard can leave a rank several pieces of a dimension;
torch's load plan takes one piece of as many rows there, so that the part is taken from the whole tensor instead, as
distribute_tensor does (`"from": "distribute_tensor"`).
"""

import contextlib
import hashlib
import itertools
import json
import logging
import math
import os
import pathlib
import sys
import tempfile
import warnings

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import judge  # noqa: E402  (first: it disarms os.system and finds the fixtures' modules)
import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
import torch.distributed.checkpoint as dcp  # noqa: E402
import torch.multiprocessing as mp  # noqa: E402
from flows.golden import element_bytes  # noqa: E402
from torch.distributed.checkpoint.api import CheckpointException  # noqa: E402
from torch.distributed.checkpoint.format_utils import torch_save_to_dcp  # noqa: E402
from torch.distributed.checkpoint.metadata import TensorStorageMetadata  # noqa: E402
from torch.distributed.device_mesh import init_device_mesh  # noqa: E402
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor  # noqa: E402
from torch.distributed.tensor._utils import compute_local_shape_and_global_offset  # noqa: E402
from torch.distributed.tensor.placement_types import _StridedShard  # noqa: E402

NUMBERS = [torch.float32, torch.bfloat16, torch.float64, torch.float16, torch.int32, torch.int64, torch.uint8, torch.bool]


def placements_for(index, dimensions, mesh_shape):
    """None for a whole tensor. Of `index` and the number of dimensions only: every rank must choose alike."""
    if index % 7 == 6:
        return None
    choices = [Replicate()] + [Shard(d) for d in range(dimensions)]
    all_of_them = [p for p in itertools.product(choices, repeat=len(mesh_shape))]
    if dimensions > 0 and len(mesh_shape) == 2:
        # FSDP2 over tensor parallelism, and the order in which a rank's rows are not one piece.
        all_of_them += [(_StridedShard(0, split_factor=mesh_shape[1]), Shard(0)), (Shard(0), _StridedShard(0, split_factor=2))]
    if dimensions > 0 and len(mesh_shape) == 1:
        all_of_them.append((_StridedShard(0, split_factor=2),))
    # Sharded ones first: a checkpoint of one tensor should not be replicated only.
    return all_of_them[(index + 1) % len(all_of_them)]


def is_one_piece(shape, mesh, placements):
    """Whether every rank's part is a box: torch notes no other."""
    positions = distribute_tensor(torch.arange(math.prod(shape)).reshape(shape), mesh, placements, src_data_rank=None)
    local_shape, offsets = compute_local_shape_and_global_offset(torch.Size(shape), mesh, placements)
    box = torch.arange(math.prod(shape)).reshape(shape)
    for d, (offset, size) in enumerate(zip(offsets, local_shape)):
        box = box.narrow(d, min(offset, shape[d]), min(size, shape[d] - min(offset, shape[d])))
    mine = torch.tensor([int(torch.equal(box, positions.to_local()))])
    dist.all_reduce(mine, op=dist.ReduceOp.MIN)
    return bool(mine.item())


def local_dtype_for(index, whole):
    """Of every fifth tensor another type than the stored one, where all its values have a value there."""
    if index % 5 != 4 or whole.dtype not in NUMBERS:
        return whole.dtype
    if whole.is_floating_point() and not (whole.isfinite().all() and (whole.abs() < 100).all()):
        return whole.dtype
    return NUMBERS[(NUMBERS.index(whole.dtype) + 1 + index // 5) % len(NUMBERS)]


def target_of(shape, dtype, mesh, placements):
    """A tensor filled with ones, so that what is not loaded shows."""
    if placements is None:
        return filled(torch.Size(shape), dtype)
    local_shape, _ = compute_local_shape_and_global_offset(torch.Size(shape), mesh, placements)
    stride = torch.empty(shape, dtype=torch.int8).stride()
    local = filled(local_shape, dtype)
    return DTensor.from_local(local, mesh, placements, run_check=False, shape=torch.Size(shape), stride=stride)


def filled(shape, dtype):
    tensor = torch.empty(shape, dtype=dtype)
    tensor.untyped_storage().fill_(1)
    return tensor


def digest(tensor):
    return hashlib.sha256(element_bytes(tensor)).hexdigest()


def case_rows(directory, mesh):
    metadata = dcp.FileSystemReader(directory).read_metadata().state_dict_metadata
    shapes = {key: (list(m.size), m.properties.dtype) for key, m in metadata.items() if isinstance(m, TensorStorageMetadata)}
    whole = {key: filled(torch.Size(shape), dtype) for key, (shape, dtype) in shapes.items()}
    dcp.load(whole, checkpoint_id=directory)
    rows, targets = [], {}
    for index, (key, (shape, dtype)) in enumerate(shapes.items()):
        placements = placements_for(index, len(shape), mesh.shape)
        local_dtype = local_dtype_for(index, whole[key])
        row = {"key": key, "shape": shape, "dtype": str(dtype)[6:], "local_dtype": str(local_dtype)[6:]}
        if placements is not None:
            row["placements"] = repr(list(placements))
            if not is_one_piece(shape, mesh, placements):
                row["from"] = "distribute_tensor"
        rows.append(row)
        targets[key] = target_of(shape, local_dtype, mesh, placements)
    dcp.load(targets, checkpoint_id=directory)
    for row in rows:
        target = targets[row["key"]]
        local = target.to_local() if isinstance(target, DTensor) else target
        row["held"] = {"shape": list(local.shape)}
        if row.get("from") == "distribute_tensor":
            cast = torch.empty(row["shape"], dtype=local.dtype).copy_(whole[row["key"]])
            local = distribute_tensor(cast, mesh, target.placements, src_data_rank=None).to_local()
        elif isinstance(target, DTensor):
            row["held"]["offsets"] = list(compute_local_shape_and_global_offset(target.shape, mesh, target.placements)[1])
        row["held"]["sha256"] = digest(local)
    return rows


def run_rank(rank, mesh_shape, cases, store, out):
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=math.prod(mesh_shape))
    mesh = init_device_mesh("cpu", mesh_shape)
    results = []
    for case in cases:
        result = {"name": case["name"]} | ({"error": case["error"]} if "error" in case else {})
        if "error" not in case:
            try:
                with judge.stand_ins(case["define"]):
                    rows = case_rows(case["directory"], mesh)
            except (Exception, CheckpointException) as error:
                rows, result["error"] = [], judge.error_text(error)
            everyone = [None] * dist.get_world_size()
            dist.all_gather_object(everyone, rows)
            result["tensors"] = [
                {k: v for k, v in row.items() if k != "held"} | {"ranks": [other[i]["held"] for other in everyone]}
                for i, row in enumerate(rows)
            ]
        results.append(result)
    if rank == 0:
        pathlib.Path(out).write_text(json.dumps(results))
    dist.barrier()
    dist.destroy_process_group()


def converted(cases, directory):
    """DCP directories of all cases, by torch."""
    for number, case in enumerate(cases):
        case["directory"] = case["path"]
        if case["kind"] != "torch":
            continue
        case["directory"] = os.path.join(directory, str(number))
        try:
            with judge.stand_ins(case["define"]), contextlib.redirect_stdout(sys.stderr):
                torch_save_to_dcp(case["path"], case["directory"])
        except (Exception, CheckpointException) as error:
            case["error"] = judge.error_text(error)
    return cases


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    mesh_shape = tuple(int(size) for size in sys.argv[1].split("x"))
    cases = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as directory:
        converted(cases, directory)
        store = os.path.join(directory, "store")
        # Forked: importing torch takes seconds a process.
        mp.start_processes(
            run_rank,
            (mesh_shape, cases, store, sys.argv[2]),
            nprocs=math.prod(mesh_shape),
            start_method="fork",
        )


if __name__ == "__main__":
    main()
