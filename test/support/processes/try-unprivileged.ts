/** Runs as a user without permissions: tries each setting, and prints the errors. Arguments: the closed folder, the kinds. */
import { join } from 'node:path';
import { loadConfig } from '../../../platform/config.ts';
import { goldCopyMistakes, placesOf, preparePlaces } from '../../../platform/places.ts';
import { IngestError } from '../../../runtime/errors.ts';

const [, , closed = '', kinds = '{}'] = process.argv;

function refusal(setting: string, kind: string) {
  const value = join(closed, kind.includes('folder') ? 'folder' : 'file');
  try {
    const config = loadConfig({ DATA_DIR: '/tmp', [setting]: value });
    if (kind === 'side output') return { exitCode: 2, message: goldCopyMistakes(config).join('\n') };
    preparePlaces(placesOf(config, ['work files', 'warehouse']));
    return { exitCode: 0, message: 'nothing' };
  } catch (error) {
    if (error instanceof IngestError) return { exitCode: error.exitCode, message: error.message };
    throw error;
  }
}

const entries = Object.entries(JSON.parse(kinds) as Record<string, string>);
process.stdout.write(JSON.stringify(Object.fromEntries(entries.map(([name, kind]) => [name, refusal(name, kind)]))));
