/** `npm run docs`: makes the generated parts of the documents anew. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readDocument, repository } from '../documents.js';
import { GENERATED_PAGES, regenerated } from './pages.js';

for (const name of GENERATED_PAGES) {
  const page = readDocument(name);
  const made = regenerated(page);
  if (made !== page) writeFileSync(join(repository, name), made);
  process.stdout.write(`${made === page ? 'unchanged' : 'written  '}  ${name}\n`);
}
