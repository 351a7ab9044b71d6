/**
 * `npm run test:containers`: the image and the compose fleet on a real Docker engine, set-up included: about 20 minutes on two cores.
 * It needs Linux and root, and installs an engine with apt-get if the machine has none. If no engine can run, it prints "SKIPPED" with
 * the reason and ends with exit code 77. Arguments go to vitest (`npm run test:containers -- fleet`).
 */
import { ensure, exec, fail, node } from './setup.mjs';

await ensure(['npm', 'kafka', 'lint']).catch(fail);
process.exit(await exec(node(), ['test/containers/run.ts', ...process.argv.slice(2)]));
