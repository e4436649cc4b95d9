/**
 * `node index-child.js open|plan|inspect PATH`: one measurement in a process of its own, as JSON. `open` reads the index;
 * `plan` then resolves every chunk and plans a torch.save file; `inspect` tells and prints what is in it. Seconds are those of each step; `cpu` those of all threads.
 */
import { inspectText } from '../../src/cli/inspect-text.js';
import { styleFor } from '../../src/cli/style.js';
import { inspectOpen } from '../../src/ops/inspect.js';
import { openCheckpoint } from '../../src/ops/open.js';
import { planTorchSave } from '../../src/torch/writer.js';

const VIEW = { one: false, all: false, files: false, objects: false, sort: undefined };
const [what, path] = process.argv.slice(2) as [string, string];
let last = performance.now();
const lap = (): number => {
  const start = last;
  last = performance.now();
  return (last - start) / 1000;
};
const checkpoint = await openCheckpoint(path);
const open = lap();
let steps = {};
if (what === 'plan') {
  await checkpoint.resolve(checkpoint.entries.filter(entry => entry.kind === 'tensor'));
  const resolve = lap();
  planTorchSave(checkpoint, checkpoint.tree, 'model.pth', { withCrc: true });
  steps = { resolve, plan: lap() };
} else if (what === 'inspect') {
  const { report } = await inspectOpen(path, checkpoint, {});
  const style = styleFor(false);
  const parts = inspectText(report, { columns: undefined, unicode: true, style, view: VIEW });
  parts.next();
  const header = lap();
  steps = { header, entries: [...parts].length > 0 ? lap() : 0 };
}
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
const cpu = (userCPUTime + systemCPUTime) / 1e6;
process.stdout.write(`${JSON.stringify({ open, ...steps, cpu, rssMiB: maxRSS / 1024 })}\n`);
checkpoint.close();
