import { DeviceMesh, parseMesh } from '../../src/checkpoint/mesh.js';
import {
  parsePlacements,
  placementText,
  Replicate,
  Shard,
  StridedShard,
} from '../../src/checkpoint/placements.js';
import { equal, is, suite, throws } from '../suite.js';

suite('device meshes', ({ test, each }) => {
  test('ranks are counted row by row', () => {
    const mesh = new DeviceMesh([2, 3], ['dp', 'tp']);
    equal(
      Array.from({ length: mesh.size }, (_, rank) => mesh.coordinateOf(rank)),
      [
        [0, 0],
        [0, 1],
        [0, 2],
        [1, 0],
        [1, 1],
        [1, 2],
      ],
    );
  });

  each(
    [
      { text: '8', shape: [8], names: undefined, back: '8' },
      { text: '2x4', shape: [2, 4], names: undefined, back: '2x4' },
      { text: ' 2x2x2 ', shape: [2, 2, 2], names: undefined, back: '2x2x2' },
      { text: 'dp=2,tp=4', shape: [2, 4], names: ['dp', 'tp'], back: 'dp=2,tp=4' },
      {
        text: 'dp_replicate = 1, dp_shard = 3',
        shape: [1, 3],
        names: ['dp_replicate', 'dp_shard'],
        back: 'dp_replicate=1,dp_shard=3',
      },
    ],
    ({ text }) => `read from text: ${text}`,
    ({ text, shape, names, back }) => {
      const mesh = parseMesh(text);
      equal([mesh.shape, mesh.dimensionNames], [shape, names]);
      is(`${mesh}`, back);
    },
  );

  each(
    ['', 'x', '2x', '0', '2x0', '-1', '1.5', 'dp', 'dp=2,4', 'dp=2,dp=2', '2=dp', '99999999', '1e3'],
    text => `no mesh: ${JSON.stringify(text)}`,
    text => throws(() => parseMesh(text), { code: 'usage' }),
  );

  each(
    [-1, 6, 0.5, Number.NaN],
    rank => `no rank of a mesh of 6: ${rank}`,
    rank => throws(() => new DeviceMesh([6]).coordinateOf(rank), { code: 'usage', message: /0 to 5/ }),
  );
});

suite('placements as text', ({ each }) => {
  each(
    [
      { text: 'Shard(0),Replicate()', placements: [Shard(0), Replicate()] },
      { text: ' Shard( 1 ) , Shard(-1) ', placements: [Shard(1), Shard(-1)] },
      // What Python prints: repr of a list and of a tuple, str of the items.
      { text: '[Shard(dim=0), Replicate()]', placements: [Shard(0), Replicate()] },
      { text: '(Shard(dim=0),)', placements: [Shard(0)] },
      { text: '(_StridedShard(dim=0, sf=2), Shard(dim=0))', placements: [StridedShard(0, 2), Shard(0)] },
      { text: '_StridedShard(0, split_factor=4)', placements: [StridedShard(0, 4)] },
      { text: 'S(0), R, _S(1, 2)', placements: [Shard(0), Replicate(), StridedShard(1, 2)] },
    ],
    ({ text }) => text,
    ({ text, placements }) => {
      equal(parsePlacements(text), placements);
      equal(parsePlacements(placements.map(placementText).join()), placements);
    },
  );

  each(
    [
      '',
      '()',
      ',',
      'Shard',
      'Shard()',
      'Shard(a)',
      'Shard(0',
      'Shard(0))',
      'Shard(0) Replicate()',
      'Shard(0),,',
      'Shard(0),Shard(1),',
      'Shard(0, 2)',
      'Shard(dim=0, dim=1)',
      'Replicate(0)',
      '_StridedShard(0)',
      '_StridedShard(0, split_factor=0)',
      'Cyclic(0)',
      'Shard(0.5)',
      'Shard(1e9999)',
    ],
    text => `no placements: ${JSON.stringify(text)}`,
    text => throws(() => parsePlacements(text), { code: 'usage' }),
  );

  each(
    ['Partial()', 'Shard(0),Partial(sum)', 'P(sum)', '_Partial()'],
    text => `refused by name: ${text}`,
    text =>
      throws(() => parsePlacements(text), { code: 'unsupported', message: /Partial placement.*found _?P/ }),
  );
});
