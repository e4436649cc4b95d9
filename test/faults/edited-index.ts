/** What an index that was changed must end in. */
import { join } from 'node:path';
import { copyFixture } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { leavesUnchanged } from './contents.js';
import { editIndex, type IndexEditor } from './craft.js';
import { convertArguments, type Refusal, refuses, refusesHere } from './run-dcp.js';

/** Edits the index of a sharded checkpoint; its conversion must be refused, and nothing may be left behind. */
export async function refusesEditedIndex(
  edit: (index: IndexEditor) => void,
  refusal: Refusal,
  byProgram: boolean,
): Promise<void> {
  const root = scratch({ inMemory: true });
  const source = copyFixture('sharded4', root, '2.6.0');
  editIndex(source, edit);
  const refuse = byProgram ? refuses : refusesHere;
  await leavesUnchanged(root, async () => {
    await refuse(convertArguments('dcp_to_torch', source, join(root, 'out.pth')), refusal);
  });
}
