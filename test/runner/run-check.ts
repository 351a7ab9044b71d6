import { check } from './check.ts';
import { closing } from './closing.ts';

/** `npm run check`. */
const { isGreen, seconds, cpuSeconds, counts, reports } = await check();
closing({ parts: [{ name: 'check', isGreen, seconds, cpuSeconds, counts }], reports, isStrict: false });
