import { commandsByWords } from '../../commands/index.ts';
import { errorCodes, exitCodeMeanings } from '../../runtime/errors.ts';
import { commandOutputs, errorStreamLines, type JsonSchema, type Printed } from './json-shapes.ts';

/** The pages that `npm run docs` writes from the shapes of outputs: docs/json.md and the JSON Schemas in docs/json. */

const introduction = `# JSON for programs

\`npm run docs\` writes this page from the shapes in the code. Do not edit it.

With \`--json\`, a command writes for a program:

- **Standard output** has only the output of the command: one JSON object on one line, in the shape below. A command that failed may have
  written none. \`status --watch\` writes one every 2 seconds. A service (a command that runs until it is stopped) writes none.
- **Standard error** has one JSON object per line: [log lines](#log-line), [progress lines](#progress-line), and, if the command fails, the
  [error line](#error-line) as the last one. Skip lines of any other form: the installer and Node.js write text.
- The **exit code** says how the command ended. With code 5, the output or the error line names the part that failed.

Keys are in camelCase. Times are in ISO 8601 in UTC, such as \`2026-05-01T12:00:00.000Z\`. Numbers are numbers; the unit is part of the key. A
value that is not known is \`null\`; its key is still present. Later versions may add keys.

\`\`\`sh
npx tmdb-stream status --json | jq '.topics[] | select(.waiting > 0)'
\`\`\`
`;

/** The text of docs/json.md. */
export async function jsonPage(): Promise<string> {
  const outputs = await commandOutputs();
  return [
    introduction,
    exitCodes(),
    errors(),
    '## Standard output\n',
    ...outputs.map(sectionOf),
    '## Standard error\n',
    ...errorStreamLines.map(sectionOf),
  ].join('\n');
}

/** The JSON Schemas, by their path in docs/json. */
export async function schemaFiles(): Promise<ReadonlyMap<string, string>> {
  const all = [...(await commandOutputs()), ...errorStreamLines];
  return new Map(all.map((one) => [fileOf(one), `${JSON.stringify(one.schema, null, 2)}\n`]));
}

const fileOf = ({ name }: Printed): string => `${name.replaceAll(' ', '-')}.schema.json`;

function exitCodes(): string {
  const common = exitCodeMeanings.map(([codes, meaning]) => `| ${codes} | ${cell(meaning)} |`);
  const special = [...commandsByWords].flatMap(([words, { exits = {} }]) =>
    Object.entries(exits).map(([code, when]) => `| \`${words}\` | ${code} | ${cell(when)} |`),
  );
  return `## Exit codes

| code | meaning |
|---|---|
${common.join('\n')}

Codes of some commands:

| command | code | if |
|---|---|---|
${special.join('\n')}

Records that a stage parks in dead letters do not change the exit code of \`run\`, \`fetch\` and \`load\`: the output counts them, and
\`dead-letters list\` shows them.
`;
}

function errors(): string {
  const rows = Object.entries(errorCodes).map(([code, meaning]) => `| \`${code}\` | ${cell(meaning)} |`);
  return `## Errors

The error line has a code, which keeps its meaning, and \`retriable\`: whether the same command may succeed later without any change.

| code | meaning |
|---|---|
${rows.join('\n')}
`;
}

function sectionOf(one: Printed): string {
  const { schema, name } = one;
  const title = commandsByWords.has(name) ? `\`${name}\`` : name[0]?.toUpperCase() + name.slice(1);
  const rows = rowsOf(schema, '').map((row) => `| \`${row.path}\` | ${row.type} | ${cell(row.meaning)} |`);
  return `### ${title}

[${fileOf(one)}](json/${fileOf(one)})

| key | type | meaning |
|---|---|---|
${rows.join('\n')}
`;
}

interface Row {
  readonly path: string;
  readonly type: string;
  readonly meaning: string;
}

/** A row for each key of a schema, such as `topics[].waiting`. */
function rowsOf({ properties = {}, required = [] }: JsonSchema, prefix: string): Row[] {
  return Object.entries(properties).flatMap(([key, property]) => {
    const path = `${prefix}${key}`;
    const schema = nonNull(property);
    const isNullable = schema !== property;
    const presence = required.includes(key) ? '' : ', may be absent';
    const row = { path, type: `${typeOf(schema)}${isNullable ? ' or null' : ''}${presence}` };
    const below = schema.items ? rowsOf(schema.items, `${path}[].`) : rowsOf(schema, `${path}.`);
    return [{ ...row, meaning: property.description ?? schema.description ?? '' }, ...below];
  });
}

/** The schema of the values that are not null; the same schema if no value is null. */
export function nonNull(schema: JsonSchema): JsonSchema {
  const { type } = schema;
  if (!Array.isArray(type)) return schema.anyOf?.find((one) => one.type !== 'null') ?? schema;
  return { ...schema, type: type.find((one) => one !== 'null') };
}

/** A longer list of words is in the JSON Schema only. */
const maxChoices = 6;

function typeOf({ type, format, items, const: constant, ...schema }: JsonSchema): string {
  if (schema.enum && schema.enum.length <= maxChoices) return schema.enum.map((word) => `\`${word}\``).join(', ');
  if (constant !== undefined) return `\`${constant}\``;
  if (items) return `list of ${items.properties ? 'objects' : `${typeOf(items)}s`}`;
  return format === 'date-time' ? 'time' : String(type);
}

const cell = (text: string): string => text.replaceAll('|', '\\|');
