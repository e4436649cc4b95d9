"""What pickletools.dis prints of pickles of every protocol, as JSON: [{"pickle": base64, "text": …}, …]."""

import base64
import collections
import datetime
import decimal
import io
import json
import pickle
import pickletools
import uuid

VALUES = [
    None,
    [True, False, 0, 255, 256, 65536, -1, 2**31, -(2**70), 10**40],
    [0.1, float("nan"), float("inf"), -0.0],
    ["", "a", "é\u202e\"'\n", "\U0001f600", "x" * 300],
    [b"", b"a\0", b"x" * 300, bytearray(b"abc")],
    [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [[]], {"a": {"b": [1]}}],
    [{1, 2}, frozenset([1]), collections.OrderedDict(a=1), collections.deque([1, 2])],
    [datetime.date(2020, 1, 1), decimal.Decimal("1.5"), uuid.UUID(int=1), collections.Counter("aab")],
    {f"layers.{i}.weight": [i, str(i)] for i in range(300)},
]

if __name__ == "__main__":
    rows = []
    for value in VALUES:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            data = pickle.dumps(value, protocol)
            text = io.StringIO()
            pickletools.dis(data, text)
            rows.append({"pickle": base64.b64encode(data).decode(), "text": text.getvalue()})
    print(json.dumps(rows))
