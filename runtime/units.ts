const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const unitBytes = { B: 1, KB: 1_000, MB: 1_000_000, GB: 1_000_000_000 } as const;

/** `500ms`, `10s`, `15m`, `24h`, `180d` → milliseconds; null for any other text. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim());
  return match ? Number(match[1]) * unitMs[match[2] as keyof typeof unitMs] : null;
}

/** `64MB`, `500KB` → bytes (powers of ten); null for any other text. */
export function parseBytes(text: string): number | null {
  const match = /^(\d+)\s*(B|KB|MB|GB)$/i.exec(text.trim());
  return match ? Number(match[1]) * unitBytes[match[2]?.toUpperCase() as keyof typeof unitBytes] : null;
}

/** `40/10s` → 40 requests in any 10,000 ms; null for any other text. */
export function parseRate(text: string): { capacity: number; windowMs: number } | null {
  const [capacityText = '', windowText = '', ...rest] = text.split('/');
  const capacity = /^\d+$/.test(capacityText.trim()) ? Number(capacityText) : 0;
  const windowMs = parseDuration(windowText) ?? 0;
  return capacity >= 1 && windowMs > 0 && rest.length === 0 ? { capacity, windowMs } : null;
}

/** Milliseconds for the user: `850 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${ms < 10_000 ? (ms / 1_000).toFixed(1) : seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Bytes for the user, in powers of ten: `850 KB`, `3.4 MB`, `120 MB`. */
export function formatBytes(bytes: number): string {
  const [unit = 'B', size = 1] = Object.entries(unitBytes).findLast(([, size]) => bytes >= size) ?? [];
  const amount = bytes / size;
  return `${amount < 10 && size > 1 ? amount.toFixed(1) : Math.round(amount)} ${unit}`;
}
