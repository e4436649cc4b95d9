import { suiteOfCasts } from './cast-suite.js';

await suiteOfCasts(1_000_000);
