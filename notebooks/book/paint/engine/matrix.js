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

/** Eigenvalues, and eigenvectors, a row each, of a symmetric matrix: Householder's reflections, then implicit QL steps. */
export function eigen(matrix, side) {
  const { diagonal, beside, vectors } = tridiagonal(Float64Array.from(matrix), side);
  for (let first = 0; first < side; first++)
    for (let step = 0; step < 60; step++) {
      let last = first; // beside[last] is nothing beside its neighbours: up to there the matrix stands alone
      while (last < side - 1 && Math.abs(beside[last]) > 2 ** -52 * (Math.abs(diagonal[last]) + Math.abs(diagonal[last + 1]))) last++;
      if (last === first) break;
      chase(diagonal, beside, vectors, side, first, last);
    }
  return { values: diagonal, vectors };
}

/** One QL step on rows first … last, shifted by the eigenvalue of the first 2 x 2 block that lies nearer. */
function chase(diagonal, beside, vectors, side, first, last) {
  const half = (diagonal[first + 1] - diagonal[first]) / (2 * beside[first]);
  const shift = diagonal[first] - beside[first] / (half + (half < 0 ? -1 : 1) * Math.hypot(half, 1));
  let bulge = diagonal[last] - shift, sin = 1, cos = 1, moved = 0;
  for (let i = last - 1; i >= first; i--) {
    const out = sin * beside[i], kept = cos * beside[i], length = Math.hypot(out, bulge);
    beside[i + 1] = length;
    if (length === 0) {
      diagonal[i + 1] -= moved;
      beside[last] = 0;
      return;
    }
    sin = out / length;
    cos = bulge / length;
    const lower = diagonal[i + 1] - moved, turned = (diagonal[i] - lower) * sin + 2 * cos * kept;
    moved = sin * turned;
    diagonal[i + 1] = lower + moved;
    bulge = cos * turned - kept;
    for (let k = i * side; k < (i + 1) * side; k++) {
      const upper = vectors[k], next = vectors[k + side];
      vectors[k + side] = sin * upper + cos * next;
      vectors[k] = cos * upper - sin * next;
    }
  }
  diagonal[first] -= moved;
  beside[first] = bulge;
  beside[last] = 0;
}

/** A symmetric matrix, which it overwrites, as vectors^T (tridiagonal) vectors: diagonal and what stands beside it. */
function tridiagonal(a, side) {
  const vectors = new Float64Array(side * side), v = new Float64Array(side), p = new Float64Array(side);
  for (let i = 0; i < side; i++) vectors[i * side + i] = 1;
  for (let k = 0; k < side - 2; k++) {
    let square = 0;
    for (let i = k + 1; i < side; i++) square += (v[i] = a[i * side + k]) ** 2;
    if (square === 0) continue;
    const length = Math.sqrt(square) * (v[k + 1] < 0 ? -1 : 1), scale = 1 / Math.sqrt(2 * (square + length * v[k + 1]));
    v[k + 1] += length;
    for (let i = k + 1; i < side; i++) v[i] *= scale; // a unit vector: I - 2 v v^T clears the column below
    let share = 0;
    for (let i = k; i < side; i++) {
      let sum = 0;
      for (let j = k + 1; j < side; j++) sum += a[i * side + j] * v[j];
      p[i] = sum;
      if (i > k) share += sum * v[i];
    }
    a[k * side + k + 1] = a[(k + 1) * side + k] = -length;
    for (let i = k + 2; i < side; i++) a[i * side + k] = a[k * side + i] = 0;
    for (let i = k + 1; i < side; i++) p[i] -= share * v[i];
    for (let i = k + 1; i < side; i++)
      for (let j = k + 1; j < side; j++) a[i * side + j] -= 2 * (v[i] * p[j] + p[i] * v[j]);
    p.fill(0); // now vectors - 2 v (v^T vectors)
    for (let i = k + 1; i < side; i++) for (let j = 0; j < side; j++) p[j] += v[i] * vectors[i * side + j];
    for (let i = k + 1; i < side; i++) for (let j = 0; j < side; j++) vectors[i * side + j] -= 2 * v[i] * p[j];
  }
  const diagonal = v.map((_, i) => a[i * side + i]), beside = v.map((_, i) => (i < side - 1 ? a[i * side + i + 1] : 0));
  return { diagonal, beside, vectors };
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
