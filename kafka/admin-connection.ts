import { setTimeout as delay } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import type { Kafka } from './client.ts';
import { Connection } from './connection.ts';
import { isOutage, TransientError } from './errors.ts';

const probeTimeoutMs = 4_000;

/** Requests of kafkajs's admin client. Each attempt that follows an outage has a new connection. */
export class AdminConnection implements AsyncDisposable {
  readonly #kafka: Kafka;
  readonly #connection: Connection<Admin>;

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
    this.#connection = new Connection(() => kafka.admin());
  }

  /** @param doing what the request is for, as in an error. @param request may be sent again. @throws as `Reach.persist` does. */
  ask<T>(doing: string, request: (admin: Admin) => Promise<T>): Promise<T> {
    return this.#kafka.reach.persist(doing, () => this.#attempt(request));
  }

  /** Asks where the brokers are, and learns their addresses. A broker that does not answer within 4 s counts as lost. */
  async probe(): Promise<void> {
    await this.ask('asking Kafka whether it is there', async (admin) => {
      const timer = new AbortController();
      const late = delay(probeTimeoutMs, undefined, { signal: timer.signal, ref: false }).then(
        () => Promise.reject(new TransientError(`no answer within ${probeTimeoutMs / 1_000} s`)),
        () => {},
      );
      const answer = await Promise.race([admin.describeCluster(), late]).finally(() => timer.abort());
      if (answer) this.#kafka.seeds.learn(answer.brokers);
    });
  }

  /** For a request that may fail silently. */
  async tryOnce(request: (admin: Admin) => Promise<unknown>): Promise<void> {
    await this.#attempt(request).catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection[Symbol.asyncDispose]();
  }

  async #attempt<T>(request: (admin: Admin) => Promise<T>): Promise<T> {
    const client = this.#connection.client();
    try {
      return await request(await client);
    } catch (error) {
      if (isOutage(error)) this.#connection.drop(client);
      throw error;
    }
  }
}
