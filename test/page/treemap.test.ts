import { chunkMap } from '../../src/page/chunk-map.js';
import { Rows } from '../../src/page/rows.js';
import { byteTree } from '../../src/page/tree.js';
import { type Rectangle, type Tile, tileAt, treemap } from '../../src/page/treemap.js';
import { Random } from '../random.js';
import { equal, is, ok, suite } from '../suite.js';

const AREA = { width: 800, height: 400 };
const names = (tiles: readonly Tile[]): string[] => tiles.map(({ node }) => node.path);
const overlap = (a: Rectangle, b: Rectangle): number =>
  Math.max(0, Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)) *
  Math.max(0, Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y));

suite('byteTree', ({ test }) => {
  test('groups have the bytes below them, the largest comes first', () => {
    const tree = byteTree(['m.a', 'm.b', 'o'], [1, 3, 2]);
    equal([tree.byteLength, tree.count], [6, 3]);
    equal(
      tree.children.map(({ path, byteLength, row }) => [path, byteLength, row]),
      [
        ['m', 4, -1],
        ['o', 2, 2],
      ],
    );
    equal(
      tree.children[0]!.children.map(({ path }) => path),
      ['m.b', 'm.a'],
    );
  });
  test('a name that others go on from has bytes of its own', () => {
    const [node] = byteTree(['a', 'a.b'], [5, 2]).children;
    equal(
      node!.children.map(({ path, row }) => [path, row]),
      [
        ['a', 0],
        ['a.b', 1],
      ],
    );
  });
  test('what has no bytes has no tile', () =>
    equal(
      byteTree(['a', 'b'], [0, 1]).children.map(({ path }) => path),
      ['b'],
    ));
});

suite('treemap', ({ test }) => {
  test('areas are in proportion to bytes', () => {
    const tiles = treemap(byteTree(['a', 'b', 'c'], [600, 300, 100]), AREA);
    equal(
      tiles.map(({ width, height }) => Math.round((width * height) / 3200)),
      [60, 30, 10],
    );
  });
  test('tiles of one level do not overlap, and fill the room', () => {
    const random = new Random(7);
    const sizes = Array.from({ length: 200 }, () => 1 + Math.floor(random.next() ** 4 * 1e6));
    const tiles = treemap(
      byteTree(
        sizes.map((_, i) => `n${i}`),
        sizes,
      ),
      AREA,
    );
    is(tiles.length, 200);
    const area = tiles.reduce((total, { width, height }) => total + width * height, 0);
    ok(Math.abs(area - 320_000) < 1, String(area));
    for (const [i, a] of tiles.entries()) for (const b of tiles.slice(i + 1)) ok(overlap(a, b) < 1e-6);
  });
  test('large tiles are near to squares', () => {
    const tiles = treemap(
      byteTree(
        Array.from({ length: 12 }, (_, i) => `n${i}`),
        Array(12).fill(10),
      ),
      AREA,
    );
    for (const { width, height } of tiles) ok(Math.max(width / height, height / width) < 2);
  });
  test('groups come before what is in them, and hold it', () => {
    const tiles = treemap(byteTree(['g.a', 'g.b', 'x'], [5, 5, 10]), AREA);
    equal(names(tiles).sort(), ['g', 'g.a', 'g.b', 'x']);
    const group = tiles.find(({ node }) => node.path === 'g')!;
    for (const inner of tiles.filter(({ node }) => node.path.startsWith('g.'))) {
      ok(tiles.indexOf(inner) > tiles.indexOf(group));
      ok(overlap(inner, group) > inner.width * inner.height - 1e-6);
      ok(inner.y >= group.y + 16);
    }
    is(tileAt(tiles, group.x + group.width / 2, group.y + 8)?.node.path, 'g');
    is(tileAt(tiles, -1, 0), undefined);
  });
  test('what is too small is not laid out on its own', () => {
    const tiny = byteTree(
      ['big', ...Array.from({ length: 1000 }, (_, i) => `g.${i}`)],
      [1e9, ...Array(1000).fill(1)],
    );
    ok(treemap(tiny, AREA).length < 5);
  });
  test('one entry alone, and nothing', () => {
    equal(names(treemap(byteTree(['w'], [1]), AREA)), ['w']);
    equal(treemap(byteTree([], []), AREA), []);
    equal(treemap(byteTree(['w'], [1]), { width: 0, height: 0 }), []);
  });
});

suite('chunkMap', ({ test }) => {
  test('rows cut over ranks run down', () => {
    const map = chunkMap(
      [8, 4],
      [
        [0, 0, 0, 6, 4],
        [1, 6, 0, 2, 4],
      ],
      100,
    );
    equal([map.down, map.across, map.height], [0, 1, 200]);
    equal(map.tiles, [
      { chunk: 0, x: 0, y: 0, width: 100, height: 150 },
      { chunk: 1, x: 0, y: 150, width: 100, height: 50 },
    ]);
  });
  test('dimensions that are cut are shown before longer ones', () => {
    const layout = [
      [0, 0, 0, 0, 2, 100, 3],
      [1, 2, 0, 0, 2, 100, 3],
    ];
    const map = chunkMap([4, 100, 3], layout, 100);
    equal([map.down, map.across], [0, 1]);
  });
  test('a vector runs across, a scalar is one tile, an empty tensor has no extent', () => {
    const vector = chunkMap(
      [4],
      [
        [0, 0, 1],
        [1, 1, 3],
      ],
      100,
    );
    equal(
      vector.tiles.map(({ x, width, height }) => [x, width, height]),
      [
        [0, 25, 25],
        [25, 75, 25],
      ],
    );
    equal(
      chunkMap([], [[0]], 100).tiles.map(({ width }) => width),
      [100],
    );
    ok(
      chunkMap([0, 3], [[0, 0, 0, 0, 3]], 100).tiles.every(tile => Number.isFinite(tile.width + tile.height)),
    );
  });
});

suite('rows', ({ each, test }) => {
  const rows = new Rows({
    dtypeNames: [
      ['float32', 'f32'],
      ['bfloat16', 'bf16'],
    ],
    shapes: [[2, 3], [4]],
    entries: {
      fqn: ['l.10.W', 'l.2.w', 'lr', 'norm'],
      byteLength: [24, 8, 0, 16],
      part: ['model', 'model', 'optim', 'model'],
      dtype: [0, 1, -1, 0],
      shape: [0, 1, -1, 1],
      layout: [-1, -1, -1, -1],
      values: [[2, '0.1']],
    },
  });
  const found = (
    search: string,
    sort?: Parameters<Rows['find']>[0]['sort'],
    descending = false,
  ): number[] => [...rows.find({ search, sort, descending })];
  each(
    [
      ['', [0, 1, 2, 3]],
      ['w', [0, 1]],
      ['W 2', [1]],
      ['  l   ', [0, 1, 2]],
      ['x', []],
    ] as [string, number[]][],
    ([search]) => `search ${JSON.stringify(search)}`,
    ([search, expected]) => equal(found(search), expected),
  );
  each(
    [
      ['name', false, [1, 0, 2, 3]],
      ['name', true, [3, 2, 0, 1]],
      ['size', true, [0, 3, 1, 2]],
      ['dtype', false, [2, 1, 0, 3]],
      ['shape', true, [0, 1, 3, 2]],
      ['part', false, [0, 1, 3, 2]],
    ] as ['name' | 'size' | 'dtype' | 'shape' | 'part', boolean, number[]][],
    ([sort, descending]) => `sorted by ${sort}, ${descending ? 'down' : 'up'}`,
    ([sort, descending, expected]) => equal(found('', sort, descending), expected),
  );
  test('bytes of what is found', () =>
    is(rows.byteLengthOf(rows.find({ search: 'w', sort: undefined, descending: false })), 32));
});
