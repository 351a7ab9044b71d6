import { leftoverMs } from '../../runtime/temporary-folder.ts';
import type { SnowflakeClient } from './client.ts';
import { tablesOfBronze } from './expired-batches.ts';
import { takeLoadLock } from './load-lock.ts';
import { timeOf } from './purged-before.ts';
import type { SnowflakeSession } from './session.ts';

/**
 * Removes what interrupted loads have left: files of the stage, and lines that a loader has copied after it had lost the load lock.
 * @param olderThanMs age of the files: no load takes an hour. @returns the number of files and lines.
 */
export async function removeLeftovers(client: SnowflakeClient, olderThanMs = leftoverMs): Promise<number> {
  // The stage is created just before this table.
  if (!(await client.use(tablesOfBronze)).has('load_lines')) return 0;
  const files = await client.use((session) => removeFiles(session, olderThanMs));
  return files + (await removeLines(client));
}

async function removeFiles(session: SnowflakeSession, olderThanMs: number): Promise<number> {
  const { rows } = await session.execute({ sql: 'list @bronze.load_files' });
  const before = (await timeOf(session)).getTime() - olderThanMs;
  const old = rows.filter((row) => Date.parse(String(row['last_modified'])) < before); // mutant: snowflake.old-files
  for (const row of old) {
    // The name begins with that of the stage.
    const file = String(row['name']).split('/').at(-1) ?? '';
    if (/^[\w.-]+$/.test(file)) await session.execute({ sql: `remove @bronze.load_files/${file}` });
  }
  return old.length;
}

/** Lines that another transaction can see are left over: a load deletes its own before its COMMIT. */
async function removeLines(client: SnowflakeClient): Promise<number> {
  const lines = await client.use(countLines);
  if (lines === 0) return 0;
  const remove = async (session: SnowflakeSession) => {
    const { transactionGuard } = await takeLoadLock(session);
    await session.execute({ sql: `delete from bronze.load_lines where ${transactionGuard}` });
  };
  await client.transaction(remove, async (session) => (await countLines(session)) === 0);
  return lines;
}

async function countLines(session: SnowflakeSession): Promise<number> {
  const { rows } = await session.execute({ sql: 'select count(*) as lines from bronze.load_lines' });
  return Number(rows[0]?.['lines']);
}
