#!/usr/bin/env node
const { join } = require('node:path');

async function run() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    return refuse(`Node.js 20.19 or newer is needed, this is ${process.versions.node}`);
  }
  let cli;
  try {
    const { loadScript } = require('./load-script.js');
    cli = loadScript(join(__dirname, '../dist/cli/main.cjs')).exports;
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
run().then(code => process.exit(code));
