import { afterAll, beforeAll } from 'vitest';
import type { Sandbox } from '../../../sandbox/server.ts';
import { type KafkaFixture, openWithSandbox } from './kafka-fixture.ts';

/**
 * Opens a fixture with a sandbox before the tests of a file or of a `describe` block, and closes both after them.
 * @param onOpened receives both, before the first test.
 * @param properties of the broker, beside its own.
 */
export function shareFixture(
  onOpened: (fixture: KafkaFixture, sandbox: Sandbox) => void | Promise<void>,
  properties: Readonly<Record<string, string>> = {},
): void {
  let opened: readonly AsyncDisposable[] = [];
  beforeAll(async () => {
    const [fixture, sandbox] = await openWithSandbox(properties);
    opened = [fixture, sandbox];
    await onOpened(fixture, sandbox);
  });
  afterAll(async () => {
    for (const resource of opened) await resource[Symbol.asyncDispose]();
  });
}
