/**
 * `npm run bench:curve -- [--sizes 0.5,4,16] [--directory DIR] [--svg FILE] [--python PYTHON]`: peak memory of
 * dcp_to_torch against the size of the checkpoint, ours and torch's, as a table and as a picture.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DCP, DEFAULT_PYTHON, timed } from './measure.js';
import { makeSyntheticDcp } from './synthetic.js';

const { values: flags } = parseArgs({
  options: {
    sizes: { type: 'string', default: '0.5,4,16' },
    directory: { type: 'string', default: tmpdir() },
    svg: { type: 'string' },
    python: { type: 'string', default: DEFAULT_PYTHON },
  },
});

interface Point {
  gib: number;
  oursMiB: number;
  torchMiB: number | undefined;
}

async function measure(gib: number): Promise<Point> {
  const directory = mkdtempSync(join(flags.directory, 'dcp-curve-'));
  try {
    const source = join(directory, 'dcp');
    const raw = join(directory, 'random');
    const spec = { shape: [4096, 4096], grid: [8], dtype: 'bfloat16', tensorCount: Math.round(gib * 32) };
    await makeSyntheticDcp(source, raw, spec);
    rmSync(raw);
    const out = join(directory, 'out.pth');
    const oursMiB = timed(process.execPath, [DCP, 'convert', 'dcp_to_torch', source, out, '--quiet']).rssMiB;
    rmSync(out);
    const module = 'torch.distributed.checkpoint.format_utils';
    const torchMiB = existsSync(flags.python)
      ? timed(flags.python, ['-m', module, 'dcp_to_torch', source, out]).rssMiB
      : undefined;
    return { gib, oursMiB, torchMiB };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Both axes linear, so that flat looks flat. */
function drawSvg(points: readonly Point[]): string {
  const [width, height, left, bottom, top, right] = [640, 320, 70, 44, 24, 96];
  const maxGib = Math.max(...points.map(({ gib }) => gib));
  const maxMiB = Math.max(...points.map(({ oursMiB, torchMiB }) => Math.max(oursMiB, torchMiB ?? 0)));
  const x = (gib: number): number => left + (gib / maxGib) * (width - left - right);
  const y = (mib: number): number => height - bottom - (mib / maxMiB) * (height - bottom - top);
  const line = (values: [number, number][], color: string, label: string): string => {
    const path = values.map(([gib, mib]) => `${x(gib).toFixed(1)},${y(mib).toFixed(1)}`).join(' ');
    const [endGib, endMib] = values.at(-1)!;
    const dots = values
      .map(
        ([gib, mib]) => `<circle cx="${x(gib).toFixed(1)}" cy="${y(mib).toFixed(1)}" r="3" fill="${color}"/>`,
      )
      .join('');
    return (
      `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>${dots}` +
      `<text x="${(x(endGib) + 8).toFixed(1)}" y="${(y(endMib) + 4).toFixed(1)}" fill="${color}">${label}</text>`
    );
  };
  const step = maxMiB > 4096 ? 4096 : 1024;
  const yTicks = Array.from({ length: Math.floor(maxMiB / step) + 1 }, (_, i) => i * step);
  const grid = yTicks
    .map(
      mib =>
        `<line x1="${left}" x2="${width - right}" y1="${y(mib).toFixed(1)}" y2="${y(mib).toFixed(1)}" stroke="#d0d7de"/>` +
        `<text x="${left - 8}" y="${(y(mib) + 4).toFixed(1)}" text-anchor="end" fill="#57606a">${mib / 1024} GiB</text>`,
    )
    .join('\n');
  const xTicks = points
    .map(
      ({ gib }) =>
        `<text x="${x(gib).toFixed(1)}" y="${height - bottom + 18}" text-anchor="middle" fill="#57606a">${gib}</text>`,
    )
    .join('\n');
  const torch = points.flatMap(({ gib, torchMiB }): [number, number][] =>
    torchMiB === undefined ? [] : [[gib, torchMiB]],
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    '<title>Peak memory of dcp_to_torch against the size of the checkpoint</title>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    grid,
    xTicks,
    `<text x="${(left + width - right) / 2}" y="${height - 8}" text-anchor="middle" fill="#24292f">size of the checkpoint, GiB</text>`,
    `<text x="${left}" y="14" fill="#24292f">peak memory of dcp_to_torch</text>`,
    torch.length === 0 ? '' : line(torch, '#bc4c00', 'torch'),
    line(
      points.map(({ gib, oursMiB }) => [gib, oursMiB]),
      '#0969da',
      'dcp',
    ),
    '</svg>',
    '',
  ].join('\n');
}

const points: Point[] = [];
for (const gib of flags.sizes.split(',').map(Number)) points.push(await measure(gib));
process.stdout.write('| checkpoint, GiB | dcp, MiB | torch, MiB |\n| ---: | ---: | ---: |\n');
for (const { gib, oursMiB, torchMiB } of points) {
  process.stdout.write(`| ${gib} | ${oursMiB.toFixed(0)} | ${torchMiB?.toFixed(0) ?? '–'} |\n`);
}
if (flags.svg !== undefined) writeFileSync(flags.svg, drawSvg(points));
