"""The strided tensors of a checkpoint of any format by FQN, loaded by torch and by the safetensors library."""

import pathlib

import safetensors.torch
import torch
from safetensors import safe_open
from torch.distributed.checkpoint import HuggingFaceStorageReader
from torch.distributed.checkpoint._nested_dict import flatten_state_dict

import directories
from flows.golden import element_bytes
from flows.index_files import AnyIndexReader

# The torch binding of safetensors 0.8.0 writes these and has no row for them in its table of names.
safetensors.torch._TYPES.setdefault("F8_E8M0", torch.float8_e8m0fnu)
safetensors.torch._TYPES.setdefault("F4", torch.float4_e2m1fn_x2)


def load(path):
    path = pathlib.Path(path)
    if path.is_dir():
        loaded = load_directory(path)
    elif path.suffix == ".safetensors":
        loaded = load_safetensors(path)
    else:
        loaded = torch.load(path, weights_only=False)
    flat, _ = flatten_state_dict(loaded)
    return {name: value for name, value in flat.items() if is_strided(value)}


def load_directory(path):
    """DCP with any index; safetensors with an index; the shards of ranks, which torch's own reader joins."""
    if (path / ".metadata").exists() or any(path.glob("__*.metadata")):
        return directories.load(path, AnyIndexReader)
    if (path / "model.safetensors.index.json").exists():
        return load_shards(path)
    return directories.load(path, HuggingFaceStorageReader)


def load_safetensors(path):
    """Every tensor, through both of the library's readers."""
    with safe_open(path, "pt") as file:
        names = set(file.keys())
        if file.metadata().get("format") != "pt":
            raise ValueError(f"{path} does not say that its tensors are torch's")
    tensors = safetensors.torch.load_file(path)
    if set(tensors) != names:
        raise ValueError(f"{path}: safe_open and load_file find other names")
    return tensors


def load_shards(directory):
    """As transformers does: what the index names, from the files that it names; and the state file, by torch."""
    import json

    index = json.loads((directory / "model.safetensors.index.json").read_text())
    tensors = {}
    for name in sorted(set(index["weight_map"].values())):
        tensors |= load_safetensors(directory / name)
    if set(tensors) != set(index["weight_map"]):
        raise ValueError("the index does not name the tensors that are there")
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if total != index["metadata"]["total_size"]:
        raise ValueError(f"total_size is {index['metadata']['total_size']}, the tensors have {total} bytes")
    state = directory / "state.pth"
    if state.exists():
        beside, _ = flatten_state_dict(torch.load(state, weights_only=False))
        tensors |= {name: value for name, value in beside.items() if is_strided(value)}
    return tensors


def is_strided(value):
    if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.is_quantized:
        return False
    return type(value) in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer) and value.device.type == "cpu"


def compare(a, b, without):
    """Differences by FQN of names, types, shapes and bytes; `without` are names that only `b` may have."""
    first, second = load(a), load(b)
    differences = [f"{name} is only in the first" for name in first.keys() - second.keys()]
    differences += [f"{name} is only in the second" for name in second.keys() - first.keys() - set(without)]
    for name in first.keys() & second.keys():
        left, right = first[name], second[name]
        if left.dtype != right.dtype or left.shape != right.shape:
            differences.append(f"{name}: {left.dtype} {list(left.shape)}, {right.dtype} {list(right.shape)}")
        elif element_bytes(left) != element_bytes(right):
            differences.append(f"{name}: other bytes")
    return len(first), sorted(differences)
