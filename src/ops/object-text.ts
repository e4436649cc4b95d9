import { ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { StorageReference } from '../checkpoint/storage.js';
import type { DTypeInfo } from '../dtype.js';
import { DcpError } from '../errors.js';
import { type LeafOptions, toPythonLiteral } from '../pickle/literal.js';
import { toPythonLines } from '../pickle/pretty.js';
import type { PyValue } from '../pickle/values.js';
import { stridedTensorOf } from '../torch/object-tensors.js';

/** How values of objects are shown: their tensors and storages by type and shape, all else as Python has it. */
const LEAVES: LeafOptions = {
  external: value => {
    if (value instanceof StorageReference) return `<${value.className} of ${value.elementCount}>`;
    // What stands in the state dict too is an entry already.
    if (value instanceof TensorEntry) return tensorText(value.shape, value.dtype);
    if (value instanceof ObjectEntry) return toPythonLiteral(value.value ?? null, LEAVES);
    return `<${value.constructor.name}>`;
  },
  replace: value => {
    const tensor = tensorOf(value);
    return tensor && tensorText(tensor.size, tensor.dtype);
  },
};

function tensorText(shape: readonly number[], { name }: DTypeInfo): string {
  return `<tensor [${shape.join(', ')}] ${name}>`;
}

/** A malformed tensor is shown as the call that it is. */
function tensorOf(value: PyValue): ReturnType<typeof stridedTensorOf> {
  try {
    return stridedTensorOf(value);
  } catch (error) {
    if (error instanceof DcpError) return undefined;
    throw error;
  }
}

/** The value of an object on one line, cut where it is longer. */
export function objectText(value: PyValue, maxLength: number): string {
  return toPythonLiteral(value, { ...LEAVES, maxLength });
}

/** How much of an object's value is shown. */
export type ObjectDetail = 'short' | 'whole';

/** A screen's worth. */
const SHORT = { maxLines: 40, maxTextLength: 400 };

/** The value of an object as Python code in lines of about `width` characters. */
export function objectLines(
  value: PyValue,
  detail: ObjectDetail | { maxLines: number; maxTextLength: number },
  width: number,
): string[] {
  const limits = detail === 'short' ? SHORT : detail === 'whole' ? {} : detail;
  return toPythonLines(value, { ...LEAVES, width, ...limits });
}
