/** What a file of the bundle has: mappings, lists and scalars. */
export type Yaml = string | number | boolean | null | readonly Yaml[] | { readonly [key: string]: Yaml };

/** A value as YAML. Texts are in double quotes, with the escapes of JSON, which YAML shares; or in single ones if that escapes less. */
export const yaml = (value: Yaml): string => `${lines(value).join('\n')}\n`;

const isScalar = (value: Yaml): boolean =>
  value === null || typeof value !== 'object' || (Array.isArray(value) ? value : Object.keys(value)).length === 0;

const count = (text: string, character: string): number => text.split(character).length - 1;

function scalar(value: Yaml): string {
  const json = JSON.stringify(value);
  if (typeof value !== 'string' || count(value, '"') <= count(value, "'") || /[\\\n]/.test(value)) return json;
  return `'${value.replaceAll("'", "''")}'`;
}

function lines(value: Yaml): string[] {
  if (isScalar(value)) return [scalar(value)];
  if (Array.isArray(value)) {
    return value.flatMap((item: Yaml) => lines(item).map((line, index) => `${index === 0 ? '-' : ' '} ${line}`));
  }
  return Object.entries(value as { readonly [key: string]: Yaml }).flatMap(([key, item]) =>
    isScalar(item) ? [`${key}: ${scalar(item)}`] : [`${key}:`, ...lines(item).map((line) => `  ${line}`)],
  );
}
