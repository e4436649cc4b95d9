"""What numpy and torch say of extracted arrays, and of how two state dicts differ."""

import numpy
import torch

UNSIGNED = {1: torch.uint8, 2: torch.uint16, 4: torch.uint32}
WIDER = {torch.complex32: torch.complex64}


def flat(value, path=()):
    """The tensors of a nested dict, by their keys joined with dots."""
    if isinstance(value, torch.Tensor):
        yield ".".join(path), value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from flat(item, (*path, str(key)))


def as_numpy(tensor, raw_bits=False):
    """The array that numpy users expect; of a type that numpy lacks the wider one, or its bits."""
    tensor = tensor.detach().resolve_conj().resolve_neg().contiguous()
    try:
        return tensor.numpy()
    except TypeError:
        if raw_bits:
            return tensor.view(UNSIGNED[tensor.element_size()]).numpy()
        return tensor.to(WIDER.get(tensor.dtype, torch.float32)).numpy()


def compare_arrays(npz, source, raw_bits):
    """Differences between the arrays of a .npz file and the tensors of a torch.save file, by name."""
    tensors = dict(flat(torch.load(source, weights_only=False)))
    differences = []
    with numpy.load(npz, allow_pickle=False) as arrays:
        for name in arrays.files:
            found, expected = arrays[name], as_numpy(tensors[name], raw_bits)
            if (found.dtype, found.shape) != (expected.dtype, expected.shape):
                differences.append(f"{name}: {found.dtype} {found.shape}, not {expected.dtype} {expected.shape}")
            elif not numpy.array_equal(found, expected, equal_nan=found.dtype.kind in "fc"):
                differences.append(f"{name}: other values")
        return {"arrays": len(arrays.files), "differences": differences}


DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128,
    torch.float8_e4m3fn, torch.float8_e5m2, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8,
    torch.uint16, torch.uint32, torch.bool,
]  # fmt: skip
SHAPES = [(), (1,), (7, 5), (3, 1, 4), (0, 3), (300, 41)]


def make_pair(a, b, seed):
    """Saves two state dicts that differ here and there; returns nothing."""
    torch.manual_seed(seed)
    left, right = {}, {}
    for dtype in DTYPES:
        for shape in SHAPES:
            name = f"{str(dtype).removeprefix('torch.')}_{'x'.join(map(str, shape))}"
            base = torch.randn(shape, dtype=torch.float64) * 20
            change = torch.where(torch.rand(shape) < 0.2, torch.randn(shape, dtype=torch.float64), 0)
            for state, values in ((left, base), (right, base + change)):
                if dtype.is_floating_point:
                    values = torch.where(torch.rand(shape) < 0.02, torch.nan, values)
                    values = torch.where(torch.rand(shape) < 0.02, torch.inf, values)
                    values = torch.where(torch.rand(shape) < 0.05, -0.0, values)
                if not (dtype.is_floating_point or dtype.is_complex or dtype.is_signed):
                    values = values.abs()
                state[name] = values.to(torch.int64).to(dtype) if dtype == torch.bool else values.to(dtype)
    torch.save(left, a)
    torch.save(right, b)


def differences_of(a, b, atol, rtol):
    """For each tensor of two torch.save files: what `dcp diff` tells, computed with torch in float64."""
    left, right = (dict(flat(torch.load(path))) for path in (a, b))
    rows = {}
    for name, x in left.items():
        y = right[name]
        size = x.element_size()
        bits_x, bits_y = (t.contiguous().reshape(-1, 1).view(torch.uint8).reshape(-1, size) for t in (x, y))
        differs = (bits_x != bits_y).any(dim=1)
        if not differs.any():
            continue
        wide = torch.complex128 if x.dtype.is_complex else torch.float64
        p, q = x.to(wide).reshape(-1), y.to(wide).reshape(-1)
        close = torch.isclose(p, q, atol=atol, rtol=rtol, equal_nan=True)
        finite = torch.isfinite(p) & torch.isfinite(q)
        distance = (p - q).abs()[differs & finite]
        magnitude = q.abs()[differs & finite]
        relative = (distance / magnitude)[magnitude > 0]
        first = int(differs.nonzero()[0])
        rows[name] = {
            "differing": int(differs.sum()),
            "beyond": int((~close).sum()),
            "non_finite": int((differs & ~finite).sum()),
            "first": list(numpy.unravel_index(first, x.shape)) if x.dim() else [],
            "max_abs": float(distance.max()) if len(distance) else None,
            "max_rel": float(relative.max()) if len(relative) else None,
        }
        rows[name]["first"] = [int(i) for i in rows[name]["first"]]
    return rows


def read_text(path):
    """What numpy.loadtxt makes of a text: its elements as a flat list."""
    return numpy.loadtxt(path, dtype=numpy.float64, ndmin=1).reshape(-1).tolist()
