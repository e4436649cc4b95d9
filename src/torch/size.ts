import { PyGlobal, PyList, PyObject, PyTuple, type PyValue } from '../pickle/values.js';

/** The numbers ≥ 0 of a `torch.Size`, a tuple or a list; undefined where `value` is none of these. */
export function sizeOf(value: PyValue | undefined): number[] | undefined {
  let sequence = value;
  if (
    sequence instanceof PyObject &&
    sequence.callable instanceof PyGlobal &&
    sequence.callable.path === 'torch.Size'
  ) {
    sequence = sequence.args.items[0];
  }
  if (!(sequence instanceof PyTuple) && !(sequence instanceof PyList)) return undefined;
  const { items } = sequence;
  return items.every(item => typeof item === 'number' && item >= 0) ? (items as number[]) : undefined;
}
