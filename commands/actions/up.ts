import { up as runUp } from '../../pipeline/up.ts';
import type { Context } from '../../platform/context.ts';
import { ExitCode, UsageError } from '../../runtime/errors.ts';

/** `up` */
export async function up(context: Context): Promise<number> {
  const { dataDir, kafka, tokenBucketUrl } = context.config;
  const others = [kafka.brokers && 'KAFKA_BROKERS', tokenBucketUrl && 'TOKEN_BUCKET_URL'].filter((name) => name);
  if (others.length > 0) {
    throw new UsageError(
      `up starts a broker and a token store, but ${others.join(' and ')} name others: remove the setting`,
    );
  }
  await runUp(context, ({ addresses }) => {
    process.stdout.write(
      [
        `broker       ${addresses.kafka}`,
        `token store  ${addresses.tokenStore}`,
        `join         DATA_DIR=${dataDir}`,
        'Every command with this DATA_DIR joins them, without KAFKA_BROKERS and TOKEN_BUCKET_URL. Ctrl-C stops them.',
        '',
      ].join('\n'),
    );
  });
  return ExitCode.done;
}
