import { closing } from './closing.ts';
import { fastTier } from './fast.ts';
import { withUsage } from './usage.ts';

/** `npm test`. */
await withUsage('npm test [-- --record]', async () => closing({ ...(await fastTier()), isStrict: false }));
