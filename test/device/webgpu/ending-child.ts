/** Stands for a process whose driver crashes: prints something, and ends at the first call as the argument says. */
process.on('message', () => {
  process.stdout.write('validation layer: something is wrong\n', () => {
    if (process.env.ENDING === 'exit') process.exit(7);
    process.kill(process.pid, 'SIGSEGV');
  });
});
