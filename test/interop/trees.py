"""Compares nested Python values as checkpoints hold them, by types, order, bytes, strides and sharing."""

import hashlib

from flows.golden import describe

__all__ = ["compare", "compare_goldens", "describe", "sha256"]

# Fields of a tensor's row that are compared as they are; `storage` is compared as a grouping.
TENSOR_FIELDS = (
    "dtype", "shape", "layout", "device", "stride", "storage_offset", "storage_byte_length", "requires_grad",
    "type", "conj", "neg", "sha256",
)  # fmt: skip


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def compare(a, b, ignored=frozenset()):
    return compare_goldens(describe(a), describe(b), ignored)


def compare_goldens(a, b, ignored=frozenset()):
    """Rows {path, what, a, b}.

    `what`: a field of TENSOR_FIELDS, `shares_storage_with` (the path of the first tensor on the same memory),
    or for everything else `type`, `keys` (which, and in which order), `length`, `value`, `identity`.
    """
    walk = Walk(a, b, ignored)
    walk.nodes(a["tree"], b["tree"], [])
    return walk.differences


class Walk:
    def __init__(self, a, b, ignored):
        self.a = with_sharing(a["tensors"])
        self.b = with_sharing(b["tensors"])
        self.ignored = ignored
        self.differences = []

    def differ(self, path, what, a, b):
        if what not in self.ignored:
            self.differences.append({"path": path, "what": what, "a": a, "b": b})

    def nodes(self, a, b, path):
        """`a` and `b` are encoded values: scalars as they are, everything else a dict of one member (floats: two)."""
        kind_a, kind_b = kind_of(a), kind_of(b)
        if kind_a != kind_b:
            what = "identity" if "same_as" in (kind_a, kind_b) else "type"
            self.differ(path, what, brief(a), brief(b))
        elif kind_a == "tensor":
            self.tensors(self.a[a["tensor"]], self.b[b["tensor"]], path)
        elif kind_a in ("tuple", "list"):
            self.sequences(a[kind_a], b[kind_a], path)
        elif kind_a == "dict":
            self.dicts(a["dict"], b["dict"], path)
        elif kind_a in ("set", "frozenset"):
            if sorted(map(repr, a[kind_a])) != sorted(map(repr, b[kind_a])):
                self.differ(path, "value", brief(a), brief(b))
        elif kind_a == "object":
            self.objects(a["object"], b["object"], path)
        elif a != b:
            self.differ(path, "identity" if kind_a == "same_as" else "value", brief(a), brief(b))

    def sequences(self, a, b, path):
        if len(a) != len(b):
            self.differ(path, "length", len(a), len(b))
        for i, (x, y) in enumerate(zip(a, b)):
            self.nodes(x, y, [*path, i])

    def dicts(self, a, b, path):
        keys_a, keys_b = [k for k, _ in a], [k for k, _ in b]
        if repr(keys_a) != repr(keys_b):  # == would take 1 for True
            self.differ(path, "keys", keys_a, keys_b)
        values_b = {repr(k): v for k, v in b}
        for key, value in a:
            if repr(key) in values_b:
                name = key if isinstance(key, (str, int)) else repr(key)
                self.nodes(value, values_b[repr(key)], [*path, name])

    def objects(self, a, b, path):
        for member in sorted(a.keys() | b.keys()):
            x, y = a.get(member), b.get(member)
            if member == "list_items" and x is not None and y is not None:
                self.sequences(x, y, path)
            elif member == "dict_items" and x is not None and y is not None:
                self.dicts(x, y, path)
            else:
                self.nodes(x, y, [*path, f".{member}"])

    def tensors(self, a, b, path):
        for field in (*TENSOR_FIELDS, "shares_storage_with"):
            if a.get(field) != b.get(field):
                self.differ(path, field, a.get(field), b.get(field))
        self.nodes(a.get("attributes"), b.get("attributes"), [*path, ".attributes"])


def with_sharing(rows):
    """Names the first tensor on the same storage: one changed tie is then one difference, not all after it."""
    first = {}
    return [
        row | {"shares_storage_with": first.setdefault(row["storage"], row["path"]) if "storage" in row else None}
        for row in rows
    ]


def kind_of(node):
    return next(iter(node)) if isinstance(node, dict) else type(node).__name__


def brief(node):
    text = repr(node)
    return node if len(text) <= 300 else text[:300] + "…"
