import { check } from './check.ts';
import { closing } from './closing.ts';
import { withUsage } from './usage.ts';

/** `npm run check`. */
await withUsage('npm run check [-- --record]', async () => {
  const { isGreen, seconds, cpuSeconds, counts, reports } = await check();
  closing({ parts: [{ name: 'check', isGreen, seconds, cpuSeconds, counts }], reports, isStrict: false });
});
