import { decodePickle } from '../../src/pickle/decode.js';
import { PyDict } from '../../src/pickle/dict.js';
import { encodePickle } from '../../src/pickle/encode.js';
import { findDifference } from '../../src/pickle/equal.js';
import {
  EMPTY_TUPLE,
  PyByteArray,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyList,
  PyObject,
  PyPersistentId,
  PySet,
  PyTuple,
  type PyValue,
} from '../../src/pickle/values.js';
import { Random } from '../random.js';
import { is, suite } from '../suite.js';
import { corpus, fromBase64, readable } from './corpus.js';

/** Random values with sharing and cycles. */
class Generator {
  private readonly made: PyValue[] = [];

  constructor(private readonly random: Random) {}

  value(depth: number): PyValue {
    const { random } = this;
    if (this.made.length > 0 && random.int(0, 5) === 0) return random.pick(this.made);
    return random.int(0, 9) < (depth > 0 ? 6 : 0) ? this.container(depth - 1) : this.plain();
  }

  private plain(): PyValue {
    const { random } = this;
    switch (random.int(0, 6)) {
      case 0:
        return random.pick<PyValue>([null, true, false]);
      case 1:
        return random.int(-(2 ** random.int(0, 50)), 2 ** random.int(0, 50));
      case 2:
        return BigInt(random.pick([1, -1])) * (2n ** BigInt(random.int(53, 300)) + BigInt(random.int(0, 9)));
      case 3:
        return new PyFloat(random.int(-(2 ** 31), 2 ** 31 - 1), random.int(-(2 ** 31), 2 ** 31 - 1));
      case 4:
        return this.text();
      case 5:
        return random.bytes(random.pick([0, 1, 2, 300]));
      default:
        return new PyGlobal('torch', random.pick(['float32', 'Size', 'bfloat16']));
    }
  }

  private text(): string {
    return Array.from({ length: this.random.int(0, 6) }, () =>
      this.random.pick(['a', 'b', 'é', '漢', '\u{1f600}', '\ud800x', '\n']),
    ).join('');
  }

  private many(depth: number): PyValue[] {
    return Array.from({ length: this.random.int(0, 5) }, () => this.value(depth));
  }

  private container(depth: number): PyValue {
    const { random } = this;
    switch (random.int(0, 7)) {
      case 0:
        return this.keep(new PyTuple(this.many(depth)));
      case 1: {
        const list = this.keep(new PyList());
        list.items.push(...this.many(depth));
        return list;
      }
      case 2: {
        const dict = this.keep(new PyDict());
        for (const value of this.many(depth))
          dict.set(random.pick<PyValue>([this.text(), random.int(0, 9)]), value);
        return dict;
      }
      case 3:
        return this.keep(new PySet([this.text(), random.int(0, 99)]));
      case 4:
        return this.keep(new PyFrozenSet([random.int(0, 99), new PyTuple([this.text()])]));
      case 5:
        return this.keep(new PyByteArray(random.bytes(random.int(0, 5))));
      case 6:
        return new PyPersistentId(new PyTuple(['storage', this.value(depth)]));
      default:
        return this.object(depth);
    }
  }

  private object(depth: number): PyObject {
    const { random } = this;
    const args = random.int(0, 1) === 0 ? EMPTY_TUPLE : new PyTuple(this.many(depth));
    const object = new PyObject(random.pick(['reduce', 'newobj']), new PyGlobal('m', 'C'), args);
    this.keep(object);
    if (random.int(0, 3) === 0) object.listItems = [this.value(depth), ...this.many(depth)];
    if (random.int(0, 3) === 0) object.dictItems = [[this.text(), this.value(depth)]];
    if (random.int(0, 1) === 0) object.state = this.value(depth);
    if (object.state !== undefined && random.int(0, 5) === 0) object.stateSetter = new PyGlobal('m', 'set');
    return object;
  }

  private keep<T extends PyValue>(value: T): T {
    this.made.push(value);
    return value;
  }
}

suite('decode(encode(value))', ({ each, test }) => {
  each(
    Array.from({ length: 20 }, (_, i) => i + 1),
    seed => `is the value, with its identities: seed ${seed}`,
    seed => {
      const random = new Random(seed);
      for (let i = 0; i < 50; i++) {
        const value = new Generator(random).value(6);
        const bytes = encodePickle(value);
        const again = decodePickle(bytes).value;
        is(findDifference(value, again)?.what, undefined);
        is(
          readable(encodePickle(decodePickle(bytes, { keepStringIdentity: 'written' }).value)),
          readable(bytes),
        );
      }
    },
  );
  test('encoding what was decoded gives the same whether or not str identity was kept, but for references', () => {
    for (const pickle of corpus.random.slice(0, 50)) {
      const bytes = fromBase64(pickle);
      const [loose, strict] = [decodePickle(bytes), decodePickle(bytes, { keepStringIdentity: 'written' })];
      is(findDifference(loose.value, strict.value), undefined);
    }
  });
});

suite('a damaged pickle', ({ test }) => {
  test('gives a value or one of our errors, never another error', () => {
    const random = new Random(99);
    const pickles = [...corpus.random, ...Object.values(corpus.torch)].map(fromBase64);
    for (let i = 0; i < 3000; i++) {
      const bytes = random.pick(pickles).slice();
      for (let k = random.int(1, 4); k > 0; k--) bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
      let value: PyValue;
      try {
        ({ value } = decodePickle(
          bytes.subarray(0, random.int(1, 3) === 1 ? random.int(0, bytes.length) : undefined),
        ));
      } catch (error) {
        is((error as { code?: string }).code !== undefined, true, String(error));
        continue;
      }
      try {
        decodePickle(encodePickle(value));
      } catch (error) {
        is((error as { code?: string }).code !== undefined, true, String(error));
      }
    }
  });
});
