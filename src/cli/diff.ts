import type { DiffRequest } from './commands/diff.js';
import { diffText } from './diff-text.js';
import { EXIT_DONE, EXIT_PROBLEMS } from './exit-codes.js';
import { runLong } from './long-run.js';
import type { Output } from './output.js';
import { styleFor } from './style.js';
import type { Screens } from './terminal.js';
import { printTimed } from './timed-report.js';

/** Runs `dcp diff` and returns the exit code. @throws as the operation does, if no signal ended it. */
export async function runDiff(request: DiffRequest, output: Output, screens: Screens): Promise<number> {
  const startedAt = performance.now();
  const { a, b, keys, rename, atol, rtol, strict, device, workers, progress, quiet, json } = request;
  const report = await runLong({ progress, quiet, json }, screens, async hooks => {
    const { diffCheckpoints } = await import('../ops/diff.js');
    return diffCheckpoints(a, b, {
      rename,
      strict,
      device,
      ...(keys === undefined ? {} : { keys }),
      ...(atol === undefined ? {} : { atol }),
      ...(rtol === undefined ? {} : { rtol }),
      ...(workers === undefined ? {} : { workers }),
      ...hooks,
    });
  });
  if (typeof report === 'number') return report;
  const { columns, colors } = screens.stdout;
  await printTimed(output, 'diff', report, { startedAt, json, quiet }, seconds =>
    diffText(report, { columns, style: styleFor(colors), seconds }),
  );
  return report.equal ? EXIT_DONE : EXIT_PROBLEMS;
}
