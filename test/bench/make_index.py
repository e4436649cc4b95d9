"""Makes the `.metadata` of a large checkpoint for measurements: torch's own classes, pickled by Python as torch's
file system writer does. Names as of a transformer, each tensor cut into chunks of [512, 4096] along dimension 0.

python test/bench/make_index.py OUT.metadata --tensors 100000 [--ranks 8]
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

ROWS, COLUMNS = 512, 4096
ITEM_BYTE_LENGTH = ROWS * COLUMNS * 2 + 1573
PARTS = ["attn.wq", "attn.wk", "attn.wv", "attn.wo", "ffn.w1", "ffn.w2", "ffn.w3", "attn_norm", "ffn_norm"]


def names_of(tensors: int) -> list[str]:
    """New str objects at each call: ranks send each other their results pickled, so that nothing is shared."""
    return [f"layers.{i // len(PARTS)}.{PARTS[i % len(PARTS)]}.weight" for i in range(tensors)]


def make(tensors: int, ranks: int) -> Metadata:
    entries = {
        name: TensorStorageMetadata(
            TensorProperties(dtype=torch.bfloat16),
            torch.Size([ROWS * ranks, COLUMNS]),
            [
                ChunkStorageMetadata(torch.Size([ROWS * rank, 0]), torch.Size([ROWS, COLUMNS]))
                for rank in range(ranks)
            ],
        )
        for name in names_of(tensors)
    }
    # The results of one rank come after those of another, as the coordinator gathers them.
    places = {}
    for rank in range(ranks):
        file_name = f"__{rank}_0.distcp"
        for position, name in enumerate(names_of(tensors)):
            index = MetadataIndex(name, torch.Size([ROWS * rank, 0]), rank)
            places[index] = _StorageInfo(file_name, position * ITEM_BYTE_LENGTH, ITEM_BYTE_LENGTH)
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
    arguments = parser.parse_args()
    with open(arguments.out, "wb") as file:
        pickle.dump(make(arguments.tensors, arguments.ranks), file)
