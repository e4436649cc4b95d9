"""Reads and compares DCP directories through torch's own reader."""

import io
import os

import torch
from torch.distributed.checkpoint import FileSystemReader
from torch.distributed.checkpoint.default_planner import _EmptyStateDictLoadPlanner
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import _load_state_dict

import trees


def load(directory, reader=FileSystemReader):
    """The nested state dict, as torch's own converter loads it."""
    state_dict = {}
    _load_state_dict(
        state_dict,
        storage_reader=reader(directory),
        planner=_EmptyStateDictLoadPlanner(),
        no_dist=True,
    )
    return state_dict


def load_items(directory, metadata):
    """Each stored item by (fqn, offsets or None), as torch.load gives it."""
    items = {}
    for index, info in metadata.storage_data.items():
        with open(os.path.join(directory, info.relative_path), "rb") as file:
            file.seek(info.offset)
            data = file.read(info.length)
        offsets = None if index.offset is None else tuple(index.offset)
        items[index.fqn, offsets] = torch.load(io.BytesIO(data), weights_only=offsets is not None)
    return items


def index_rows(metadata):
    """What `.metadata` says of each flat key, without what the directory's own files decide."""
    rows = {}
    for fqn, stored in metadata.state_dict_metadata.items():
        row = {"kind": type(stored).__name__}
        if isinstance(stored, TensorStorageMetadata):
            row["size"] = list(stored.size)
            row["dtype"] = str(stored.properties.dtype)
            row["properties_requires_grad"] = stored.properties.requires_grad
            row["layout"] = str(stored.properties.layout)
            row["memory_format"] = str(stored.properties.memory_format)
            row["pin_memory"] = stored.properties.pin_memory
            row["chunks"] = [[list(chunk.offsets), list(chunk.sizes)] for chunk in stored.chunks]
        rows[fqn] = row
    return rows


def compare(a, b, ignored, error_text):
    """Differences, and the errors of loading either directory whole (`load_error_a`, `load_error_b`).

    `what`, besides those of `trees`: `fqns` (which, and in which order), `kind`, `size`, `properties_requires_grad`,
    `layout`, `memory_format`, `pin_memory`, `chunks`, `planner_data`, `storage_keys`, `index_hint`, `version`.
    Paths of stored items begin with `item`, those of the loaded state dict with `state_dict`.
    """
    found = []

    def differ(path, what, x, y):
        if x != y and what not in ignored:
            found.append({"path": path, "what": what, "a": x, "b": y})

    metadata_a, metadata_b = FileSystemReader(a).read_metadata(), FileSystemReader(b).read_metadata()
    rows_a, rows_b = index_rows(metadata_a), index_rows(metadata_b)
    differ([], "version", metadata_a.version, metadata_b.version)
    differ([], "fqns", list(rows_a), list(rows_b))
    for fqn in sorted(rows_a.keys() & rows_b.keys()):
        for field in sorted(rows_a[fqn].keys() | rows_b[fqn].keys()):
            differ([fqn], field, rows_a[fqn].get(field), rows_b[fqn].get(field))
    planner_a, planner_b = metadata_a.planner_data, metadata_b.planner_data
    if planner_a is None or planner_b is None:
        differ([], "planner_data", planner_a, planner_b)
    else:
        for fqn in sorted(planner_a.keys() | planner_b.keys()):
            differ([fqn], "planner_data", repr(planner_a.get(fqn)), repr(planner_b.get(fqn)))
    items_a, items_b = load_items(a, metadata_a), load_items(b, metadata_b)
    differ([], "storage_keys", sorted(map(repr, items_a)), sorted(map(repr, items_b)))
    hints_a, hints_b = index_hints(metadata_a), index_hints(metadata_b)
    for key in sorted(items_a.keys() & items_b.keys(), key=repr):
        differ(["item", *map(str, key)], "index_hint", hints_a[key], hints_b[key])
        for row in trees.compare(items_a[key], items_b[key], ignored):
            found.append(row | {"path": ["item", *map(str, key), *row["path"]]})
    loaded, errors = {}, {}
    for name, directory in (("a", a), ("b", b)):
        try:
            loaded[name] = load(directory)
        except BaseException as error:  # CheckpointException is no Exception
            errors[f"load_error_{name}"] = error_text(error)
    if len(loaded) == 2:
        for row in trees.compare(loaded["a"], loaded["b"], ignored):
            found.append(row | {"path": ["state_dict", *row["path"]]})
    elif loaded:
        differ(["state_dict"], "load_error", errors.get("load_error_a"), errors.get("load_error_b"))
    return found, errors


def index_hints(metadata):
    return {(k.fqn, None if k.offset is None else tuple(k.offset)): k.index for k in metadata.storage_data}
