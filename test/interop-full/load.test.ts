import { suiteOfMesh } from '../interop/load-suite.js';

for (const mesh of ['2', '8', '2x4']) await suiteOfMesh(mesh);
