"""Which globals CPython looks up while it loads pickles: by its C unpickler, and by the one in Python.

    python find_class.py < jobs       jobs: JSON, [hexadecimal text, …]
                                      answer: JSON, [[[module, name], …], …]

Nothing is imported or called: every global is a class that takes anything.
"""

import io
import json
import pickle
import resource
import sys

resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))


class Anything:
    def __new__(cls, *args, **kwargs):
        return object.__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return self

    def ignore(self, *args, **kwargs):
        pass

    append = extend = add = __setitem__ = __setstate__ = ignore


def logging(base, log):
    class Unpickler(base):
        def find_class(self, module, name):
            log.add((module, name))
            return Anything

        def persistent_load(self, pid):
            return None

    return Unpickler


def looked_up(data):
    log = set()
    for base in (pickle.Unpickler, pickle._Unpickler):
        try:
            logging(base, log)(io.BytesIO(data)).load()
        except BaseException:  # noqa: BLE001
            pass
    return sorted(log)


json.dump([looked_up(bytes.fromhex(job)) for job in json.load(sys.stdin)], sys.stdout)
