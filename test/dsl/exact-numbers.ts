/** Floating-point numbers as whole multiples of the smallest one, to check sums by. */

/** How many of the smallest number it is. */
export function exactly(n: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, n);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xfffffffffffffn;
  const size = exponent === 0n ? fraction : (fraction | (2n ** 52n)) << (exponent - 1n);
  return bits >> 63n === 1n ? -size : size;
}

/** Whether no other number is nearer to what is so many of the smallest number. */
export function isNearest(n: number, to: bigint): boolean {
  const error = distance(exactly(n), to);
  return neighbours(n).every((other) => error <= distance(exactly(other), to));
}

const distance = (a: bigint, b: bigint) => (a > b ? a - b : b - a);

/** Of a number, the next greater and smaller one. */
function neighbours(n: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(n));
  const bits = view.getBigUint64(0);
  const at = (of: bigint) => {
    view.setBigUint64(0, of);
    return Math.sign(n) * view.getFloat64(0);
  };
  return n === 0 ? [5e-324, -5e-324] : [at(bits - 1n), at(bits + 1n)];
}
