import { decodePickle } from '../../src/pickle/decode.js';
import { PyDict } from '../../src/pickle/dict.js';
import { toPythonLiteral } from '../../src/pickle/literal.js';
import {
  EMPTY_TUPLE,
  PyExternal,
  PyFloat,
  PyGlobal,
  PyList,
  PyObject,
  PyPersistentId,
  PyTuple,
  type PyValue,
} from '../../src/pickle/values.js';
import { is, ok, suite } from '../suite.js';
import { corpus, fromBase64 } from './corpus.js';

const call = (path: string, ...args: PyValue[]): PyObject => {
  const dot = path.lastIndexOf('.');
  return new PyObject('reduce', new PyGlobal(path.slice(0, dot), path.slice(dot + 1)), new PyTuple(args));
};

suite('toPythonLiteral: what repr prints', ({ each }) => {
  each(
    corpus.literals,
    row => row.repr,
    row => is(toPythonLiteral(decodePickle(fromBase64(row.pickle)).value), row.repr),
  );
});

suite('toPythonLiteral: objects', ({ test }) => {
  test('calls, items, attributes', () => {
    const dict = call('collections.OrderedDict');
    dict.dictItems = [['a', 1]];
    is(toPythonLiteral(dict), "collections.OrderedDict({'a': 1})");
    const counts = call('collections.defaultdict', new PyGlobal('builtins', 'int'));
    counts.dictItems = [['a', PyFloat.of(2)]];
    is(toPythonLiteral(counts), "collections.defaultdict(int, {'a': 2.0})");
    const deque = call('collections.deque');
    deque.listItems = [1, 2];
    is(toPythonLiteral(deque), 'collections.deque([1, 2])');
    const namespace = new PyObject('newobj', new PyGlobal('argparse', 'Namespace'), EMPTY_TUPLE);
    namespace.state = PyDict.of([
      ['lr', PyFloat.of(0.1)],
      ['name', 'run'],
    ]);
    is(toPythonLiteral(namespace), "argparse.Namespace(lr=0.1, name='run')");
    namespace.state = new PyTuple([null, PyDict.of([['slot', 1]])]);
    is(toPythonLiteral(namespace), 'argparse.Namespace(slot=1)');
    namespace.state = new PyTuple([1, 2, 3]);
    is(toPythonLiteral(namespace), 'argparse.Namespace(state=(1, 2, 3))');
    is(toPythonLiteral(call('torch.device', 'cuda', 1)), "torch.device('cuda', 1)");
  });
  test('persistent ids and leaves', () => {
    class Leaf extends PyExternal {
      protected readonly external = true;
    }
    is(toPythonLiteral(new PyPersistentId('x')), "<persistent id 'x'>");
    is(toPythonLiteral(new PyList([new Leaf()])), '[<Leaf>]');
    is(toPythonLiteral(new PyList([new Leaf()]), { external: () => 'tensor' }), '[tensor]');
  });
  test('values that contain themselves', () => {
    const list = new PyList();
    list.items.push(1, list);
    is(toPythonLiteral(list), '[1, [...]]');
    const dict = new PyDict();
    dict.set('me', dict);
    is(toPythonLiteral(dict), "{'me': {...}}");
    const object = call('m.C');
    object.state = PyDict.of([['me', object]]);
    is(toPythonLiteral(object), 'm.C(me=...)');
  });
});

suite('toPythonLiteral: length', ({ test }) => {
  const numbers = new PyList(Array.from({ length: 100_000 }, (_, i) => i));
  test('is cut where told', () => {
    is(toPythonLiteral(numbers, { maxLength: 20 }), '[0, 1, 2, 3, 4, 5...');
    is(toPythonLiteral(numbers).length, 200);
    is(toPythonLiteral('x'.repeat(1e6), { maxLength: 10 }), "'xxxxxx...");
    is(toPythonLiteral('\u{1f600}'.repeat(9), { maxLength: 7 }), "'\u{1f600}...");
    is(toPythonLiteral('abc', { maxLength: 5 }), "'abc'");
    is(toPythonLiteral('abc', { maxLength: 0 }), '...');
  });
  test('values that repeat themselves without end take no time', () => {
    let value: PyValue = new PyList();
    for (let i = 0; i < 80; i++) value = new PyTuple([value, value]);
    ok(toPythonLiteral(value).endsWith('...'));
  });
  test('nesting ends somewhere', () => {
    let value: PyValue = 1;
    for (let i = 0; i < 5000; i++) value = new PyTuple([value]);
    ok(toPythonLiteral(value, { maxLength: 1e6 }).includes('...'));
  });
});
