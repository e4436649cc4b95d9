import type { GlobalMention, PickleTrace } from '../pickle/trace.js';
import { type GlobalVerdict, verdictOf, worseVerdict } from '../torch/verdicts.js';
import { oddityText } from './oddity-text.js';
import { placeIn, type Region } from './region.js';
import type { ScanFinding, ScannedGlobal, ScanPlace, ScanRule } from './report.js';

/** Gathers what a scan finds, each place once. */
export class ScanCollector {
  readonly findings: ScanFinding[] = [];
  private readonly globals = new Map<string, ScannedGlobal>();
  private readonly seen = new Set<string>();
  /** Pickles by where they begin, so that one is not followed twice. */
  private readonly traced = new Set<string>();
  private readonly archives = new Set<string>();
  pickles = 0;

  constructor(private readonly isAllowed: (name: string) => boolean) {}

  /** Whether a pickle at this place has not been followed yet. */
  isNew(region: Region, at: number): boolean {
    const key = `${region.relativePath}\n${region.byteOffset === undefined ? region.items.join('\n') : ''}\n${placeIn(region, at)}`;
    return !this.traced.has(key) && this.traced.add(key) !== undefined;
  }

  addFinding(
    rule: ScanRule,
    verdict: ScanFinding['verdict'],
    message: string,
    region: Region,
    at = 0,
    { name = null, count = 1 }: { name?: string | null; count?: number } = {},
  ): void {
    const place = placeOf(region, at);
    const key = [rule, name, place.relativePath, place.item, place.byteOffset, message].join('\n');
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.findings.push({ rule, verdict, name, message, ...place, count });
  }

  /** A file that could not be looked into at all. */
  addUnreadable(relativePath: string, message: string): void {
    const place: ScanPlace = { relativePath, item: null, byteOffset: 0 };
    this.findings.push({ rule: 'unreadable', verdict: 'unknown', name: null, message, ...place, count: 1 });
  }

  /** Remembers an archive `[start, end)` of a file that has been scanned. */
  noteArchive({ relativePath, byteOffset, source, items }: Region): void {
    if (byteOffset === undefined || items.length > 0) return;
    this.archives.add(`${relativePath}\n${byteOffset}\n${byteOffset + source.byteLength}`);
  }

  hasArchive(relativePath: string, start: number, end: number): boolean {
    return this.archives.has(`${relativePath}\n${start}\n${end}`);
  }

  addTrace(region: Region, start: number, trace: PickleTrace, isWhole: boolean): void {
    this.pickles++;
    for (const mention of trace.mentions) this.addMention(region, mention);
    for (const oddity of trace.oddities)
      this.addFinding(oddity.kind, 'dangerous', oddityText(oddity), region, oddity.byteOffset);
    if (!isWhole && trace.broken !== undefined) {
      const before = trace.acts ? 'What stands before is executed all the same' : 'It calls nothing before';
      const message = `${trace.broken.what}: it cannot be followed to its end. ${before}`;
      this.addFinding('broken_pickle', 'unknown', message, region, Math.max(start, trace.broken.byteOffset));
    }
  }

  private addMention(region: Region, mention: GlobalMention): void {
    const name = `${mention.module}.${mention.name}`;
    const verdict = this.verdictOf(mention);
    const known = this.globals.get(name);
    if (known === undefined) {
      const { count, called, byteOffset } = mention;
      this.globals.set(name, { name, verdict, count, called, first: placeOf(region, byteOffset) });
    } else {
      known.count += mention.count;
      known.called ||= mention.called;
      known.verdict = worseVerdict(known.verdict, verdict);
    }
    if (verdict !== 'unknown' && verdict !== 'dangerous') return;
    const use = mention.called ? 'is called' : 'is named';
    this.addFinding('global', verdict, `${name} ${use}: ${MEANINGS[verdict]}`, region, mention.byteOffset, {
      name,
      count: mention.count,
    });
  }

  /** A reader that does not map the names of Python 2 takes them as they are written: both are judged. */
  private verdictOf({ module, name, written }: GlobalMention): GlobalVerdict {
    if (written !== undefined && verdictOf(written.module, written.name) === 'dangerous') return 'dangerous';
    const verdict = verdictOf(module, name);
    return verdict === 'unknown' && this.isAllowed(`${module}.${name}`) ? 'known' : verdict;
  }

  /** By verdict, the worst first; then by name. */
  sortedGlobals(): ScannedGlobal[] {
    const rank: Record<GlobalVerdict, number> = { dangerous: 0, unknown: 1, known: 2, weights_only: 3 };
    return [...this.globals.values()].sort(
      (a, b) => rank[a.verdict] - rank[b.verdict] || (a.name < b.name ? -1 : 1),
    );
  }
}

const MEANINGS: Record<'unknown' | 'dangerous', string> = {
  unknown: 'what it does, nobody knows here',
  dangerous: 'it can run commands or code, or lead to what does',
};

function placeOf(region: Region, at: number): ScanPlace {
  return {
    relativePath: region.relativePath,
    item: region.items.length === 0 ? null : region.items.join(' > '),
    byteOffset: placeIn(region, at),
  };
}
