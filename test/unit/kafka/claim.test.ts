import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { brokerOwner, claimDataDir } from '../../../kafka/broker/claim.ts';
import { BrokerError } from '../../../kafka/errors.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(`${tmpdir()}/tmdb-stream-claim-`);
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('the claim on the data folder of a broker', () => {
  it('of `up` waits for a command that has a broker of its own, and names it once', async () => {
    const command = await claimDataDir(dataDir);
    const onWait = vi.fn();
    const claiming = claimDataDir(dataDir, { isShared: true, onWait });
    await vi.waitFor(() => expect(onWait).toHaveBeenCalled(), { timeout: 20_000 });
    command.setBroker(process.pid, '127.0.0.1:9');
    command.release();
    const { release } = await claiming;
    expect(brokerOwner(dataDir)).toMatchObject({ isShared: true, access: null });
    expect(onWait.mock.calls).toEqual([[`process ${process.pid} on ${hostname()}`]]);
    release();
  });

  it('of a second `up` is refused at once', async () => {
    const { release } = await claimDataDir(dataDir, { isShared: true });
    await expect(claimDataDir(dataDir, { isShared: true })).rejects.toThrow(/"tmdb-stream up" .* already runs on/);
    release();
  });

  it('of a command is refused at once, and the message names `up` and KAFKA_BROKERS', async () => {
    const { release } = await claimDataDir(dataDir);
    const refused = claimDataDir(dataDir);
    await expect(refused).rejects.toThrow(BrokerError);
    await expect(refused).rejects.toThrow(/is in use by the broker of process \d+ .*"tmdb-stream up".*KAFKA_BROKERS/);
    await expect(refused).rejects.not.toThrow(/another DATA_DIR/);
    release();
  });
});
