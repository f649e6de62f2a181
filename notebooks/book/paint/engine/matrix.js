// Square matrices as rows in one Float64Array, side x side; of the sizes that features have, up to 256.

/** a b */
export function product(a, b, side) {
  const made = new Float64Array(side * side);
  for (let i = 0; i < side; i++)
    for (let k = 0; k < side; k++) {
      const share = a[i * side + k];
      if (share) for (let j = 0; j < side; j++) made[i * side + j] += share * b[k * side + j];
    }
  return made;
}

/** a v */
export function applied(a, v) {
  return Float64Array.from(v, (_, i) => v.reduce((sum, x, j) => sum + a[i * v.length + j] * x, 0));
}

/** Eigenvalues and eigenvectors, a row each, of a symmetric matrix: Jacobi's rotations. */
export function eigen(matrix, side) {
  const a = Float64Array.from(matrix), vectors = new Float64Array(side * side);
  for (let i = 0; i < side; i++) vectors[i * side + i] = 1;
  const size = a.reduce((sum, x) => sum + x * x, 0);
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < side; p++) for (let q = p + 1; q < side; q++) off += a[p * side + q] ** 2;
    if (off <= 1e-26 * size) break;
    for (let p = 0; p < side; p++) for (let q = p + 1; q < side; q++) if (a[p * side + q]) rotate(a, vectors, side, p, q);
  }
  return { values: Float64Array.from({ length: side }, (_, i) => a[i * side + i]), vectors };
}

/** The rotation of rows and columns p and q after which a[p, q] is 0. */
function rotate(a, vectors, side, p, q) {
  const angle = (a[q * side + q] - a[p * side + p]) / (2 * a[p * side + q]);
  const tan = (angle < 0 ? -1 : 1) / (Math.abs(angle) + Math.hypot(angle, 1)), cos = 1 / Math.hypot(tan, 1), sin = tan * cos;
  for (let k = 0; k < side; k++) {
    const x = a[k * side + p], y = a[k * side + q];
    a[k * side + p] = cos * x - sin * y;
    a[k * side + q] = sin * x + cos * y;
  }
  for (const rows of [a, vectors])
    for (let k = 0; k < side; k++) {
      const x = rows[p * side + k], y = rows[q * side + k];
      rows[p * side + k] = cos * x - sin * y;
      rows[q * side + k] = sin * x + cos * y;
    }
}

/** E diag(power(lambda)) E^T of a symmetric matrix for each of some functions of its eigenvalues (lambda, the largest). */
export function functionsOf(matrix, side, functions) {
  const { values, vectors } = eigen(matrix, side), most = Math.max(...values);
  return functions.map((change) => {
    const made = new Float64Array(side * side);
    for (let k = 0; k < side; k++) {
      const value = change(values[k], most);
      if (!value) continue;
      for (let i = 0; i < side; i++) {
        const share = value * vectors[k * side + i];
        for (let j = 0; j < side; j++) made[i * side + j] += share * vectors[k * side + j];
      }
    }
    return made;
  });
}
