import { setTimeout as delay } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import type { Kafka } from './client.ts';
import { isOutage, KafkaError, TransientError } from './errors.ts';
import type { Seeds } from './seeds.ts';

const lateMs = 4_000;

/**
 * kafkajs's admin does not look for another broker when it loses the one that it is connected to. Here each attempt that
 * follows a failure has a new connection, to the next broker of the list.
 */
export class AdminConnection implements AsyncDisposable {
  readonly #kafka: Kafka;
  #connecting: Promise<Admin> | undefined;
  #isClosed = false;

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
  }

  /** @param question may be asked again. @throws as `Reach.persist` does. */
  ask<T>(doing: string, question: (admin: Admin) => Promise<T>): Promise<T> {
    return this.#kafka.reach.persist(doing, () => this.#ask(doing, question));
  }

  /** Asks where the brokers are. One that has not answered after 4 s is not waited for. */
  async askWhere(seeds: Seeds): Promise<void> {
    await this.ask('asking Kafka whether it is there', async (admin) => {
      const timer = new AbortController();
      const late = delay(lateMs, undefined, { signal: timer.signal, ref: false }).then(
        () => Promise.reject(new TransientError(`no answer within ${lateMs / 1_000} s`)),
        () => {},
      );
      const answer = await Promise.race([admin.describeCluster(), late]).finally(() => timer.abort());
      if (answer) seeds.learn(answer.brokers);
    });
  }

  /** For what may fail without a word. */
  async tryOnce(question: (admin: Admin) => Promise<unknown>): Promise<void> {
    await this.#ask('', question).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#drop(this.#connecting);
  }

  async #ask<T>(doing: string, question: (admin: Admin) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new KafkaError(`${doing} failed: the connection is closed`);
    this.#connecting ??= this.#connect();
    const connecting = this.#connecting;
    try {
      return await question(await connecting);
    } catch (error) {
      // Not waited for: a connection that hangs is closed when its requests have timed out.
      if (isOutage(error)) void this.#drop(connecting);
      throw error;
    }
  }

  async #connect(): Promise<Admin> {
    const admin = this.#kafka.admin();
    await admin.connect();
    return admin;
  }

  async #drop(connecting: Promise<Admin> | undefined): Promise<void> {
    if (this.#connecting === connecting) this.#connecting = undefined;
    await connecting?.then((admin) => admin.disconnect()).catch(() => {});
  }
}
