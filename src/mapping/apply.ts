import { type Entry, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { FormatError, UsageError, withContext } from '../errors.js';
import type { KeyMap, Rule } from './key-map.js';
import type { Holes } from './name-pattern.js';
import type { Parameters } from './parameters.js';
import type { Rearranged } from './rearranged.js';
import { runSteps, type Slot } from './run-steps.js';

/** What a map makes of the entries of a checkpoint. */
export interface MappedEntries {
  /** In the order of the source. */
  results: MappedEntry[];
  /** Entries that the map says to leave out. */
  dropped: Entry[];
  /** Entries that no rule names, left out as its `else` says. */
  unnamed: Entry[];
}

export type MappedEntry =
  /** As it is. */
  | { kind: 'kept'; entry: Entry }
  /** As it is, under another name. */
  | { kind: 'renamed'; entry: Entry; name: string }
  | { kind: 'made'; tensor: Rearranged; name: string; sources: readonly TensorEntry[] };

/**
 * Applies a map to entries: plain data in, plain data out.
 * @param tensorOf an entry as what steps work on.
 * @throws UsageError for a checkpoint that is not one of this map: names that no rule has, or two; what a rule names and
 * the checkpoint lacks; two results of one name. FormatError where a tensor has not the shape that a step needs.
 */
export function applyKeyMap(
  entries: readonly Entry[],
  map: KeyMap,
  parameters: Parameters,
  tensorOf: (entry: TensorEntry) => Rearranged,
): MappedEntries {
  const groups = new Map<Rule, Map<string, Group>>(map.rules.map(rule => [rule, new Map()]));
  const results: { position: number; result: MappedEntry }[] = [];
  const dropped: Entry[] = [];
  const unnamed: Entry[] = [];
  const strangers: Entry[] = [];
  const joinedHoles = new Map(map.rules.map(rule => [rule, joinedHolesOf(rule)]));
  for (const [position, entry] of entries.entries()) {
    const named = ruleOf(map.rules, entry);
    if (named === undefined) {
      if (map.otherwise === 'keep') results.push({ position, result: { kind: 'kept', entry } });
      else (map.otherwise === 'drop' ? unnamed : strangers).push(entry);
      continue;
    }
    const { rule, place, holes } = named;
    const key = JSON.stringify([...holes].filter(([hole]) => !joinedHoles.get(rule)!.has(hole)).sort());
    const group = groups.get(rule)!.get(key);
    const member = { place, holes, entry };
    if (group === undefined) groups.get(rule)!.set(key, { position, members: [member] });
    else group.members.push(member);
    if (rule.to.length === 0) dropped.push(entry);
  }
  requireNoStrangers(strangers);
  for (const [rule, ofRule] of groups) {
    if (ofRule.size === 0 && !rule.isOptional && rule.to.length > 0) throw nothingOf(rule, entries);
    if (rule.to.length === 0) continue;
    for (const { position, members } of ofRule.values()) {
      requireComplete(rule, members);
      for (const result of resultsOf(rule, members, parameters, tensorOf)) results.push({ position, result });
    }
  }
  results.sort((a, b) => a.position - b.position);
  const ordered = results.map(({ result }) => result);
  requireDistinct(ordered);
  return { results: ordered, dropped, unnamed };
}

/** What a rule takes together. */
interface Group {
  /** Of the first entry. */
  position: number;
  members: Member[];
}

interface Member {
  place: number;
  holes: Holes;
  entry: Entry;
}

/** The rule that names an entry. @throws UsageError where two do. */
function ruleOf(
  rules: readonly Rule[],
  { fqn }: Entry,
): { rule: Rule; place: number; holes: Holes } | undefined {
  let found: { rule: Rule; place: number; holes: Holes } | undefined;
  for (const rule of rules) {
    for (const [place, pattern] of rule.from.entries()) {
      const holes = pattern.match(fqn);
      if (holes === undefined) continue;
      if (found !== undefined) {
        throw new UsageError('Two names of the map match one entry', {
          found: `${found.rule.from[found.place]!.text} of ${found.rule.where} and ${pattern.text} of ${rule.where}`,
          fqn,
        });
      }
      found = { rule, place, holes };
    }
  }
  return found;
}

/** Holes of the names that a rule takes whose values go into one result. */
function joinedHolesOf({ from, to }: Rule): Set<string> {
  return new Set(from[0]!.holes.filter(hole => to.length > 0 && !to[0]!.holes.includes(hole)));
}

function requireNoStrangers(strangers: readonly Entry[]): void {
  const [first] = strangers;
  if (first === undefined) return;
  throw new UsageError('The map does not name an entry of the checkpoint', {
    fqn: first.fqn,
    ...(strangers.length === 1 ? {} : { found: `${strangers.length} such entries` }),
    hint: 'Add a rule, or say "else": "keep" or "drop". --part model leaves out what is not of the model.',
  });
}

function nothingOf(rule: Rule, entries: readonly Entry[]): UsageError {
  const examples = entries.slice(0, 3).map(({ fqn }) => fqn);
  return new UsageError(`The checkpoint has nothing that ${rule.where} of the map names`, {
    expected: rule.from.map(({ text }) => text).join(' and '),
    found: examples.length === 0 ? 'no entries' : `names such as ${examples.join(', ')}`,
    hint: 'If a checkpoint may be without it, the rule says "optional": true.',
  });
}

/** Of every name of the rule there are as many, with the same holes. */
function requireComplete(rule: Rule, members: readonly Member[]): void {
  if (rule.from.length === 1) return;
  const key = ({ holes }: Member): string => JSON.stringify([...holes].sort());
  const byHoles = new Map<string, Member[]>();
  for (const member of members) byHoles.set(key(member), [...(byHoles.get(key(member)) ?? []), member]);
  for (const together of byHoles.values()) {
    const missing = rule.from.find((_, place) => !together.some(member => member.place === place));
    if (missing === undefined) continue;
    throw new UsageError(`The checkpoint lacks what ${rule.where} of the map needs`, {
      expected: missing.fill(together[0]!.holes),
      found: `${together[0]!.entry.fqn} without it`,
    });
  }
}

function resultsOf(
  rule: Rule,
  members: readonly Member[],
  parameters: Parameters,
  tensorOf: (entry: TensorEntry) => Rearranged,
): MappedEntry[] {
  if (rule.steps.length === 0) {
    return members.map(({ place, holes, entry }) => ({
      kind: 'renamed',
      entry,
      name: rule.to[place]!.fill(holes),
    }));
  }
  const sources = members.map(({ entry }) => entry).filter(entry => entry instanceof TensorEntry);
  const object = members.find(({ entry }) => entry instanceof ObjectEntry);
  if (object !== undefined) {
    throw new FormatError(`${rule.where} of the map has steps for tensors`, {
      expected: 'a tensor',
      found: 'an object',
      fqn: object.entry.fqn,
    });
  }
  return withContext({ fqn: sources[0]!.fqn }, () => {
    const slots = members.map(({ place, holes, entry }): Slot => {
      return { place, holes, tensor: tensorOf(entry as TensorEntry) };
    });
    const made = runSteps(rule.steps, slots, { parameters, resultCount: rule.to.length });
    return made.map(({ place, holes, tensor }) => ({
      kind: 'made',
      tensor,
      name: rule.to[place]!.fill(holes),
      sources,
    }));
  });
}

export function nameOf(result: MappedEntry): string {
  return result.kind === 'kept' ? result.entry.fqn : result.name;
}

function requireDistinct(results: readonly MappedEntry[]): void {
  const sourceOf = (result: MappedEntry): string =>
    (result.kind === 'made' ? result.sources[0]! : result.entry).fqn;
  const first = new Map<string, MappedEntry>();
  for (const result of results) {
    const name = nameOf(result);
    const other = first.get(name);
    if (other !== undefined) {
      throw new UsageError('The map gives two results one name', {
        found: `${name}, of ${sourceOf(other)} and of ${sourceOf(result)}`,
      });
    }
    first.set(name, result);
  }
}
