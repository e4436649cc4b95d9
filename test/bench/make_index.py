"""Makes the `.metadata` of a large checkpoint for measurements: torch's own classes, pickled by Python as torch's
file system writer does. Names as of a transformer, each tensor cut into equal chunks along dimension 0.

python test/bench/make_index.py OUT.metadata --tensors 100000 [--ranks 8] [--chunk 512 4096]
    [--item-byte-length N] [--items-per-file N]
"""

import argparse
import pickle

import torch
from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.metadata import (
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    StorageMeta,
    TensorProperties,
    TensorStorageMetadata,
)

PARTS = ["attn.wq", "attn.wk", "attn.wv", "attn.wo", "ffn.w1", "ffn.w2", "ffn.w3", "attn_norm", "ffn_norm"]


def names_of(tensors: int) -> list[str]:
    """New str objects at each call: ranks send each other their results pickled, so that nothing is shared."""
    return [f"layers.{i // len(PARTS)}.{PARTS[i % len(PARTS)]}.weight" for i in range(tensors)]


def make(tensors: int, ranks: int, chunk: list[int], item_byte_length: int, items_per_file: int) -> Metadata:
    rows, columns = chunk
    entries = {
        name: TensorStorageMetadata(
            TensorProperties(dtype=torch.bfloat16),
            torch.Size([rows * ranks, columns]),
            [
                ChunkStorageMetadata(torch.Size([rows * rank, 0]), torch.Size([rows, columns]))
                for rank in range(ranks)
            ],
        )
        for name in names_of(tensors)
    }
    # The results of one rank come after those of another, as the coordinator gathers them.
    places = {}
    for rank in range(ranks):
        for number, name in enumerate(names_of(tensors)):
            file, position = divmod(number, items_per_file)
            if position == 0:
                file_name = f"__{rank}_{file}.distcp"
            index = MetadataIndex(name, torch.Size([rows * rank, 0]), rank)
            places[index] = _StorageInfo(file_name, position * item_byte_length, item_byte_length)
    return Metadata(
        state_dict_metadata=entries,
        planner_data={name: (name,) for name in names_of(tensors)},
        storage_data=places,
        storage_meta=StorageMeta(checkpoint_id="/checkpoints/step-1000", save_id="0d6f3a52-synthetic"),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--tensors", type=int, default=10_000)
    parser.add_argument("--ranks", type=int, default=8)
    parser.add_argument("--chunk", type=int, nargs=2, default=[512, 4096])
    parser.add_argument("--item-byte-length", type=int)
    parser.add_argument("--items-per-file", type=int)
    arguments = parser.parse_args()
    length = arguments.item_byte_length or arguments.chunk[0] * arguments.chunk[1] * 2 + 1577
    per_file = arguments.items_per_file or arguments.tensors
    with open(arguments.out, "wb") as out:
        pickle.dump(make(arguments.tensors, arguments.ranks, arguments.chunk, length, per_file), out)
