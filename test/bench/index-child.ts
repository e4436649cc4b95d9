/**
 * `node index-child.js open|plan|make PATH [TENSORS]`: one measurement in a process of its own. `open` reads the
 * index, `plan` also resolves every chunk and plans a torch.save file; both print seconds and peak RSS as JSON.
 */
import { openCheckpoint } from '../../src/ops/open.js';
import { planTorchSave } from '../../src/torch/writer.js';
import { makeTinyShards } from './tiny-shards.js';

const [what, path, tensors] = process.argv.slice(2) as [string, string, string?];
if (what === 'make') {
  await makeTinyShards(path, Number(tensors));
} else {
  const start = performance.now();
  const marks: number[] = [];
  const mark = (): void => void marks.push((performance.now() - start) / 1000);
  const checkpoint = await openCheckpoint(path);
  mark();
  if (what === 'plan') {
    await checkpoint.resolve(checkpoint.entries.filter(entry => entry.kind === 'tensor'));
    mark();
    planTorchSave(checkpoint, checkpoint.tree, 'model.pth', { withCrc: true });
    mark();
  }
  const rssMiB = process.resourceUsage().maxRSS / 1024;
  process.stdout.write(`${JSON.stringify({ chunks: checkpoint.chunks.count, marks, rssMiB })}\n`);
  checkpoint.close();
}
