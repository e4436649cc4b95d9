import type { CrcReport } from '../index.js';
import { formatCount } from '../tui/units.js';

/** How the checksums of a source came out, for people; undefined: none were looked at, for this reason. */
export function checksumText(crc: CrcReport | undefined, whyNot = '--no-crc'): string {
  if (crc === undefined) return `not checked (${whyNot})`;
  const { checked, partlyRead, withoutCrc } = crc;
  const parts: string[] = [];
  if (checked > 0) parts.push(`${formatCount(checked, 'storage')} checked, all good`);
  if (partlyRead > 0) parts.push(`${formatCount(partlyRead, 'storage')} read in part, so not checked`);
  if (withoutCrc > 0)
    parts.push(`${formatCount(withoutCrc, 'storage')} saved without checksums, so not checked`);
  return parts.length === 0 ? 'no bytes to check' : parts.join('; ');
}
