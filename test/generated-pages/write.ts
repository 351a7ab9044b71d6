import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configurationPage, envExample } from './configuration.ts';
import { allEvidence } from './evidence.ts';
import { withTests } from './guarantees.ts';
import { jsonPage, schemaFiles } from './json.ts';
import { measuresMacro, metricDocs, metricsPage } from './metrics.ts';
import { modelsText } from './models.ts';
import { provisionFile, provisionSql } from './snowflake-provision.ts';
import { databaseFile, supersetFiles } from './superset/bundle.ts';

/**
 * `npm run docs`: writes the pages that have a source in the code. docs/guarantees.md: which tests show each row, from the ids in the
 * names of the tests. docs/configuration.md and .env.example: the settings. docs/json.md and docs/json: what
 * commands print with --json. docs/metrics.md, two files of dbt and what Superset imports: the metrics in dbt/metrics.json.
 * dbt/models.json: the models of dbt, for the dashboard. deploy/snowflake/provision.sql: what `warehouse provision` creates.
 */
const root = join(import.meta.dirname, '../..');
const guarantees = join(root, 'docs/guarantees.md');
writeFileSync(guarantees, withTests(readFileSync(guarantees, 'utf8'), allEvidence()));
writeFileSync(join(root, 'docs/configuration.md'), configurationPage());
writeFileSync(join(root, '.env.example'), envExample());
writeFileSync(join(root, 'docs/json.md'), await jsonPage());
writeFileSync(join(root, 'docs/metrics.md'), metricsPage());
mkdirSync(dirname(join(root, provisionFile)), { recursive: true });
writeFileSync(join(root, provisionFile), provisionSql());
writeFileSync(join(root, 'dbt/macros/movie_measures.sql'), measuresMacro());
writeFileSync(join(root, 'dbt/models/docs/metrics.md'), metricDocs());
// The environment of the linters has the parser of YAML.
const { ensure } = await import(join(root, 'scripts/setup.mjs'));
await ensure(['lint']);
writeFileSync(join(root, 'dbt/models.json'), modelsText());
const schemas = join(root, 'docs/json');
rmSync(schemas, { recursive: true, force: true });
mkdirSync(schemas);
for (const [file, text] of await schemaFiles()) writeFileSync(join(schemas, file), text);
const superset = join(root, 'deploy/superset/bundle');
rmSync(superset, { recursive: true, force: true });
for (const [file, text] of supersetFiles('duckdb')) {
  mkdirSync(dirname(join(superset, file)), { recursive: true });
  writeFileSync(join(superset, file), text);
}
const onSnowflake = supersetFiles('snowflake').get(databaseFile) ?? '';
mkdirSync(dirname(join(`${superset}-snowflake`, databaseFile)), { recursive: true });
writeFileSync(join(`${superset}-snowflake`, databaseFile), onSnowflake);
