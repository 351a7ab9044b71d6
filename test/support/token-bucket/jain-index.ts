/** Jain's index of fairness: 1 if all members got the same, 1/n if one member got everything (Jain, Chiu, Hawe, 1984). */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return sum ** 2 / (shares.length * squares);
}
