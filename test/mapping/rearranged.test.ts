import { dtypeOf } from '../../src/dtype.js';
import { DcpError } from '../../src/errors.js';
import { type Part, regroupAxes, ZEROS } from '../../src/mapping/parts.js';
import { Rearranged } from '../../src/mapping/rearranged.js';
import { Random } from '../random.js';
import { equal, is, ok, suite, throws } from '../suite.js';
import type { Naive } from './naive.js';
import * as reference from './naive.js';

/**
 * Sequences of operations on tensors stored in several chunks, compared element by element with {@link Naive} ones. A
 * stored element is known by its number; it is found again by walking through the parts.
 */

interface Stored {
  naive: Naive;
  tensor: Rearranged;
}

/** Chunks of all tensors: the box of the tensor that each holds. */
class Store {
  private readonly chunks: { offsets: readonly number[]; naive: Naive }[] = [];
  private next = 1;

  /** A tensor in chunks that are cut at these positions of dimension 0. */
  add(shape: readonly number[], cuts: readonly number[]): Stored {
    const naive = reference.naive(shape, this.next);
    this.next += naive.values.length;
    const bounds = [0, ...cuts, shape[0] ?? 1];
    const parts: Part[] = [];
    for (let k = 0; k + 1 < bounds.length; k++) {
      const sizes = shape.length === 0 ? [] : [bounds[k + 1]! - bounds[k]!, ...shape.slice(1)];
      const offsets = shape.length === 0 ? [] : [bounds[k]!, ...shape.slice(1).map(() => 0)];
      if (sizes.includes(0)) continue;
      parts.push({
        chunk: this.chunks.length,
        start: sizes.map(() => 0),
        offsets,
        sizes,
        walks: sizes.map((_, dimension) => ({ dimension, step: 1 })),
      });
      this.chunks.push({ offsets, naive });
    }
    return { naive, tensor: Rearranged.of(dtypeOf('float32'), shape, parts) };
  }

  /** The elements of a tensor in row-major order; undefined where no part, or a second one, says. */
  read(tensor: Rearranged): (number | undefined)[] {
    const { factors, parts } = tensor.finished();
    const axes = factors.flat();
    const values = new Array<number | undefined>(axes.reduce((product, size) => product * size, 1));
    for (const part of parts) {
      const visit = (at: readonly number[]): void => {
        if (at.length < axes.length) {
          for (let i = 0; i < part.sizes[at.length]!; i++) visit([...at, i]);
          return;
        }
        const flat = at.reduce((sum, i, axis) => sum * axes[axis]! + part.offsets[axis]! + i, 0);
        values[flat] = flat in values ? undefined : this.elementOf(part, at);
      };
      visit([]);
    }
    return values;
  }

  private elementOf({ chunk, start, walks }: Part, at: readonly number[]): number {
    if (chunk === ZEROS) return 0;
    const { offsets, naive } = this.chunks[chunk]!;
    const position = start.map((first, d) => offsets[d]! + first);
    for (const [axis, { dimension, step }] of walks.entries()) {
      if (dimension >= 0) position[dimension]! += at[axis]! * step;
    }
    return reference.valueAt(naive, position);
  }

  requireSame({ naive, tensor }: Stored, label: string): void {
    equal(tensor.shape, naive.shape, label);
    equal(this.read(tensor), naive.values, label);
  }
}

/** Ordered factorisations of a number, as shapes of that many elements. */
function randomShape(random: Random, count: number): number[] {
  const shape: number[] = [];
  let rest = count;
  while (rest > 1) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter(i => rest % i === 0);
    const size = random.pick(divisors);
    shape.push(size);
    rest /= size;
    if (shape.length > 4) break;
  }
  return rest > 1 ? [...shape, rest] : shape;
}

function randomCuts(random: Random, size: number): number[] {
  return Array.from({ length: random.int(0, 3) }, () => random.int(0, size)).sort((a, b) => a - b);
}

function randomStep(random: Random, store: Store, { naive, tensor }: Stored): [string, Stored] {
  const { shape } = naive;
  const rank = shape.length;
  const dimension = random.int(0, Math.max(rank, 1) - 1);
  const kind = rank === 0 ? random.int(0, 1) : random.int(0, 6);
  if (kind === 0) {
    const to = randomShape(random, naive.values.length);
    return [`view ${to}`, { naive: reference.view(naive, to), tensor: tensor.view(to) }];
  }
  if (kind === 1) {
    const at = random.int(0, rank);
    return [`unsqueeze ${at}`, { naive: reference.unsqueeze(naive, at), tensor: tensor.unsqueeze(at) }];
  }
  if (kind === 2) {
    const order = random.shuffle(shape.map((_, d) => d));
    return [`permute ${order}`, { naive: reference.permute(naive, order), tensor: tensor.permute(order) }];
  }
  const size = shape[dimension]!;
  if (kind === 3) {
    const start = random.int(0, size - 1);
    const length = 1 + random.int(0, size - start - 1);
    return [
      `narrow ${dimension}, ${start}, ${length}`,
      {
        naive: reference.narrow(naive, dimension, start, length),
        tensor: tensor.narrow(dimension, start, length),
      },
    ];
  }
  if (kind === 4) {
    const to = size + random.int(0, 2);
    return [
      `pad ${dimension}, ${to}`,
      { naive: reference.pad(naive, dimension, to), tensor: tensor.pad(dimension, to) },
    ];
  }
  if (kind === 5) {
    const at = random.int(0, size - 1);
    return [
      `select ${dimension}, ${at}`,
      { naive: reference.select(naive, dimension, at), tensor: tensor.select(dimension, at) },
    ];
  }
  const other = store.add(shape.with(dimension, 1 + random.int(0, 3)), []);
  return [
    `concat ${dimension}`,
    {
      naive: reference.concat([naive, other.naive, naive], dimension),
      tensor: Rearranged.concat([tensor, other.tensor, tensor], dimension),
    },
  ];
}

suite('rearranged tensors', ({ each, test }) => {
  each(
    Array.from({ length: 60 }, (_, seed) => seed),
    seed => `random steps, seed ${seed}`,
    seed => {
      const random = new Random(seed);
      for (let round = 0; round < 12; round++) {
        const store = new Store();
        const shape = randomShape(random, random.pick([24, 36, 60, 7, 1]));
        const cuts = shape.length === 0 ? [] : randomCuts(random, shape[0]!);
        let current = store.add(shape, cuts);
        let label = `[${shape}] cut at ${cuts}`;
        for (let step = 0; step < 5 && current.naive.values.length < 500; step++) {
          const [name, next] = randomStep(random, store, current);
          label += `, ${name}`;
          current = next;
          store.requireSame(current, label);
        }
      }
    },
  );

  const stored = (shape: readonly number[]): Stored => new Store().add(shape, []);

  test('the rotary permutation is one part, however many heads there are', () => {
    const { tensor } = stored([64, 5]);
    const permuted = tensor.view([8, 4, 2, 5]).permute([0, 2, 1, 3]).view([64, 5]);
    is(permuted.finished().parts.length, 1);
    equal(permuted.finished().factors, [[8, 2, 4], [5]]);
  });

  test('a permutation and its inverse leave plain dimensions and the parts that were', () => {
    const store = new Store();
    const { tensor } = store.add([64, 5], [13, 40]);
    const there = tensor.view([8, 4, 2, 5]).permute([0, 2, 1, 3]).view([64, 5]);
    const back = there.view([8, 2, 4, 5]).permute([0, 2, 1, 3]).view([64, 5]).finished();
    equal(back.factors, [[64], [5]]);
    ok(back.parts.length < 20, `${back.parts.length} parts`);
  });

  test('query groups of attention are one part each of query, key and value', () => {
    const [q, k, v] = [stored([48, 5]), stored([16, 5]), stored([16, 5])].map(({ tensor }) =>
      tensor.view([2, tensor.shape[0]! / 16, 8, 5]),
    ) as [Rearranged, Rearranged, Rearranged];
    is(Rearranged.concat([q, k, v], 1).view([80, 5]).finished().parts.length, 3);
  });

  test('tensors without elements', () => {
    const { tensor } = stored([0, 3]);
    equal(tensor.view([3, 0]).shape, [3, 0]);
    equal(tensor.permute([1, 0]).shape, [3, 0]);
    equal(
      tensor
        .pad(0, 2)
        .finished()
        .parts.map(({ chunk }) => chunk),
      [ZEROS],
    );
    equal(stored([2, 3]).tensor.narrow(0, 1, 0).shape, [0, 3]);
  });

  test('what cuts it into too many parts is refused before they are made', () => {
    const walks = [0, 1].map(dimension => ({ dimension, step: 1 }));
    const whole: Part = { chunk: 0, start: [0, 0], offsets: [0, 0], sizes: [2 ** 40, 2], walks };
    throws(() => regroupAxes([whole], 0, [2 ** 40, 2], [2 ** 41]), {
      code: 'limit',
      message: /too many parts.*1000000 at most/,
    });
  });

  each(
    [
      ['a view of other elements', () => stored([4, 3]).tensor.view([5])],
      ['narrowing too far', () => stored([4]).tensor.narrow(0, 2, 3)],
      ['padding to less', () => stored([4]).tensor.pad(0, 3)],
      ['joining other sizes', () => Rearranged.concat([stored([4, 3]).tensor, stored([4, 2]).tensor], 0)],
    ] as const,
    ([name]) => `${name} is refused`,
    ([, act]) => {
      let caught: unknown;
      try {
        act();
      } catch (error) {
        caught = error;
      }
      ok(caught instanceof DcpError && caught.code === 'format');
    },
  );
});
