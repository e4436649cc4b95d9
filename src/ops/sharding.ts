import type { Sharding } from '../checkpoint/local-shard.js';
import { parseMesh } from '../checkpoint/mesh.js';
import { parsePlacements } from '../checkpoint/placements.js';

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
