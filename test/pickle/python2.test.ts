import { toPython2Name, toPython3Name } from '../../src/pickle/python2.js';
import { equal, ok, suite } from '../suite.js';
import { corpus } from './corpus.js';

const { to3, to2, modulesTo3, modulesTo2 } = corpus.names;

suite('names of Python 2', ({ test }) => {
  test('are read as CPython reads them', () => {
    for (const [module, name, ...mapped] of to3) equal(toPython3Name(module, name), mapped);
    for (const [module, mapped] of modulesTo3) equal(toPython3Name(module, 'any name'), [mapped, 'any name']);
    ok(to3.length > 80 && modulesTo3.length > 50);
  });
  test('are written as CPython writes them', () => {
    for (const [module, name, ...mapped] of to2) equal(toPython2Name(module, name), mapped);
    for (const [module, mapped] of modulesTo2) equal(toPython2Name(module, 'any name'), [mapped, 'any name']);
    ok(to2.length > 100 && modulesTo2.length > 40);
  });
  test('are mapped nowhere else: every name with every module', () => {
    const names = new Set([...to3, ...to2].flatMap(([, name, , mapped]) => [name, mapped]));
    const modules = new Set(
      [...to3, ...to2].flatMap(([module, , mapped]) => [module, mapped]).concat('torch'),
    );
    const pairs = (rows: typeof to3): Set<string> =>
      new Set(rows.map(([module, name]) => `${module} ${name}`));
    const [known3, known2] = [pairs(to3), pairs(to2)];
    const module3 = new Map(modulesTo3);
    const module2 = new Map(modulesTo2);
    for (const module of modules) {
      for (const name of names) {
        const key = `${module} ${name}`;
        if (!known3.has(key)) equal(toPython3Name(module, name), [module3.get(module) ?? module, name]);
        if (!known2.has(key)) equal(toPython2Name(module, name), [module2.get(module) ?? module, name]);
      }
    }
  });
});
