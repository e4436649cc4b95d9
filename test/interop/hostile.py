"""What Python does with hostile files: each is loaded in a process of its own, in an empty directory.

    python hostile.py < jobs      jobs: JSON, [{"path": …, "loader": …}, …]
                                  answer: JSON, [{"executed": bool, "error": text or null}, …]

The payloads write a file `executed` into the working directory, and nothing else.
"""

import gzip
import json
import os
import pickle
import resource
import shutil
import sys
import tempfile
import warnings

import numpy
import torch

warnings.filterwarnings("ignore")
SECONDS = 60


def load(path, loader):
    if loader == "torch":
        torch.load(path, weights_only=False)
    elif loader == "numpy":
        loaded = numpy.load(path, allow_pickle=True)
        if hasattr(loaded, "files"):
            for name in loaded.files:
                loaded[name]
    elif loader == "gzip":
        with gzip.open(path) as file:
            pickle.load(file)
    else:
        with open(path, "rb") as file:
            pickle.load(file)
            if loader == "pickle twice":
                pickle.load(file)


def run(path, loader):
    """In a child: what a payload or a crash does to it does not reach the others."""
    directory = tempfile.mkdtemp()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        os.chdir(directory)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        text = ""
        try:
            load(path, loader)
        except BaseException as error:  # noqa: BLE001
            text = f"{type(error).__name__}: {error}"[:500]
        os.write(write_end, text.encode("utf-8", "replace"))
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        error = pipe.read().decode("utf-8", "replace")
    os.waitpid(child, 0)
    executed = os.path.exists(os.path.join(directory, "executed"))
    shutil.rmtree(directory)
    return {"executed": executed, "error": error or None}


json.dump([run(job["path"], job["loader"]) for job in json.load(sys.stdin)], sys.stdout)
