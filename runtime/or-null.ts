/** The result of `read`; null if it throws. For input that may be wrong or absent, where the reason does not matter. */
export function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
