/** `node --import shifted-clock.ts cli.ts ...`: a process whose wall clock is wrong by SHIFT_CLOCK_MS. */
const shiftMs = Number(process.env['SHIFT_CLOCK_MS'] ?? 0);
const trueNow = Date.now.bind(Date);

class ShiftedDate extends Date {
  constructor(...parts: [] | [number]) {
    super(...((parts.length === 0 ? [trueNow() + shiftMs] : parts) as [number]));
  }

  static override now(): number {
    return trueNow() + shiftMs;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
