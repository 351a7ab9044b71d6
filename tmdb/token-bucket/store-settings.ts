import { objectOf, type SettingsGroup, setting } from '../../runtime/setting.ts';
import { secretUrl } from '../../runtime/setting-kinds.ts';

const settings = {
  url: setting({
    name: 'TOKEN_BUCKET_URL',
    kind: secretUrl(/^rediss?$/, 'redis://127.0.0.1:6379'),
    meaning:
      'The Redis or Valkey with the token bucket that all processes share. Without it and without `tmdb-stream up`, only one process may call TMDb.',
    form: 'URL such as `redis://127.0.0.1:6379`, or `rediss://` for TLS',
  }),
};

export const tokenBucketGroup = {
  title: 'Token bucket',
  prefixes: ['TOKEN_BUCKET_'],
  settings,
  schema: objectOf(settings),
} satisfies SettingsGroup;
