import type { VerifyRequest } from './commands/verify.js';
import { EXIT_DONE, EXIT_FAILED, EXIT_PROBLEMS } from './exit-codes.js';
import { runLong } from './long-run.js';
import type { Output } from './output.js';
import { styleFor } from './style.js';
import type { Screens } from './terminal.js';
import { printTimed } from './timed-report.js';
import { verifyText } from './verify-text.js';

/** Runs `dcp verify` and returns the exit code. @throws as the operation does, if no signal ended it. */
export async function runVerify(request: VerifyRequest, output: Output, screens: Screens): Promise<number> {
  const startedAt = performance.now();
  const { path, crc, replicas, sha256, force, against, ignore, workers, progress, quiet, json } = request;
  const report = await runLong({ progress, quiet, json }, screens, async hooks => {
    const { verify } = await import('../ops/verify/verify.js');
    return verify(path, {
      crc,
      replicas,
      force,
      ignore,
      ...(sha256 === undefined ? {} : { sha256 }),
      ...(against === undefined ? {} : { against }),
      ...(workers === undefined ? {} : { workers }),
      ...hooks,
    });
  });
  if (typeof report === 'number') return report;
  await output.leftBehind(report.sha256?.leftBehind ?? []);
  const { columns, colors } = screens.stdout;
  await printTimed(output, 'verify', report, { startedAt, json, quiet }, seconds =>
    verifyText(report, { columns, style: styleFor(colors), seconds }),
  );
  if (report.sound) return EXIT_DONE;
  // Nothing is wrong, but not all could be looked at.
  return report.findings.every(({ rule }) => rule === 'unsupported') ? EXIT_FAILED : EXIT_PROBLEMS;
}
