import { PyDict } from '../pickle/dict.js';
import { PyGlobal, PyList, PyObject, PyTuple, type PyValue, textOf } from '../pickle/values.js';

/** Where the constants of a program stand in its tree: its code calls them `CONSTANTS.c0`, `CONSTANTS.c1`, … */
const CONSTANTS = 'CONSTANTS';

/** Attributes that every module has and that are no weights. */
const OF_EVERY_MODULE = new Set(['training', '_is_full_backward_hook']);

/**
 * The state of a TorchScript module as nested dicts: its parameters, buffers and other attributes under the names
 * that `state_dict()` gives them, and the tensors among its constants.
 *
 * The module is an object of a class of the program's own (`__torch__.…`), whose state holds its attributes and
 * submodules. Source: `ScriptModuleSerializer` in torch/csrc/jit/serialization/export_module.cpp, and archives.
 */
export function treeOfTorchScript(module: PyValue, constants: PyValue): PyValue {
  const tree = stateOf(module, new Map());
  if (!(tree instanceof PyDict) || !(constants instanceof PyTuple)) return tree;
  const named = constants.items.map((value, i): [PyValue, PyValue] => [`c${i}`, value]);
  const tensors = named.filter(([, value]) => value instanceof PyObject);
  let name = CONSTANTS;
  while (tree.getText(name) !== undefined) name += '#';
  if (tensors.length > 0) tree.set(name, PyDict.of(tensors));
  return tree;
}

function stateOf(value: PyValue, met: Map<PyValue, PyValue>): PyValue {
  const known = met.get(value);
  if (known !== undefined) return known;
  if (isModule(value)) {
    const state = new PyDict();
    met.set(value, state);
    for (const [key, item] of value.state.entries()) {
      if (!OF_EVERY_MODULE.has(textOf(key) ?? '')) state.set(key, stateOf(item, met));
    }
    return state;
  }
  const inner = withoutTypeTag(value);
  if (inner !== value) return stateOf(inner, met);
  if (value instanceof PyList) {
    const list = new PyList();
    met.set(value, list);
    for (const item of value.items) list.items.push(stateOf(item, met));
    return list;
  }
  if (value instanceof PyDict) {
    const dict = new PyDict();
    met.set(value, dict);
    for (const [key, item] of value.entries()) dict.set(key, stateOf(item, met));
    return dict;
  }
  return value;
}

function isModule(value: PyValue): value is PyObject & { state: PyDict } {
  return (
    value instanceof PyObject &&
    value.callable instanceof PyGlobal &&
    /^__torch__(\.|$)/.test(value.callable.module) &&
    value.state instanceof PyDict
  );
}

/** Lists and dicts are given with their element type: `restore_type_tag(value, type)`, `build_tensorlist([…])`, … */
function withoutTypeTag(value: PyValue): PyValue {
  if (!(value instanceof PyObject) || !(value.callable instanceof PyGlobal)) return value;
  if (value.callable.module !== 'torch.jit._pickle') return value;
  return value.args.items[0] ?? value;
}
