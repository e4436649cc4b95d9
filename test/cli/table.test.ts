import {
  type Column,
  columnWidths,
  fittedLines,
  labelled,
  tableLine,
  widthBeforeLast,
} from '../../src/cli/table.js';
import { equal, is, suite } from '../suite.js';

const COLUMNS: Column[] = [
  { title: 'a', align: 'left' },
  { title: 'size', align: 'right' },
  { title: 'name', align: 'left' },
];

suite('table', ({ test }) => {
  test('columns are as wide as their widest cell or title', () => {
    const rows = [
      ['模型', '1', 'x'],
      ['b', '12345', 'long name'],
    ];
    const widths = columnWidths(COLUMNS, rows);
    equal(widths, [4, 5, 9]);
    is(widthBeforeLast(widths), 4 + 2 + 5 + 2);
    equal(
      rows.map(row => tableLine(COLUMNS, widths, row)),
      ['模型      1  x', 'b     12345  long name'],
    );
  });

  test('no line ends in spaces', () => {
    is(tableLine(COLUMNS, [4, 5, 9], ['b', '', '']), 'b');
  });

  test('columns are left out in their order until the rest fits; empty ones always', () => {
    const columns: Column[] = [
      { title: '', align: 'left' },
      { title: '', align: 'right', dropped: 2 },
      { title: '', align: 'right' },
      { title: '', align: 'right', dropped: 1 },
    ];
    const rows = [
      ['model', '7 tensors', '', '1 KiB'],
      ['other', '12 tensors', '', '30 B'],
    ];
    equal(fittedLines(columns, rows), ['model   7 tensors  1 KiB', 'other  12 tensors   30 B']);
    equal(fittedLines(columns, rows, 24), ['model   7 tensors  1 KiB', 'other  12 tensors   30 B']);
    equal(fittedLines(columns, rows, 23), ['model   7 tensors', 'other  12 tensors']);
    equal(fittedLines(columns, rows, 16), ['model', 'other']);
    equal(fittedLines(columns, rows, 1), ['model', 'other']);
    equal(fittedLines(columns, []), []);
  });

  test('labels are printed once, texts stand below each other', () => {
    equal(
      labelled([
        ['a', '1'],
        ['long', '2'],
        ['long', '3'],
      ]),
      ['a     1', 'long  2', '      3'],
    );
  });

  test('texts are broken to fit', () => {
    equal(labelled([['a', 'one two three']], 10), ['a  one two', '   three']);
  });
});
