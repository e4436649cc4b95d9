import { suiteOfMesh } from './load-suite.js';

for (const mesh of ['1', '3', '2x2']) await suiteOfMesh(mesh);
