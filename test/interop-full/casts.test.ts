import { suiteOfCasts } from '../interop/cast-suite.js';

await suiteOfCasts(10_000_000);
