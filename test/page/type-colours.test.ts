import { OTHER_COLOUR, typeColours } from '../../src/page/type-colours.js';
import { equal, is, suite } from '../suite.js';

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `t${i}`);
const last = (count: number, hasObjects: boolean): string | undefined =>
  typeColours(names(count), hasObjects).legend.at(-1)?.name;

suite('report: colours of element types', ({ test, each }) => {
  each(
    [
      [0, false, undefined],
      [0, true, 'objects'],
      [2, false, 't1'],
      [7, false, 't6'],
      [7, true, 'objects'],
      [8, false, '2 other types'],
      [22, true, '16 other types, objects'],
    ] as const,
    ([count, hasObjects]) => `${count} types${hasObjects ? ' and objects' : ''}`,
    ([count, hasObjects, expected]) => is(last(count, hasObjects), expected),
  );

  test('no two in the legend have one colour, and those that are not in it have that of the others', () => {
    const { of, legend } = typeColours(names(22), true);
    equal(
      legend.map(({ colour }) => colour),
      [0, 1, 2, 3, 4, 5, OTHER_COLOUR],
    );
    equal([of('t5'), of('t6'), of('t21')], [5, OTHER_COLOUR, OTHER_COLOUR]);
  });
});
