import { is, match, suite } from '../suite.js';
import { dcp, FSDP2, shell } from './run-dcp.js';

suite('dcp explore without a terminal', ({ test }) => {
  test('says what to use in its place', async () => {
    const { code, stdout, stderr } = await dcp(['explore', FSDP2]);
    is(code, 2);
    is(stdout, '');
    match(stderr, /^dcp: dcp explore needs a terminal, to draw on and to read keys from\n/);
    match(stderr, /dcp inspect .*fsdp2_adam prints what is in a checkpoint/);
  });

  test('before it looks at the path', async () => {
    const { code, stderr } = await shell('$DCP explore nowhere < /dev/null');
    is(code, 2);
    match(stderr, /needs a terminal/);
  });
});
