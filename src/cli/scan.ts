import type { ScanRequest } from './commands/scan.js';
import { EXIT_DONE, EXIT_PROBLEMS } from './exit-codes.js';
import { runLong } from './long-run.js';
import type { Output } from './output.js';
import { scanText } from './scan-text.js';
import { styleFor } from './style.js';
import type { Screens } from './terminal.js';
import { printTimed } from './timed-report.js';

/** Runs `dcp scan` and returns the exit code. @throws as the operation does, if no signal ended it. */
export async function runScan(request: ScanRequest, output: Output, screens: Screens): Promise<number> {
  const startedAt = performance.now();
  const { path, allow, progress, quiet, json } = request;
  const report = await runLong({ progress, quiet, json }, screens, async hooks => {
    const { scan } = await import('../ops/scan.js');
    return scan(path, { allow, ...hooks });
  });
  if (typeof report === 'number') return report;
  const { columns, colors } = screens.stdout;
  await printTimed(output, 'scan', report, { startedAt, json, quiet }, seconds =>
    scanText(report, { columns, style: styleFor(colors), seconds }),
  );
  return report.clean ? EXIT_DONE : EXIT_PROBLEMS;
}
