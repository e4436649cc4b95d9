#!/usr/bin/env node
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

async function run() {
  if (major < 20 || (major === 20 && minor < 19)) {
    return refuse(`Node.js 20.19 or newer is needed, this is ${process.versions.node}`);
  }
  let cli;
  try {
    cli = await import('../dist/cli/main.js');
  } catch (error) {
    return refuse(`The installation is not whole: ${error.message}`);
  }
  return cli.main(process.argv.slice(2));
}

function refuse(message) {
  process.stderr.write(`dcp: ${message}\n`);
  return 2;
}

// The one exit point.
process.exit(await run());
