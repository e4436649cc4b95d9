import { encodeUtf8 } from '../../src/bytes.js';
import {
  decodeIndex,
  encodeIndex,
  INDEX_PATTERN,
  shardName,
  splitIntoShards,
} from '../../src/safetensors/index-file.js';
import { equal, is, suite } from '../suite.js';
import { splits } from './fixture.js';

suite('safetensors/index-file', ({ test, each }) => {
  each(
    splits,
    row => `splits as huggingface_hub: ${row.name}`,
    ({ sizes, limit, files }) => {
      const shards = splitIntoShards(
        sizes.map(([, byteLength]) => byteLength),
        limit,
      );
      const names = shards.map(positions => positions.map(position => sizes[position]![0]));
      // huggingface_hub counts the files in this order.
      equal(names, files);
    },
  );

  test('no limit is one file', () => {
    equal(splitIntoShards([1, 2 ** 50], Number.POSITIVE_INFINITY), [[0, 1]]);
  });

  test("is written as Python's json.dumps(index, indent=2, sort_keys=True)", () => {
    const bytes = encodeIndex(
      new Map([
        ['b', 'y'],
        ['é"\n\u{1f600}', 'x'],
        ['a.10', 'x'],
        ['a.9', 'x'],
      ]),
      7,
    );
    const expected = [
      '{',
      '  "metadata": {',
      '    "total_size": 7',
      '  },',
      '  "weight_map": {',
      '    "a.10": "x",',
      '    "a.9": "x",',
      '    "b": "y",',
      '    "\\u00e9\\"\\n\\ud83d\\ude00": "x"',
      '  }',
      '}',
      '',
    ].join('\n');
    is(Buffer.from(bytes).toString('latin1'), expected);
    equal([...decodeIndex(bytes).keys()], ['a.10', 'a.9', 'b', 'é"\n\u{1f600}']);
  });

  test('an index of nothing', () => {
    is(
      Buffer.from(encodeIndex(new Map(), 0)).toString(),
      '{\n  "metadata": {\n    "total_size": 0\n  },\n  "weight_map": {}\n}\n',
    );
  });

  test('members beside the map are skipped, whatever they are', () => {
    const index = decodeIndex(encodeUtf8('{"x":[1.5e3,{"y":null}],"weight_map":{"a":"f"},"metadata":true}'));
    equal([...index], [['a', 'f']]);
  });

  test('names', () => {
    is(shardName(0, 12), 'model-00001-of-00012.safetensors');
    const names = [
      'model.safetensors.index.json',
      'model.safetensors.index.fp16.json',
      'x.safetensors',
      'index.json',
    ];
    equal(
      names.map(name => INDEX_PATTERN.test(name)),
      [true, true, false, false],
    );
  });
});
