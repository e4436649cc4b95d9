"""What PyTorch itself says about checkpoints: the other side of the interop tests.

    python judge.py COMMAND ARGUMENT…     one JSON document on stdout
    python judge.py serve                 one request a line on stdin, one answer a line on stdout:
                                          {"id": 1, "command": "load", "args": ["model.pth", "--mmap"]}
                                          (importing torch takes seconds, so tests keep one such process)

Every answer holds `ok`; `ok: false` holds `error`, torch's own text. `--define MODULE.CLASS` (repeatable, any
command) gives a class that exists nowhere a stand-in, so that objects of it load.

Two things differ from a plain Python, both in this process only: `pathlib._local` is `pathlib`, so that
checkpoints saved under Python 3.13 load under others; and `os.system` runs nothing.
"""

import argparse
import contextlib
import json
import logging
import math
import os
import pathlib
import sys
import types
import warnings

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "fixtures"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.modules.setdefault("pathlib._local", pathlib)

import torch  # noqa: E402
import torch.nn as nn  # noqa: E402
from torch.distributed.checkpoint import HuggingFaceStorageReader  # noqa: E402
from torch.distributed.checkpoint._nested_dict import flatten_state_dict  # noqa: E402
from torch.distributed.checkpoint.api import CheckpointException  # noqa: E402
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save, torch_save_to_dcp  # noqa: E402

import arrays  # noqa: E402
import directories  # noqa: E402
import trees  # noqa: E402
from flows.golden import element_bytes  # noqa: E402
from flows.index_files import AnyIndexReader  # noqa: E402

class Arguments(argparse.ArgumentParser):
    def error(self, message):
        raise ValueError(f"{self.format_usage().strip()}: {message}")


COMMANDS = {}
MAX_DIFFERENCES = 200


def command(*arguments, **flags):
    """Registers a function under its name. `flags`: option name → keywords of `add_argument`."""

    def register(function):
        parser = Arguments(prog=function.__name__, add_help=False)
        for name in arguments:
            parser.add_argument(name)
        for name, keywords in flags.items():
            parser.add_argument(f"--{name.replace('_', '-')}", **keywords)
        parser.add_argument("--define", action="append", default=[], metavar="MODULE.CLASS")
        COMMANDS[function.__name__] = (parser, function)
        return function

    return register


@command("checkpoint", "out", any_index={"action": "store_true"})
def dcp_to_torch(checkpoint, out, any_index):
    """Torch's converter, DCP directory to torch.save file. `--any-index`: what the converter does, with an index
    that torch's reader cannot read by itself (of torch 1.13, or one a rank)."""
    if any_index:
        torch.save(directories.load(checkpoint, AnyIndexReader), out)
    else:
        dcp_to_torch_save(checkpoint, out)
    return {}


@command("source", "directory")
def torch_to_dcp(source, directory):
    """Torch's converter, torch.save file to DCP directory."""
    torch_save_to_dcp(source, directory)
    return {}


@command("path", weights_only={"action": "store_true"}, mmap={"action": "store_true"})
def load(path, weights_only, mmap):
    """Whether torch.load takes the file; how many tensors and other leaves it holds."""
    golden = trees.describe(torch.load(path, weights_only=weights_only, mmap=mmap))
    return {"tensors": len(golden["tensors"]), "objects": len(golden["objects"])}


@command("a", "b", ignore={"action": "append", "default": []})
def compare(a, b, ignore):
    """Differences between what two torch.save files load to; `--ignore WHAT` leaves out one kind."""
    differences = trees.compare(
        torch.load(a, weights_only=False), torch.load(b, weights_only=False), ignored=frozenset(ignore)
    )
    return verdict(differences)


@command("a", "b", ignore={"action": "append", "default": []})
def compare_dcp(a, b, ignore):
    """Differences between two DCP directories: index, stored items one by one, and the loaded state dict."""
    differences, load_errors = directories.compare(a, b, frozenset(ignore), error_text)
    return verdict(differences) | load_errors


@command("a", "b", without={"action": "append", "default": []})
def compare_tensors(a, b, without):
    """Differences between the tensors of two checkpoints of any format, by FQN."""
    import flat

    count, differences = flat.compare(a, b, without)
    return verdict(differences) | {"tensors": count}


@command("path")
def state_json(path):
    """Whether the two state files of a directory of safetensors hold the same."""
    loaded = torch.load(pathlib.Path(path) / "state.pth", weights_only=True)
    read = json.loads((pathlib.Path(path) / "state.json").read_text())
    return {"equal": repr(loaded) == repr(read), "found": repr(read)}


@command("directory")
def load_dcp(directory):
    """Whether torch loads the whole directory into an empty state dict."""
    golden = trees.describe(directories.load(directory))
    return {"tensors": len(golden["tensors"]), "objects": len(golden["objects"])}


@command("directory")
def describe_dcp(directory):
    """What torch loads from a directory: tensors with their values, other leaves with their repr."""
    tensors, objects = [], []

    def plain(value):
        if isinstance(value, list):
            return [plain(item) for item in value]
        if isinstance(value, complex) or (isinstance(value, int) and abs(value) >= 2**53):
            return str(value)
        return value

    def visit(value, path):
        if isinstance(value, torch.Tensor):
            values = [str(v) for v in value.tolist()] if value.dtype == torch.int64 else plain(value.tolist())
            tensors.append({"path": path, "dtype": str(value.dtype)[6:], "shape": list(value.shape), "values": values})
        elif isinstance(value, dict):
            for key, item in value.items():
                visit(item, [*path, key])
        elif isinstance(value, list) and any(isinstance(item, (dict, torch.Tensor)) for item in value):
            for i, item in enumerate(value):
                visit(item, [*path, i])
        elif isinstance(value, tuple) and any(isinstance(item, torch.Tensor) for item in value):
            shown = ["tensor" if isinstance(item, torch.Tensor) else repr(item) for item in value]
            objects.append({"path": path, "repr": f"({', '.join(shown)})"})
            for i, item in enumerate(value):
                if isinstance(item, torch.Tensor):
                    visit(item, [*path, i])
        else:
            objects.append({"path": path, "repr": repr(value)})

    visit(directories.load(directory), [])
    return {"tensors": tensors, "objects": objects}


@command("a", "b")
def compare_loaded(a, b):
    """Differences between what two DCP directories load to, key by flat key."""
    loaded = []
    for directory in (a, b):
        flat, _ = flatten_state_dict(directories.load(directory))
        loaded.append(dict(sorted(flat.items())))
    return verdict(trees.compare(*loaded, ignored=frozenset()))


@command("directory")
def load_hugging_face(directory):
    """Whether torch reads the whole directory into an empty state dict, by its Hugging Face reader."""
    return {"tensors": len(trees.describe(directories.load(directory, HuggingFaceStorageReader))["tensors"])}


@command(
    "project",
    "model",
    "directory",
    dtype={"default": "bfloat16"},
    bias={"action": "store_true"},
    tied={"action": "store_true"},
)
def make_model(project, model, directory, dtype, bias, tied):
    """Writes a small random model as Hugging Face names it and as a project does, and its config."""
    from maps import projects

    return projects.write(project, model, directory, dtype, bias, tied)


@command("directory", tied={"action": "store_true"})
def make_transformer(directory, tied):
    """Writes a small random LlamaForCausalLM with its save_pretrained."""
    import hugging_face

    return hugging_face.make(directory, tied)


@command("a", "b")
def compare_transformers(a, b):
    """What from_pretrained says of two directories, and whether both models compute the same."""
    import hugging_face

    return hugging_face.compare(a, b)


@command("npz", "source", raw_bits={"action": "store_true"})
def compare_arrays(npz, source, raw_bits):
    """Differences between the arrays of a .npz file and the tensors of those names in a torch.save file."""
    return arrays.compare_arrays(npz, source, raw_bits)


@command("a", "b", "seed")
def make_pair(a, b, seed):
    """Saves two state dicts with tensors of many types and shapes, which differ here and there."""
    arrays.make_pair(a, b, int(seed))
    return {}


@command("a", "b", atol={"type": float, "default": 0.0}, rtol={"type": float, "default": 0.0})
def differences_of(a, b, atol, rtol):
    """How the tensors of two torch.save files differ, by name."""
    return {"rows": arrays.differences_of(a, b, atol, rtol)}


@command("path")
def read_text(path):
    """The elements that numpy.loadtxt reads."""
    return {"elements": arrays.read_text(path)}


@command("path")
def torch_script(path):
    """The state_dict() of a program: for each name type, shape, requires_grad and SHA-256."""
    state = torch.jit.load(path).state_dict(keep_vars=True)
    rows = trees.describe(dict(state))["tensors"]
    return {"state": {row["path"][0]: [row[f] for f in ("dtype", "shape", "requires_grad", "sha256")] for row in rows}}


@command("path")
def stats(path):
    """What torch counts in every strided tensor of a state dict, by FQN; moments in float64."""
    loaded = directories.load(path) if os.path.isdir(path) else torch.load(path, weights_only=False)
    flat, _ = flatten_state_dict(loaded)
    rows = {}
    for name, value in flat.items():
        if isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_quantized:
            with contextlib.suppress(NotImplementedError, RuntimeError):
                rows[name] = number_stats(value.detach())
    return {"tensors": rows}


def number_stats(tensor):
    """By torch's own functions, over `t[isfinite(t)]`; of complex tensors over both components."""
    tensor = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
    tensor = tensor.resolve_neg().contiguous()
    numbers = tensor.double() if tensor.is_floating_point() or tensor.dtype == torch.bool else tensor
    finite = numbers[torch.isfinite(numbers)]
    row = {
        "nan_count": int(torch.isnan(numbers).sum()),
        "inf_count": int(torch.isinf(numbers).sum()),
        "zero_count": int((numbers == 0).sum()),
    }
    if finite.numel() == 0:
        return row | dict.fromkeys(("min", "max", "mean", "mean_abs", "std", "norm"))
    wide = finite.double()
    # Scaled, so that squares of the largest numbers stay in range.
    scale = 2.0 ** math.floor(math.log2(max(wide.abs().max().item(), 2.0**-1000)))
    scaled = wide / scale
    return row | {
        "min": str(finite.min().item()),
        "max": str(finite.max().item()),
        "mean": scaled.mean().item() * scale,
        "mean_abs": scaled.abs().mean().item() * scale,
        "std": scaled.std(correction=0).item() * scale,
        "norm": repr(torch.linalg.vector_norm(scaled).item() * scale),
    }


@command("path")
def resume_adam(path):
    """One more step of training from `{'model', 'optimizer'}` of the `int_keys` fixture.

    `steps` are Adam's step counts after it: 4.0 if the three saved steps were found again, 1.0 if Adam began
    anew. `sha256` is of all parameters, so that two files that resume alike can be told so.
    """
    state = torch.load(path, weights_only=False)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    model(torch.arange(24.0).reshape(4, 6) / 24).sum().backward()
    optimizer.step()
    parameters = list(model.parameters())
    return {
        "steps": [float(optimizer.state[p]["step"]) for p in parameters],
        "lr": optimizer.param_groups[0]["lr"],
        "sha256": trees.sha256(b"".join(element_bytes(p) for p in parameters)),
    }


@command("path", "count")
def make_patterns(path, count):
    """A torch.save file of every float16 and bfloat16, and of random bit patterns of float32 and float64."""
    generator = torch.Generator().manual_seed(5)
    shorts = torch.arange(-32768, 32768, dtype=torch.int32).to(torch.int16)
    longs = torch.randint(-(2**63), 2**63 - 1, (int(count),), dtype=torch.int64, generator=generator)
    # Random exponents of float64 are nearly all beyond float32: half of them are drawn near it.
    near = (longs & ~(0x7FF << 52)) | ((torch.randint(1023 - 160, 1023 + 140, longs.shape, generator=generator)) << 52)
    words = torch.randint(-(2**31), 2**31 - 1, (int(count),), dtype=torch.int64, generator=generator).to(torch.int32)
    state = {
        "f16": shorts.view(torch.float16).clone(),
        "bf16": shorts.view(torch.bfloat16).clone(),
        "f32": words.view(torch.float32),
        "f64": torch.where(torch.arange(int(count)) % 2 == 0, longs, near).view(torch.float64),
    }
    torch.save(state, path)
    return {}


@command("source", "out", "dtype")
def compare_cast(source, out, dtype):
    """Elements of `out` that are not those of `source` cast by torch (NaN for NaN), and finite ones made infinite."""
    import flat

    dtype = getattr(torch, dtype)
    loaded = flat.load(out)
    differing, overflows, elements = {}, {}, 0
    for fqn, tensor in torch.load(source).items():
        expected, found = tensor.to(dtype), loaded[fqn]
        assert found.dtype == dtype, f"{fqn} is {found.dtype}"
        bits = {2: torch.int16, 4: torch.int32}[dtype.itemsize]
        same = (expected.view(bits) == found.view(bits)) | (expected.isnan() & found.isnan())
        elements += same.numel()
        if not same.all():
            differing[fqn] = [tensor[~same][:5].tolist(), expected[~same][:5].tolist(), found[~same][:5].tolist()]
        if tensor.dtype != dtype:
            overflows[str(tensor.dtype)[6:]] = int((tensor.isfinite() & expected.isinf()).sum())
    return {"differing": differing, "overflows": overflows, "elements": elements}


def verdict(differences):
    return {
        "equal": not differences,
        "difference_count": len(differences),
        "differences": differences[:MAX_DIFFERENCES],
    }


def error_text(error):
    """`Type: message`. For a CheckpointException, of the first rank's own error."""
    if isinstance(error, CheckpointException):
        error = next(iter(error.failures.values()))[0]
    return f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def stand_ins(names):
    """Defines the named classes while the command runs."""
    before = set(sys.modules)
    for name in names:
        module_name, _, class_name = name.rpartition(".")
        parts = module_name.split(".")
        for end in range(1, len(parts) + 1):
            part = ".".join(parts[:end])
            sys.modules.setdefault(part, types.ModuleType(part))
        setattr(sys.modules[module_name], class_name, type(class_name, (), {"__module__": module_name}))
    try:
        yield
    finally:
        for module_name in set(sys.modules) - before:
            if any(name.startswith(f"{module_name}.") for name in names):
                del sys.modules[module_name]


def run(name, args):
    """Runs one command. Whatever it prints goes to stderr: stdout holds answers only."""
    if name not in COMMANDS:
        return {"ok": False, "error": f"no command {name!r}; there are {', '.join(COMMANDS)}"}
    try:
        parser, function = COMMANDS[name]
        options = vars(parser.parse_args(args))
        with contextlib.redirect_stdout(sys.stderr), stand_ins(options.pop("define")):
            return {"ok": True} | function(**options)
    except (Exception, CheckpointException) as error:
        return {"ok": False, "error": error_text(error)}


def serve():
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"id": request.get("id")} | run(request["command"], request.get("args", []))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def run_nothing(text):
    """Stands in for os.system, so that a checkpoint that names it does no harm here."""
    return f"os.system was called with {text!r}"


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    if sys.argv[1:] == ["serve"]:
        serve()
        return 0
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    answer = run(sys.argv[1], sys.argv[2:])
    print(json.dumps(answer, indent=1))
    return 0 if answer["ok"] else 1


os.system = sys.modules[os.name].system = run_nothing

if __name__ == "__main__":
    sys.exit(main())
