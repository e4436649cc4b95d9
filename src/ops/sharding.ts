import { wholeBox } from '../checkpoint/box.js';
import type { Checkpoint, TensorEntry } from '../checkpoint/checkpoint.js';
import { localShardOf, type Sharding } from '../checkpoint/local-shard.js';
import { DeviceMesh, parseMesh } from '../checkpoint/mesh.js';
import { type Placement, parsePlacements, placementText, Shard } from '../checkpoint/placements.js';
import { planRanks, type RankPlan } from '../dcp/rank-plan.js';
import { UnsupportedError, UsageError } from '../errors.js';
import { globMatcher } from './glob.js';
import { requireMatches } from './wanted-keys.js';

/** How tensors are spread over ranks, for all ranks. */
export type MeshLayout = Omit<Sharding, 'rank'>;

/** A layout as a command line has it. */
export interface MeshTexts {
  /** `2x4`, or `dp=2,tp=4`. */
  mesh: string;
  /** `Shard(0),Replicate()`. */
  placements: string;
}

/** @throws UsageError */
export function parseLayout({ mesh, placements }: MeshTexts): MeshLayout {
  return { mesh: parseMesh(mesh), placements: parsePlacements(placements) };
}

/** A save by several ranks, as it is asked for: by `ranks`, or by `mesh`. */
export interface ReshardOptions {
  /** So many ranks in a row; every tensor is sharded over them. */
  ranks?: number | undefined;
  /** With `ranks`: the dimension that is sharded. Default 0. */
  dim?: number | undefined;
  /** `2x4`, or `dp=2,tp=4`. */
  mesh?: string | undefined;
  /** `Shard(0),Replicate()` for all tensors; `GLOB=Shard(1),Replicate()` for some, of which the last one counts. */
  placements?: readonly string[] | undefined;
}

/** How each tensor is spread over the ranks of a save. */
export class Resharding {
  private constructor(
    readonly mesh: MeshLayout['mesh'],
    private readonly general: MeshLayout['placements'],
    private readonly rules: readonly PlacementRule[],
  ) {}

  /** Undefined where nothing is asked for. @throws UsageError for options that contradict each other. */
  static of({ ranks, dim, mesh, placements }: ReshardOptions): Resharding | undefined {
    const rules: PlacementRule[] = [];
    const general: Placement[][] = [];
    for (const text of placements ?? []) {
      const [, glob, list] = /^([^(=]+)=(.*)$/s.exec(text) ?? [];
      if (glob === undefined) general.push(parsePlacements(text));
      else rules.push({ glob, matches: globMatcher([glob]), placements: parsePlacements(list!) });
    }
    rules.reverse();
    if (general.length > 1) throw new UsageError('--placements is given more than once for all tensors');
    if (ranks === undefined) {
      if (dim !== undefined) throw new UsageError('--dim is for --ranks');
      if (mesh === undefined && placements === undefined) return undefined;
      if (mesh === undefined || general[0] === undefined) {
        throw new UsageError(`${mesh === undefined ? '--mesh' : 'A list of placements'} is missing`, {
          hint: "Give both: --mesh 2x4 --placements 'Shard(0),Replicate()'.",
        });
      }
      return Resharding.checked(parseMesh(mesh), general[0], rules);
    }
    if (mesh !== undefined) throw new UsageError('--ranks and --mesh exclude each other');
    if (general.length > 0) {
      throw new UsageError('--ranks shards every tensor: placements are for --mesh, or for some tensors', {
        hint: "With --ranks: --placements 'GLOB=Replicate()'.",
      });
    }
    return Resharding.checked(new DeviceMesh([ranks]), [Shard(dim ?? 0)], rules);
  }

  private static checked(
    mesh: DeviceMesh,
    general: Placement[],
    rules: readonly PlacementRule[],
  ): Resharding {
    for (const placements of [general, ...rules.map(rule => rule.placements)]) {
      if (placements.length === mesh.shape.length) continue;
      throw new UsageError('Every dimension of the device mesh needs one placement', {
        expected: `${mesh.shape.length} for mesh ${mesh}`,
        found: `${placements.length}: ${placements.map(placementText).join(', ')}`,
      });
    }
    return new Resharding(mesh, general, rules);
  }

  /**
   * Who saves what of a checkpoint. A tensor that lacks the dimension of a placement, such as a scalar, is held whole
   * by every rank.
   * @throws UsageError for a rule that matches no tensor. UnsupportedError for parts that are no single box, which
   * torch cannot save either.
   */
  plan({ entries }: Checkpoint): RankPlan {
    const names = entries.flatMap(({ kind, fqn }) => (kind === 'tensor' ? [fqn] : []));
    requireMatches(
      '--placements',
      this.rules.map(({ glob }) => glob),
      names,
    );
    const placementsOf = new Map<TensorEntry, readonly Placement[] | undefined>();
    return planRanks(entries, this.mesh.size, (entry, rank) => {
      if (!placementsOf.has(entry)) placementsOf.set(entry, this.placementsFor(entry));
      const placements = placementsOf.get(entry);
      if (placements === undefined) return wholeBox(entry.shape);
      const { shape, offsets, boxes } = localShardOf(entry.shape, { mesh: this.mesh, placements, rank });
      if (boxes.length < 2) return { offsets, sizes: shape };
      throw new UnsupportedError('A rank would hold several pieces of a tensor, which DCP cannot save', {
        expected: 'placements that give each rank one box',
        found: placements.map(placementText).join(', '),
        fqn: entry.fqn,
      });
    });
  }

  private placementsFor({ fqn, shape }: TensorEntry): readonly Placement[] | undefined {
    const placements = this.rules.find(({ matches }) => matches(fqn))?.placements ?? this.general;
    return fits(placements, shape.length) ? placements : undefined;
  }
}

interface PlacementRule {
  glob: string;
  matches: (fqn: string) => boolean;
  placements: readonly Placement[];
}

/** Whether a tensor of so many dimensions has those that the placements name. */
export function fits(placements: readonly Placement[], dimensionCount: number): boolean {
  return placements.every(
    placement =>
      placement.kind === 'Replicate' || (placement.dim < dimensionCount && placement.dim >= -dimensionCount),
  );
}
