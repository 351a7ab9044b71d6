import { setFlagsFromString } from 'node:v8';

/**
 * Lets V8 collect garbage early instead of growing its heap. A page is a few megabytes of short-lived strings, and by default V8 keeps
 * 200 MB for 30 MB of live objects. Costs about 5 % more CPU. Only for a process that does nothing else.
 */
export const keepHeapSmall = (): void => setFlagsFromString('--optimize-for-size');
