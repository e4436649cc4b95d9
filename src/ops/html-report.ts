import { fileURLToPath } from 'node:url';
import { FormatError, InterruptedError } from '../errors.js';
import { FileSource, readRange } from '../io/source.js';
import { type HtmlData, htmlData } from './html-data.js';
import { type InspectOptions, type InspectReport, inspectOpen } from './inspect.js';
import { openCheckpoint } from './open.js';
import { createSmallFile } from './small-file.js';

export interface HtmlReportOptions extends InspectOptions {
  /** Replace a file that has the name. */
  force?: boolean;
  signal?: AbortSignal;
}

export interface HtmlReport {
  report: InspectReport;
  /** Of the page. */
  byteLength: number;
  leftBehind: string[];
}

/** The page without data, which the build makes of src/page. */
const PAGE = new URL('./report-page.html', import.meta.url);
/** Where the data goes: the only text of its element. */
const DATA_MARK = '"the data of a report"';

/**
 * Writes a report of a checkpoint as one page that needs nothing else. It appears whole or not at all.
 * @throws UsageError where the name is taken; what inspecting and writing throw.
 */
export async function writeHtmlReport(
  path: string,
  destination: string,
  { force = false, signal, ...options }: HtmlReportOptions = {},
): Promise<HtmlReport> {
  const output = createSmallFile(destination, { force });
  try {
    const { report, data } = await dataOf(path, options);
    if (signal?.aborted === true) throw new InterruptedError('The report was interrupted');
    const page = Buffer.from(pageWith(await readPage(), data));
    output.write(page, 0);
    const { leftBehind } = await output.commit();
    return { report, byteLength: page.length, leftBehind };
  } catch (error) {
    output.discard();
    throw error;
  }
}

async function dataOf(
  path: string,
  options: InspectOptions,
): Promise<{ report: InspectReport; data: HtmlData }> {
  const checkpoint = await openCheckpoint(path);
  try {
    const { report, entries } = await inspectOpen(path, checkpoint, options);
    return { report, data: htmlData(report, checkpoint, entries) };
  } finally {
    checkpoint.close();
  }
}

/**
 * The page with data in it. They are JSON inside a script element, which ends at the first `</script` and in which
 * `<!--` changes where it ends (HTML, "script data double escaped state"): without `<` neither occurs.
 */
export function pageWith(page: string, data: HtmlData): string {
  const [before, after, ...others] = page.split(DATA_MARK);
  if (after === undefined || others.length > 0) {
    throw new FormatError('The page has not one place for the data', { path: fileURLToPath(PAGE) });
  }
  return before + JSON.stringify(data).replaceAll('<', '\\u003c') + after;
}

async function readPage(): Promise<string> {
  const source = FileSource.open(fileURLToPath(PAGE));
  try {
    return Buffer.from(await readRange(source, 0, source.byteLength)).toString('utf8');
  } finally {
    source.close();
  }
}
