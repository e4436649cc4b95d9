import type { HtmlData } from '../../ops/html-data.js';
import { formatText } from '../../tui/format-names.js';
import { formatBytes, formatCount, shareText } from '../../tui/units.js';
import { colorOf, element, figure } from './element.js';

/** Title, warnings, and the numbers that people ask for first. */
export function summary(data: HtmlData): HTMLElement[] {
  const { path, completeness, warnings, globals, loadsWithWeightsOnly } = data;
  const notes = warnings.map(({ message }) => message);
  if (completeness !== 'complete') notes.unshift(incompleteText(data));
  if (loadsWithWeightsOnly === false) {
    const names = globals
      .slice(0, 8)
      .map(({ name, dangerous }) => (dangerous ? `${name} (dangerous)` : name));
    notes.push(
      `torch.load(weights_only=True) refuses it: its pickles name ${names.join(', ')}${globals.length > 8 ? `, and ${globals.length - 8} more` : ''}.`,
    );
  }
  const title = element('div', {}, element('h1', {}, path), element('p', {}, formatText(data)));
  return [
    element('header', { className: 'top' }, title, themeButton()),
    ...notes.map(note => element('p', { className: 'note' }, note)),
    figures(data),
  ];
}

function incompleteText({ completeness, files }: HtmlData): string {
  const named = (chosen: HtmlData['files'], state: string): string => {
    const names = chosen.slice(0, 8).map(({ relativePath }) => relativePath);
    const more = chosen.length > 8 ? ` and ${chosen.length - 8} more` : '';
    return `Incomplete: ${chosen.length} of ${formatCount(files.length, 'data file')} ${state}: ${names.join(', ')}${more}.`;
  };
  switch (completeness) {
    case 'files_missing':
      return named(
        files.filter(({ byteLength }) => byteLength === null),
        'missing',
      );
    case 'files_short':
      return named(
        files.filter(({ requiredByteLength }) => requiredByteLength !== undefined),
        'shorter than the index says',
      );
    case 'ranks_missing':
      return 'Incomplete: indexes of ranks are missing.';
    default:
      return 'Only the index is at hand, not the data.';
  }
}

function figures({
  tensors,
  parameters,
  byteLength,
  objects,
  chunks,
  ranks,
  files,
  format,
  rankShares,
}: HtmlData): HTMLElement {
  const rows: [string, HTMLElement, string][] = [
    [
      'tensors',
      figure('tensors', tensors, formatCount(tensors)),
      format === 'dcp' ? formatCount(chunks, 'chunk') : '',
    ],
    ['parameters', figure('parameters', parameters, shortCount(parameters)), formatCount(parameters)],
    [
      'tensor bytes',
      figure('byte_length', byteLength, formatBytes(byteLength)),
      byteLength < 1024 ? '' : formatCount(byteLength),
    ],
    ['objects', figure('objects', objects, formatCount(objects)), ''],
    rankShares.length > 0
      ? ['ranks', figure('ranks', ranks, formatCount(ranks)), formatCount(files.length, 'file')]
      : ['files', figure('files', files.length, formatCount(files.length)), ''],
  ];
  return element(
    'dl',
    { className: 'figures' },
    ...rows.map(([label, value, small]) => {
      // Small numbers are exact as they stand.
      const exact = small === value.textContent ? '' : small;
      return element(
        'div',
        {},
        element('dt', {}, label),
        element('dd', {}, value, element('small', {}, exact)),
      );
    }),
  );
}

/** `6.74 B` of parameters, as models are called by. */
function shortCount(count: number): string {
  const units: [number, string][] = [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
  ];
  const unit = units.find(([least]) => count >= least);
  return unit === undefined ? formatCount(count) : `${(count / unit[0]).toPrecision(3)} ${unit[1]}`;
}

/** Bars of the parts and of the element types, each of all bytes. */
export function bars(data: HtmlData, dtypeColour: (name: string) => number): HTMLElement {
  const { parts, dtypes, byteLength } = data;
  const section = (id: string, title: string, rows: readonly HTMLElement[][]): HTMLElement =>
    element(
      'section',
      { id },
      element('h2', {}, title),
      element('div', { className: 'bar' }, ...rows.flat()),
    );
  return element(
    'div',
    { className: 'pair' },
    section(
      'parts',
      'Parts',
      parts.map((part, i) =>
        bar(part.part, part.byteLength, byteLength, PART_COLOURS[part.part] ?? i, `parts.${part.part}`, [
          ...(part.tensors > 0 ? [formatCount(part.tensors, 'tensor')] : []),
          ...(part.objects > 0 ? [formatCount(part.objects, 'object')] : []),
        ]),
      ),
    ),
    section(
      'dtypes',
      'Element types',
      dtypes.map(row =>
        bar(row.dtype, row.byteLength, byteLength, dtypeColour(row.dtype), `dtypes.${row.dtype}`, [
          formatCount(row.tensors, 'tensor'),
        ]),
      ),
    ),
  );
}

/** The same in the treemap. */
export const PART_COLOURS: Record<string, number> = { model: 0, optim: 1, other: 7 };

function bar(
  name: string,
  byteLength: number,
  total: number,
  colour: number,
  field: string,
  counts: readonly string[],
): HTMLElement[] {
  const fill = element('i');
  fill.style.width = `${total === 0 ? 0 : (byteLength / total) * 100}%`;
  fill.style.background = colorOf(colour);
  // What is there is seen, however little; what is not there is not.
  fill.hidden = byteLength === 0;
  const share = shareText(byteLength, total);
  return [
    element('span', {}, name),
    element('span', { className: 'track' }, fill),
    element(
      'span',
      { className: 'number' },
      [...counts, ''].join(', '),
      figure(field, byteLength, formatBytes(byteLength)),
      share === '' ? '' : `, ${share}`,
    ),
  ];
}

/** Light or dark: as the system has it until the reader chooses. */
function themeButton(): HTMLElement {
  const root = document.documentElement;
  const apply = (theme: 'light' | 'dark'): void => {
    root.dataset.theme = theme;
    made.textContent = theme === 'dark' ? 'Light' : 'Dark';
    dispatchEvent(new Event('themechange'));
  };
  const made = element('button', { type: 'button' });
  made.addEventListener('click', () => apply(root.dataset.theme === 'dark' ? 'light' : 'dark'));
  apply(matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  return made;
}
