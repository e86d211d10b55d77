// Many ECDSA verifications under few keys, fast without a just-in-time compiler: a verification is about 85 point
// additions and no doubling, because each key has a table of the multiples of 2^(w*i) times its point. The table of the
// generator is made when the component is built and lies in its memory snapshot. Points and ranges are checked by
// @noble/curves; formulas: hyperelliptic.org/EFD, shortw, jacobian-0 (madd-2007-bl, dbl-2009-l). Nothing here is secret,
// so nothing is constant time.
import { secp256k1 } from '@noble/curves/secp256k1.js';

const { Fp, Fn } = secp256k1.Point;
const P = Fp.ORDER;
const N = Fn.ORDER;
const SCALAR_BITS = 257; // One more than the order has: signed digits carry.
const GENERATOR_WINDOW_BITS = 6;
const KEY_WINDOW_BITS = 5;

/** The table of a public key given as 65 bytes (0x04, x, y). Throws unless it is a point of the curve. */
export function keyTable(publicKey) {
  if (publicKey.length !== 65 || publicKey[0] !== 4) throw new Error('a public key has 65 bytes and starts with 04');
  return tableOf(secp256k1.Point.fromBytes(publicKey).toAffine(), KEY_WINDOW_BITS);
}

/**
 * Whether each of `checks` holds: `{ table, digest (32 bytes), signature: { r, s } }`. Both values of s count: nothing depends
 * on a signature being unique.
 */
export function verifyAll(checks) {
  const inverses = Fn.invertBatch(checks.map(({ signature }) => (inRange(signature) ? signature.s : 1n)));
  return checks.map(({ table, digest, signature }, i) => {
    if (!inRange(signature)) return false;
    const { r } = signature;
    const sum = { x: 0n, y: 0n, z: 0n };
    addMultiple(sum, GENERATOR_TABLE, (toBigInt(digest) * inverses[i]) % N);
    addMultiple(sum, table, (r * inverses[i]) % N);
    return hasAbscissa(sum, r);
  });
}

/** x/z^2 = r mod n, for r below n: as x is below p, it is r or r + n. */
function hasAbscissa({ x, z }, r) {
  if (z === 0n) return false;
  const zz = (z * z) % P;
  return x === (r * zz) % P || (r + N < P && x === ((r + N) * zz) % P);
}

function inRange({ r, s }) {
  return r > 0n && r < N && s > 0n && s < N;
}

/** The number that 32 bytes are, big endian. */
function toBigInt(bytes) {
  let value = 0n;
  for (let i = 0; i < 32; i += 4) {
    const word = ((bytes[i] << 24) | (bytes[i + 1] << 16) | (bytes[i + 2] << 8) | bytes[i + 3]) >>> 0;
    value = (value << 32n) | BigInt(word);
  }
  return value;
}

/** rows[i][d - 1] = d * 2^(bits * i) * point, affine, for d from 1 to 2^(bits - 1). */
function tableOf(point, bits) {
  const half = 1 << (bits - 1);
  const rows = Math.ceil(SCALAR_BITS / bits);
  const jacobian = [];
  let base = point;
  for (let i = 0; i < rows; i++) {
    const multiple = { x: base.x, y: base.y, z: 1n };
    for (let d = 1; d <= half; d++) {
      jacobian.push({ ...multiple });
      add(multiple, base.x, base.y);
    }
    const next = { ...jacobian[jacobian.length - 1] };
    double(next);
    [base] = normalise([next]);
  }
  const affine = normalise(jacobian);
  return { bits, rows: Array.from({ length: rows }, (_, i) => affine.slice(i * half, (i + 1) * half)) };
}

function normalise(points) {
  const inverses = Fp.invertBatch(points.map(({ z }) => z));
  return points.map(({ x, y }, i) => {
    const inverse = inverses[i];
    const square = (inverse * inverse) % P;
    return { x: (x * square) % P, y: (y * ((square * inverse) % P)) % P };
  });
}

/** Adds scalar times the table's point to `sum`. */
function addMultiple(sum, { bits, rows }, scalar) {
  const size = 1 << bits;
  const mask = (1n << BigInt(bits)) - 1n;
  const shift = BigInt(bits);
  let carry = 0;
  for (const row of rows) {
    let digit = Number(scalar & mask) + carry;
    scalar >>= shift;
    carry = digit > row.length ? 1 : 0;
    if (carry) digit -= size;
    if (digit > 0) add(sum, row[digit - 1].x, row[digit - 1].y);
    else if (digit < 0) add(sum, row[-digit - 1].x, P - row[-digit - 1].y);
  }
}

/** point += (x, y), in place; z = 0 is the point at infinity. */
function add(point, x, y) {
  const { x: x1, y: y1, z: z1 } = point;
  if (z1 === 0n) {
    point.x = x;
    point.y = y;
    point.z = 1n;
    return;
  }
  const z1z1 = (z1 * z1) % P;
  const h = (x * z1z1 - x1) % P;
  const r = (y * ((z1 * z1z1) % P) - y1) % P;
  if (h === 0n) {
    if (r === 0n) double(point);
    else point.z = 0n;
    return;
  }
  const hh = (h * h) % P;
  const hhh = (h * hh) % P;
  const v = (x1 * hh) % P;
  const x3 = (r * r - hhh - v - v) % P;
  point.x = positive(x3);
  point.y = positive((r * (v - x3) - y1 * hhh) % P);
  point.z = positive((z1 * h) % P);
}

function double(point) {
  const { x, y, z } = point;
  const yy = (y * y) % P;
  const s = (4n * x * yy) % P;
  const m = 3n * x * x;
  const x3 = (m * m - s - s) % P;
  point.x = positive(x3);
  point.y = positive((m * (s - x3) - 8n * yy * yy) % P);
  point.z = (2n * y * z) % P;
}

function positive(value) {
  return value < 0n ? value + P : value;
}

const GENERATOR_TABLE = tableOf(secp256k1.Point.BASE.toAffine(), GENERATOR_WINDOW_BITS);
