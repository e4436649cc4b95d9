/** CONTRIBUTING.md, and what holds for all documents: links lead somewhere, paths exist. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codesOf, readDocument, repository, sectionOf, tableRows } from './documents.js';
import { equal, ok, suite } from './suite.js';

const contributing = readDocument('CONTRIBUTING.md');
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  'fixtures/README.md',
  ...readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
];

const withoutBlocks = (document: string): string => document.replace(/^```[\s\S]*?^```$/gm, '');

/** Anchors as GitHub makes them of headings. */
function anchorsOf(path: string): string[] {
  return [...withoutBlocks(readDocument(path)).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

suite('documents', ({ each }) => {
  each(
    documents,
    path => `links of ${path}`,
    path => {
      const links = [...withoutBlocks(readDocument(path)).matchAll(/\]\(([^)]+)\)/g)].map(match => match[1]!);
      const broken = links
        .filter(link => !/^https?:/.test(link))
        .filter(link => {
          const [file = '', anchor] = link.split('#');
          const target = file === '' ? path : join(dirname(path), file);
          return (
            !existsSync(join(repository, target)) ||
            (anchor !== undefined && !anchorsOf(target).includes(anchor))
          );
        });
      equal(broken, []);
    },
  );

  each(
    ['CONTRIBUTING.md', 'README.md', 'SECURITY.md', 'docs/architecture.md'],
    path => `paths in ${path}`,
    path => {
      const isPath = /^(src|test|docs|fixtures|bin|\.ci)\/[\w./-]+$/;
      const named = codesOf(withoutBlocks(readDocument(path))).filter(code => isPath.test(code));
      equal(
        named.filter(name => !existsSync(join(repository, name))),
        [],
      );
    },
  );
});

suite('docs/README.md', ({ test }) => {
  const index = readDocument('docs/README.md');
  const rows = tableRows(index);
  const linked = rows.map(([page]) => /\]\(([^)]+)\)$/.exec(page!)![1]!);

  test('every page has one row', () => {
    const listed = linked.map(link => join('docs', link));
    const pages = documents.filter(name => !['README.md', 'CHANGELOG.md', 'docs/README.md'].includes(name));
    equal(listed.sort(), pages.sort());
  });

  test('each row says what is in the page', () => {
    for (const [page, meaning] of rows) ok(meaning!.length > 20, page);
  });

  test('README leads to it', () => ok(readDocument('README.md').includes('](docs/README.md)')));
});

suite('CONTRIBUTING', ({ test }) => {
  test('every folder is there', () => {
    const folders = ['src', 'test', 'fixtures', 'docs'].flatMap(top =>
      readdirSync(join(repository, top), { withFileTypes: true })
        .filter(entry => entry.isDirectory() && readdirSync(join(repository, top, entry.name)).length > 0)
        .filter(entry => !entry.name.startsWith('__') && !entry.name.startsWith('.'))
        .map(entry => `${top}/${entry.name}`),
    );
    const documented = tableRows(sectionOf(contributing, '## Folders'))
      .flatMap(([folder]) => codesOf(folder!))
      .filter(folder => folder !== 'test/…');
    const mirrored = documented.map(folder => folder.replace(/^src/, 'test'));
    equal(
      folders.filter(folder => ![...documented, ...mirrored].includes(folder)),
      [],
    );
    equal(
      documented.filter(folder => !existsSync(join(repository, folder))),
      [],
    );
  });

  test('every script is there', () => {
    const { scripts } = JSON.parse(readDocument('package.json')) as { scripts: Record<string, string> };
    const documented = tableRows(sectionOf(contributing, '## Scripts')).flatMap(([name]) => codesOf(name!));
    equal(documented.sort(), Object.keys(scripts).sort());
  });

  test('the scripts that make fixtures exist', () => {
    const named = sectionOf(contributing, '## Fixtures').match(/fixtures\/\S+\.py/g) ?? [];
    ok(named.length >= 3);
    equal(
      named.filter(name => !existsSync(join(repository, name))),
      [],
    );
  });
});
