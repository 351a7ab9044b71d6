import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdmin } from '../../kafka/admin.ts';
import { createKafka, type Kafka, type KafkaOptions } from '../../kafka/client.ts';
import { createRecordSource } from '../../kafka/record-source.ts';
import { openProducer } from '../../kafka/sink.ts';
import { createLogger } from '../../runtime/logger.ts';
import { Secret } from '../../runtime/secret.ts';
import { movieIdCodec } from '../../schemas/codecs.ts';
import type { Topic } from '../../schemas/topics.ts';
import { readAcls } from '../support/kafka/acls.ts';
import { createAuthority } from '../support/kafka/certificates.ts';
import { type SecureBroker, startSecureBroker } from '../support/kafka/secure-broker.ts';
import { topics } from '../support/kafka/topics.ts';
import { Workspace } from '../support/processes/cli.ts';
import { casesOf } from '../tiers.ts';

const { AclOperationTypes } = kafkajs;

/** The users of deploy/kafka/acls.txt, each with its own password, and an administrator. */
const users = {
  admin: 'canary-admin',
  producer: 'canary-producer',
  fetcher: 'canary-fetcher',
  loader: 'canary-loader',
  scheduler: 'canary-scheduler',
  dashboard: 'canary-dashboard',
  operator: 'canary-operator',
};
type User = keyof typeof users;

describe('a Kafka with TLS, passwords and ACLs', () => {
  const authority = createAuthority('the authority of our Kafka');
  const stranger = createAuthority('unknown authority');
  const asUsual = tls.getCACertificates('default');
  let dir: string;
  let broker: SecureBroker;
  let workspace: Workspace;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tmdb-stream-secure-'));
    broker = await startSecureBroker(join(dir, 'kafka'), authority.issue(['localhost']), users, authority.cert);
    await writeFile(join(dir, 'authority.pem'), authority.cert);
    workspace = new Workspace({
      KAFKA_BROKERS: broker.address,
      KAFKA_SSL: 'true',
      NODE_EXTRA_CA_CERTS: join(dir, 'authority.pem'),
    });
    tls.setDefaultCACertificates([...asUsual, authority.cert]);
  }, 120_000);
  afterAll(async () => {
    tls.setDefaultCACertificates(asUsual);
    await broker[Symbol.asyncDispose]();
    workspace[Symbol.dispose]();
    await rm(dir, { recursive: true, force: true });
  });

  const clientAs = (user: User, more: Partial<KafkaOptions> = {}): Kafka =>
    createKafka({
      ...{
        brokers: [broker.address],
        ssl: true,
        patienceMs: 1_000,
        clientId: 'test',
        log: createLogger('silent', []),
        topics,
      },
      sasl: { mechanism: 'scram-sha-512', username: user, password: new Secret(users[user]) },
      ...more,
    });
  const run = (user: User, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    workspace.run(args, { KAFKA_USERNAME: user, KAFKA_PASSWORD: users[user], ...env });

  const sasl = (username: string, password: string, mechanism: 'plain' | 'scram-sha-512' = 'scram-sha-512') => ({
    sasl: { mechanism, username, password: new Secret(password) },
  });
  const publishAs = async (user: User, { name, content }: Topic) => {
    await using producer = openProducer(clientAs(user));
    const value = { movieId: 5, reason: 'popular' as const, page: 1, rank: 1, requestedAt: new Date() };
    await producer.sink({ name, content, codec: movieIdCodec }).publish([{ key: '5', value }]);
  };
  const readAs = (user: User, { name: topic }: Topic, group: string) => {
    const options = { kafka: clientAs(user), topic, group, concurrency: 1, log: createLogger('silent', []) };
    return createRecordSource(options).run(async () => {}, { signal: AbortSignal.timeout(20_000) });
  };

  const nobodysFault = { name: 'KafkaError', retriable: true, exitCode: 1 };
  const refused = { name: 'KafkaRefusedError', retriable: false, exitCode: 3 };

  const refusals: [string, () => Parameters<typeof clientAs>[1], object, string][] = [
    ['a wrong password', () => sasl('loader', 'canary-wrong'), refused, 'KAFKA_PASSWORD'],
    ['an unknown user', () => sasl('stranger', users.loader), refused, 'KAFKA_USERNAME'],
    [
      'a login mechanism that the broker does not offer',
      () => sasl('loader', users.loader, 'plain'),
      refused,
      'KAFKA_SASL_MECHANISM',
    ],
    ['a name that is not in the certificate', () => ({ brokers: [broker.addressByNumber] }), refused, 'altnames'],
    ['a connection without TLS', () => ({ ssl: false }), nobodysFault, 'Closed connection'],
  ];

  it.each(casesOf(refusals, [0, 3]))('[S4] refuses %s, and says what to fix', async (_, options, error, hint) => {
    const failure = await createAdmin(clientAs('loader', options()))
      .clusterId()
      .catch((thrown) => thrown);
    expect(failure).toMatchObject(error);
    expect(failure.message).toContain(hint);
    expect(`${failure.stack} ${JSON.stringify(failure)}`).not.toContain('canary');
  });

  it('[P16 S4] is refused when an unknown authority has signed its certificate, and receives no password', async () => {
    tls.setDefaultCACertificates([...asUsual, stranger.cert]);
    try {
      const failure = await createAdmin(clientAs('loader'))
        .clusterId()
        .catch((thrown) => thrown);
      expect(failure).toMatchObject(refused);
      expect(failure.message).toContain('NODE_EXTRA_CA_CERTS');
    } finally {
      tls.setDefaultCACertificates([...asUsual, authority.cert]);
    }
  });

  it('[S3] makes a command with a wrong password exit with code 3 without showing the password', async () => {
    const { code, stdout, stderr } = await run('loader', ['load', '--once'], {
      KAFKA_PASSWORD: 'canary-wrong',
      LOG_LEVEL: 'trace',
    });
    expect(code).toBe(3);
    expect(stderr).toContain('check KAFKA_USERNAME, KAFKA_PASSWORD and');
    expect(stdout + stderr).not.toContain('canary');
  });

  it('[S3] admits a client by its certificate, and says what to fix without one', {
    tags: ['full'],
    timeout: 60_000,
  }, async () => {
    const { cert, key } = authority.issue(['admin']);
    await writeFile(join(dir, 'client.pem'), cert);
    await writeFile(join(dir, 'client.key'), key);
    const env = { KAFKA_BROKERS: broker.addressOfCertificates };
    const files = { KAFKA_CLIENT_CERT_FILE: join(dir, 'client.pem'), KAFKA_CLIENT_KEY_FILE: join(dir, 'client.key') };
    const { code, stderr } = await workspace.run(['topics', '--apply'], { ...env, ...files });
    expect(code, stderr).toBe(0);
    const without = await workspace.run(['topics'], env);
    expect(without.code, without.stderr).toBe(3);
    expect(without.stderr).toContain('check KAFKA_CLIENT_CERT and KAFKA_CLIENT_KEY');
  });

  it('[S3] admits a client by a token of its OAuth server, and shows no secret', {
    tags: ['full'],
    timeout: 60_000,
  }, async () => {
    const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url');
    let isRefused = false;
    await using server = createServer((_, response) => {
      const now = Date.now() / 1_000;
      const token = `${part({ alg: 'none' })}.${part({ sub: 'admin', iat: now, exp: now + 300 })}.`;
      const answer = isRefused ? { error: 'invalid_client' } : { access_token: token, expires_in: 300 };
      response.writeHead(isRefused ? 401 : 200).end(JSON.stringify(answer));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const env = {
      KAFKA_BROKERS: broker.addressOfTokens,
      KAFKA_SASL_MECHANISM: 'oauthbearer',
      KAFKA_OAUTH_TOKEN_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
      KAFKA_OAUTH_CLIENT_ID: 'us',
      KAFKA_OAUTH_CLIENT_SECRET: 'canary-secret',
    };
    const { code, stderr } = await workspace.run(['topics', '--apply'], env);
    expect(code, stderr).toBe(0);
    isRefused = true;
    const refusal = await workspace.run(['topics'], { ...env, LOG_LEVEL: 'trace' });
    expect(refusal.code, refusal.stderr).toBe(3);
    expect(refusal.stderr).toContain('(invalid_client)');
    expect(refusal.stderr).toContain('check KAFKA_OAUTH_TOKEN_URL');
    expect(refusal.stdout + refusal.stderr).not.toContain('canary');
  });

  it('[S3] serves each stage with the rights that it needs, and with no others', async () => {
    expect(await run('admin', ['topics', '--apply'])).toMatchObject({ code: 0 });
    const admin = clientAs('admin').admin();
    await admin.connect();
    await admin.createAcls({ acl: readAcls() });
    await admin.disconnect();

    // Fetcher and loader each park one, so that the last two commands have letters to read.
    const producer = clientAs('admin').producer();
    await producer.connect();
    for (const { name: topic } of [topics.movieIds, topics.rawMovies])
      await producer.send({ topic, messages: [{ key: '1', value: 'not a record' }] });
    await producer.disconnect();

    const stages: readonly (readonly [User, readonly string[]])[] = [
      ['producer', ['produce', 'genres']],
      ['producer', ['produce', 'popular', '--pages', '1']],
      ['producer', ['produce', 'changes']],
      ['fetcher', ['fetch', '--once']],
      ['loader', ['load', '--once', '--json']],
      // As the scheduler reads it for its report.
      ['scheduler', ['coverage']],
      // As the page Operations does.
      ['dashboard', ['dead-letters', 'list']],
    ];
    for (const [user, args] of stages) {
      const { code, stderr } = await run(user, args, { KAFKA_SASL_MECHANISM: 'scram-sha-256' });
      expect(`${args.join(' ')}: ${code}`, stderr).toBe(`${args.join(' ')}: 0`);
    }
    const { stdout: shown } = await run('dashboard', ['status', '--json']);
    expect(JSON.parse(shown).topics, shown).toHaveLength(6);
    // A stage that may not read the topics' settings logs a warning, and works.
    await admin.connect();
    const reading = readAcls().filter(
      ({ principal, operation }) => principal === 'User:loader' && operation === AclOperationTypes.DESCRIBE_CONFIGS,
    );
    expect(reading).toHaveLength(1);
    await admin.deleteAcls({ filters: reading });
    await admin.disconnect();
    const blind = await run('loader', ['load', '--once']);
    expect(blind.code, blind.stderr).toBe(0);
    expect(blind.stderr).toContain('may not read the settings of the topic');
    // The producer's user may not load, even if nothing is loaded yet.
    const { code, stderr } = await run('producer', ['load', '--once'], { DUCKDB_PATH: join(dir, 'empty.duckdb') });
    expect(code, stderr).toBe(1);
    expect(stderr).toContain('this Kafka user has no ACL for the group');
    const noRight = { ...refused, message: expect.stringContaining('this Kafka user has no ACL for it') };
    await expect(readAs('fetcher', topics.rawGenres, 'tmdb.fetcher')).rejects.toMatchObject(noRight);
    await expect(publishAs('loader', topics.movieIds)).rejects.toMatchObject(noRight);
    await expect(publishAs('scheduler', topics.deadLetters)).rejects.toMatchObject(noRight);
    await expect(publishAs('dashboard', topics.movieIds)).rejects.toMatchObject(noRight);
    await expect(readAs('dashboard', topics.rawMovies, 'tmdb.loader')).rejects.toMatchObject(noRight);
    await expect(publishAs('producer', topics.rawMovies)).rejects.toMatchObject(noRight);
    await expect(publishAs('producer', topics.movieIds)).resolves.toBeUndefined();
  }, 180_000);

  it('[S3] serves the commands of the runbook with the rights of the operator', {
    tags: ['full'],
    timeout: 300_000,
  }, async () => {
    expect(await run('admin', ['topics', '--apply'])).toMatchObject({ code: 0 });
    const admin = clientAs('admin').admin();
    await admin.connect();
    await admin.createAcls({ acl: readAcls() });
    await admin.disconnect();
    await publishAs('admin', topics.movieIds);
    const producer = clientAs('admin').producer();
    await producer.connect();
    for (const { name: topic } of [topics.movieIds, topics.rawMovies])
      await producer.send({ topic, messages: [{ key: '1', value: 'not a record' }] });
    await producer.disconnect();
    expect(await run('fetcher', ['fetch', '--once'])).toMatchObject({ code: 0 });
    expect(await run('loader', ['load', '--once'])).toMatchObject({ code: 0 });
    const commands = [
      'status',
      'topics',
      'coverage',
      'repair',
      'dead-letters list',
      'dead-letters redrive --all',
      'dead-letters purge --all --yes',
      'replay ids --movie 5',
      'replay raw --rebuild --all',
      'ids discard --all --yes',
    ];
    for (const command of commands) {
      const { code, stderr } = await run('operator', command.split(' '));
      // 5: the rebuild parks the unusable record again.
      expect(command.includes('raw') ? [0, 5] : [0], `${command}: ${stderr}`).toContain(code);
    }
    await expect(publishAs('operator', topics.movieIds)).resolves.toBeUndefined();
  });
});
