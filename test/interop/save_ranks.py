"""What the ranks of a mesh save with torch.distributed.checkpoint.save, compared with directories made elsewhere.

    python save_ranks.py MESH OUT < cases.json

MESH is like 2x4. `cases.json`: [{"name", "path", "kind", "define": [MODULE.CLASS, …], "layouts": [{"placements",
"rules": [[GLOB, placements], …], "directory"}, …]}, …]: DCP directories and torch.save files; torch itself turns the
latter into directories first. Each is loaded whole, spread over the ranks as the layout says, in the order of its
index, and saved. OUT gets one JSON document:

    [{"name", "error"?, "layouts": [{"differences": [{"path", "what", "a", "b"}, …], "empty_shards", "shared"}, …]}, …]

`a` is the directory given, `b` that of torch. Compared are the files, which item lies in which file, the index, each
item, and what torch loads from both. `planner_data` is compared with that of the source.
"""

import fnmatch
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
import directories  # noqa: E402
import torch  # noqa: E402
import trees  # noqa: E402
import torch.distributed as dist  # noqa: E402
import torch.distributed.checkpoint as dcp  # noqa: E402
import torch.multiprocessing as mp  # noqa: E402
from load_ranks import converted  # noqa: E402
from torch.distributed.checkpoint._traverse import get_element  # noqa: E402
from torch.distributed.checkpoint.api import CheckpointException  # noqa: E402
from torch.distributed.checkpoint.default_planner import DefaultSavePlanner  # noqa: E402
from torch.distributed.device_mesh import init_device_mesh  # noqa: E402
from torch.distributed.tensor import DTensor, Replicate, Shard  # noqa: E402
from torch.distributed.tensor._utils import compute_local_shape_and_global_offset  # noqa: E402

# Torch notes requires_grad of the tensors that it is given: loaded ones have none.
IGNORED = frozenset(["properties_requires_grad", "planner_data"])


def whole_values(directory):
    """Every flat key and its value, in the order of the index."""
    metadata = dcp.FileSystemReader(directory).read_metadata()
    loaded = directories.load(directory)
    paths = metadata.planner_data or {}
    return {fqn: get_element(loaded, paths.get(fqn, (fqn,))) for fqn in metadata.state_dict_metadata}


def placements_of(layout, fqn):
    chosen = layout["placements"]
    for glob, placements in layout["rules"]:
        if fnmatch.fnmatchcase(fqn, glob):
            chosen = placements
    return eval(f"({chosen},)", {"Shard": Shard, "Replicate": Replicate})


def spread(value, mesh, placements):
    """The rank's part; the value itself where it has no dimension for a placement."""
    if not isinstance(value, torch.Tensor):
        return value
    if any(isinstance(p, Shard) and not -value.dim() <= p.dim < value.dim() for p in placements):
        return value
    shape, offsets = compute_local_shape_and_global_offset(value.shape, mesh, placements)
    local = value
    for d, (offset, size) in enumerate(zip(offsets, shape)):
        local = local.narrow(d, min(offset, value.shape[d]), size)
    stride = torch.empty(value.shape, dtype=torch.int8).stride()
    # A copy, as a rank has it: not a view of the whole.
    local = local.clone(memory_format=torch.contiguous_format)
    return DTensor.from_local(local, mesh, placements, run_check=False, shape=value.shape, stride=stride)


def file_of_items(directory):
    stored = dcp.FileSystemReader(directory).read_metadata().storage_data
    return {repr((k.fqn, None if k.offset is None else tuple(k.offset))): v.relative_path for k, v in stored.items()}


def compare(source, values, ours, theirs):
    found, errors = directories.compare(ours, theirs, IGNORED, judge.error_text)
    # What torch saved here does not nest: the loaded values are compared by flat key.
    found = [row for row in found if row["path"][:1] != ["state_dict"]]
    loaded = whole_values(ours)
    found += trees.compare({fqn: loaded.get(fqn) for fqn in values}, values, IGNORED)
    found += [{"path": [], "what": name, "a": error, "b": None} for name, error in errors.items()]

    def differ(what, a, b):
        if a != b:
            found.append({"path": [], "what": what, "a": a, "b": b})

    differ("files", sorted(os.listdir(ours)), sorted(os.listdir(theirs)))
    differ("file_of_items", file_of_items(ours), file_of_items(theirs))
    differ("item_order", list(file_of_items(ours)), list(file_of_items(theirs)))
    paths = [dcp.FileSystemReader(d).read_metadata().planner_data for d in (ours, source)]
    if paths[1] is not None:
        differ("planner_data", repr(sorted(paths[0].items())), repr(sorted(paths[1].items())))
    return found


def layout_row(case, values, layout, mesh, directory):
    theirs = os.path.join(directory, "saved")
    state = {fqn: spread(value, mesh, placements_of(layout, fqn)) for fqn, value in values.items()}
    dcp.save(state, checkpoint_id=theirs, planner=DefaultSavePlanner(flatten_state_dict=False))
    row = None
    if dist.get_rank() == 0:
        sharded = [v for v in state.values() if isinstance(v, DTensor)]
        row = {
            "differences": compare(case["directory"], values, layout["directory"], theirs),
            "sharded": sum(any(isinstance(p, Shard) for p in v.placements) for v in sharded),
        }
        for name in os.listdir(theirs):
            os.unlink(os.path.join(theirs, name))
    dist.barrier()
    return row


def run_rank(rank, mesh_shape, cases, directory, out):
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    store = os.path.join(directory, "store")
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=math.prod(mesh_shape))
    mesh = init_device_mesh("cpu", mesh_shape)
    results = []
    for case in cases:
        result = {"name": case["name"], "layouts": []}
        try:
            if "error" in case:
                raise ValueError(case["error"])
            with judge.stand_ins(case["define"]):
                values = whole_values(case["directory"])
                for layout in case["layouts"]:
                    result["layouts"].append(layout_row(case, values, layout, mesh, directory))
        except (Exception, CheckpointException) as error:
            result["error"] = judge.error_text(error)
        results.append(result)
        dist.barrier()
    if rank == 0:
        pathlib.Path(out).write_text(json.dumps(results))
    dist.barrier()
    dist.destroy_process_group()


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    mesh_shape = tuple(int(size) for size in sys.argv[1].split("x"))
    cases = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as directory:
        converted(cases, directory)
        # Forked: importing torch takes seconds a process.
        mp.start_processes(
            run_rank,
            (mesh_shape, cases, directory, sys.argv[2]),
            nprocs=math.prod(mesh_shape),
            start_method="fork",
        )


if __name__ == "__main__":
    main()
