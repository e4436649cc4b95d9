import type { StatsReport } from '../ops/stats.js';
import type { StatsRequest } from './commands/stats.js';
import { EXIT_DONE, EXIT_PROBLEMS } from './exit-codes.js';
import { runLong } from './long-run.js';
import type { Output } from './output.js';
import { statsText } from './stats-text.js';
import { styleFor } from './style.js';
import type { Screens } from './terminal.js';
import { printTimed } from './timed-report.js';

/** Runs `dcp stats` and returns the exit code. @throws as the operation does, if no signal ended it. */
export async function runStats(request: StatsRequest, output: Output, screens: Screens): Promise<number> {
  const startedAt = performance.now();
  const { path, keys, sort, device, workers, crc, histogram, quiet, progress, json } = request;
  const report = await runLong({ quiet, progress, json }, screens, async hooks => {
    const [{ checkpointStats }, { sortStats }] = await Promise.all([
      import('../ops/stats.js'),
      import('../ops/stats-order.js'),
    ]);
    const found = await checkpointStats(path, {
      device,
      crc,
      histogram,
      ...(keys === undefined ? {} : { keys }),
      ...(workers === undefined ? {} : { workers }),
      ...hooks,
    });
    return sort === undefined ? found : { ...found, entries: sortStats(found.entries, sort) };
  });
  if (typeof report === 'number') return report;
  const failedOn = failuresOf(request, report);
  const { columns, colors } = screens.stdout;
  await printTimed(output, 'stats', { ...report, failedOn }, { startedAt, json, quiet }, seconds =>
    statsText(report, { columns, style: styleFor(colors), seconds }),
  );
  return failedOn.length === 0 ? EXIT_DONE : EXIT_PROBLEMS;
}

/** Which of the things that were asked to fail on are there. */
function failuresOf({ failOn }: StatsRequest, { problems }: StatsReport): string[] {
  const kinds = problems.map(({ kind }) => kind.replace('_', '-'));
  return [...new Set(failOn)].filter(kind => kinds.includes(kind));
}
