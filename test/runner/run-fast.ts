import { closing } from './closing.ts';
import { fastTier } from './fast.ts';

/** `npm test`. */
closing({ ...(await fastTier()), isStrict: false });
