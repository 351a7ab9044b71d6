import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { outcomeOf } from '../../support/processes/cli.ts';

// The time of these tests ends so soon that their commands are killed after a second.
it.each([
  ['', 'echo at work; sleep 20 & wait'],
  [' also if a process outside of its group has its output', 'echo at work; setsid sleep 20 & wait'],
])('says what a hanging command wrote before the time of the test ends%s', { timeout: 16_000 }, async (_, script) => {
  const child = spawn('sh', ['-c', script], { detached: true });
  await expect(outcomeOf(child)).rejects.toThrow(/hangs\nat work/);
  expect(child.signalCode).toBe('SIGKILL');
});
