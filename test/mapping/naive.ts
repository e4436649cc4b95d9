/** Tensors as plain lists of numbers: torch's operations, element by element. What index arithmetic is compared with. */
export interface Naive {
  readonly shape: readonly number[];
  /** In row-major order. */
  readonly values: readonly number[];
}

export function naive(shape: readonly number[], first = 0): Naive {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, values: Array.from({ length: count }, (_, i) => first + i) };
}

/** The tensor of a shape whose element at a position is what a function says. */
function build(shape: readonly number[], valueAt: (at: readonly number[]) => number): Naive {
  const values: number[] = [];
  const visit = (at: readonly number[]): void => {
    if (at.length === shape.length) values.push(valueAt(at));
    else for (let i = 0; i < shape[at.length]!; i++) visit([...at, i]);
  };
  visit([]);
  return { shape, values };
}

export function valueAt({ shape, values }: Naive, at: readonly number[]): number {
  return values[at.reduce((flat, position, d) => flat * shape[d]! + position, 0)]!;
}

export const view = ({ values }: Naive, shape: readonly number[]): Naive => ({ shape, values });

export const permute = (tensor: Naive, order: readonly number[]): Naive =>
  build(
    order.map(d => tensor.shape[d]!),
    at =>
      valueAt(
        tensor,
        order.map((_, d) => at[order.indexOf(d)]!),
      ),
  );

export const narrow = (tensor: Naive, dimension: number, start: number, length: number): Naive =>
  build(tensor.shape.with(dimension, length), at =>
    valueAt(tensor, at.with(dimension, at[dimension]! + start)),
  );

export const select = (tensor: Naive, dimension: number, position: number): Naive =>
  build(tensor.shape.toSpliced(dimension, 1), at => valueAt(tensor, at.toSpliced(dimension, 0, position)));

export const unsqueeze = (tensor: Naive, dimension: number): Naive =>
  view(tensor, tensor.shape.toSpliced(dimension, 0, 1));

export function concat(tensors: readonly Naive[], dimension: number): Naive {
  const total = tensors.reduce((sum, { shape }) => sum + shape[dimension]!, 0);
  return build(tensors[0]!.shape.with(dimension, total), at => {
    let position = at[dimension]!;
    for (const tensor of tensors) {
      if (position < tensor.shape[dimension]!) return valueAt(tensor, at.with(dimension, position));
      position -= tensor.shape[dimension]!;
    }
    throw new Error('outside');
  });
}

export const pad = (tensor: Naive, dimension: number, size: number): Naive =>
  build(tensor.shape.with(dimension, size), at =>
    at[dimension]! < tensor.shape[dimension]! ? valueAt(tensor, at) : 0,
  );
