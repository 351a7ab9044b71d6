export const dayMs = 86_400_000;

/** The UTC day of a moment as `YYYY-MM-DD`. @param ms since the epoch. */
export const utcDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** The first moment of a UTC day, in ms since the epoch; NaN if it is not written `YYYY-MM-DD`. */
export const startOfDay = (day: string): number =>
  /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
