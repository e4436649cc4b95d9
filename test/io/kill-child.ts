/**
 * Runs one scenario and kills itself, with SIGKILL, before the n-th change of the disk:
 * `node kill-child.js SCENARIO ROOT N`. Where there is no n-th change, prints how many there were.
 */
import { isChange, watchCalls } from './faults.js';
import { scenarios } from './scenarios.js';

const [name, root = '', n] = process.argv.slice(2);
const scenario = scenarios.find(each => each.name === name);
if (scenario === undefined) throw new Error(`no scenario ${name}`);

let changes = 0;
watchCalls(call => {
  if (isChange(call) && changes++ === Number(n)) process.kill(process.pid, 'SIGKILL');
});
await scenario.fill(scenario.create(root));
process.stdout.write(`${changes}\n`);
