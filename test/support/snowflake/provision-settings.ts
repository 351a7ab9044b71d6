import { generateKeyPairSync } from 'node:crypto';
import type { Names, ProvisionSettings } from '../../../warehouse/snowflake/provision/names.ts';
import { type PublicKey, parsePublicKey } from '../../../warehouse/snowflake/provision/public-key.ts';

export const names: Names = {
  database: 'LECTURE_DE',
  ingestWarehouse: 'LECTURE_INGEST_WH',
  transformWarehouse: 'LECTURE_TRANSFORM_WH',
  dashboardWarehouse: 'LECTURE_DASHBOARD_WH',
  monitor: 'LECTURE_MONITOR',
  engineerRole: 'DE_ROLE',
  analystRole: 'ANALYST_ROLE',
  loaderRole: 'LOADER_ROLE',
  dbtRole: 'DBT_ROLE',
  dashboardRole: 'LECTURE_DASHBOARD_ROLE',
  loaderUser: 'LECTURE_LOADER',
  dbtUser: 'LECTURE_DBT',
  dashboardUser: 'LECTURE_DASHBOARD',
};

export const newKeyPair = () =>
  generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });

export const newKey = (): PublicKey => parsePublicKey(newKeyPair().publicKey, '--key');

export const settings: ProvisionSettings = {
  names,
  creditQuota: 100,
  keys: { loader: { first: newKey() }, dbt: { first: newKey() }, dashboard: { first: newKey() } },
};
