import type { ProxySettings } from '../../runtime/proxy.ts';
import { Reach, type ReachOptions } from '../reach.ts';
import { RegistryClient, type SchemaRegistryAccess } from './registry-client.ts';

/** A schema registry, and the state of its outages. */
export interface Registry {
  readonly client: RegistryClient;
  readonly reach: Reach;
}

const server = {
  name: 'the schema registry',
  remedy: 'start the schema registry, or correct SCHEMA_REGISTRY_URL; then run the command again',
};

/** Contacts nothing yet. */
export const openRegistry = (
  access: SchemaRegistryAccess,
  proxy: ProxySettings | undefined,
  waiting: ReachOptions,
): Registry => ({ client: new RegistryClient(access, proxy), reach: new Reach({ ...waiting, server }) });
