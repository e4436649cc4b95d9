/**
 * The record `.data/serialization_id` of PyTorch 2.1 and later: 40 decimal digits, two numbers of 64 bits of
 * 20 digits each. The first is a hash of the record names, the second of the CRCs of the records
 * (caffe2/serialize/inline_container.cc, `writeSerializationId`). No reader checks them; with them, what we
 * write is equal to PyTorch's file to the byte.
 *
 * PyTorch takes the names in the iteration order of a `std::unordered_set<std::string>`. So the first half
 * depends on libstdc++'s hash and on its order of buckets, and this is those two, re-made.
 */
import { LimitError } from '../errors.js';
import { encodeName } from './names.js';
import { viewOf } from './records.js';

/**
 * The first 20 digits.
 *
 * @param names below the root, of all records in the order of writing, without `.data/serialization_id`.
 * @throws LimitError for more than twelve million records.
 */
export function serializationIdOfNames(names: readonly string[]): string {
  if (names.length > MAX_COUNT) {
    throw new LimitError('The serialization id is not known for so many records', {
      expected: `${MAX_COUNT} records at most`,
      found: `${names.length} records`,
    });
  }
  const hashes = BigUint64Array.from(names, name => hashBytes(encodeName(name)));
  let state = 0n;
  for (const index of iterationOrder(hashes)) state = mix(state, hashes[index]!);
  return digits(state);
}

/**
 * The last 20 digits.
 *
 * @param crcs as they stand in the archive (0 in one without CRCs), in the order of writing, of the records
 *   that are not empty, without `.data/serialization_id`.
 */
export function serializationIdOfCrcs(crcs: Iterable<number>): string {
  let state = 0n;
  for (const crc of crcs) state = mix(state, BigInt(crc));
  return digits(state);
}

function digits(state: bigint): string {
  return state.toString().padStart(20, '0');
}

/** `hash_combine` of c10/util/hash.h. */
function mix(state: bigint, value: bigint): bigint {
  return state ^ BigInt.asUintN(64, value + 0x9e3779b9n + (state << 6n) + (state >> 2n));
}

const MULTIPLIER = 0xc6a4a7935bd1e995n;
const SEED = 0xc70f6907n;

/** `std::hash<std::string>` of libstdc++ on 64-bit machines: MurmurHash64A with another treatment of the tail. */
function hashBytes(bytes: Uint8Array): bigint {
  const view = viewOf(bytes);
  const tailAt = bytes.length - (bytes.length % 8);
  let hash = SEED ^ multiply(BigInt(bytes.length));
  for (let at = 0; at < tailAt; at += 8) {
    hash = multiply(hash ^ multiply(shiftMix(multiply(view.getBigUint64(at, true)))));
  }
  if (tailAt < bytes.length) {
    let tail = 0n;
    for (let at = bytes.length - 1; at >= tailAt; at--) tail = (tail << 8n) | BigInt(bytes[at]!);
    hash = multiply(hash ^ tail);
  }
  return shiftMix(multiply(shiftMix(hash)));
}

function multiply(value: bigint): bigint {
  return BigInt.asUintN(64, value * MULTIPLIER);
}

function shiftMix(value: bigint): bigint {
  return value ^ (value >> 47n);
}

/** The bucket counts that libstdc++'s set goes through as it grows: primes, each at least twice the last. */
const BUCKET_COUNTS = [
  13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273, 20753, 42043, 85229, 172933, 351061, 712697, 1447153,
  2938679, 5967347, 12117689,
];

const MAX_COUNT = BUCKET_COUNTS.at(-1)!;

/**
 * In which order libstdc++'s set yields elements inserted as 0, 1, 2, …, given their hashes. It is one singly
 * linked list of runs, a run for each bucket. A new element goes to the front of its bucket's run; where the
 * bucket is empty, to the front of the list. When elements outnumber buckets, all are inserted anew into more
 * buckets, in the order in which they stand.
 */
function iterationOrder(hashes: BigUint64Array): Int32Array {
  let order: Int32Array = new Int32Array(0);
  for (let growth = 0; order.length < hashes.length; growth++) {
    const bucketCount = BUCKET_COUNTS[growth]!;
    order = insertInto(bucketCount, hashes, order, Math.min(bucketCount, hashes.length));
  }
  return order;
}

/** Inserts the elements of `before`, then those up to `count`, into an empty set of `bucketCount` buckets. */
function insertInto(
  bucketCount: number,
  hashes: BigUint64Array,
  before: Int32Array,
  count: number,
): Int32Array {
  const modulus = BigInt(bucketCount);
  const bucketOf = (element: number): number => Number(hashes[element]! % modulus);
  // Element e is list node e + 1; node 0 stands in front of the list. 0 as a successor is the end of the list.
  const successor = new Int32Array(count + 1);
  // For each bucket the node in front of its run, or -1 while it is empty.
  const front = new Int32Array(bucketCount).fill(-1);
  for (let i = 0; i < count; i++) {
    const element = i < before.length ? before[i]! : i;
    const node = element + 1;
    const bucket = bucketOf(element);
    if (front[bucket] === -1) {
      const follower = successor[0]!;
      if (follower !== 0) front[bucketOf(follower - 1)] = node;
      front[bucket] = 0;
    }
    const previous = front[bucket]!;
    successor[node] = successor[previous]!;
    successor[previous] = node;
  }
  const order = new Int32Array(count);
  for (let i = 0, node = successor[0]!; i < count; i++, node = successor[node]!) order[i] = node - 1;
  return order;
}
