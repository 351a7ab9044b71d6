interface Named {
  readonly name: string;
}

/** Which columns of its model a version has. */
interface ColumnChoice {
  readonly include: string | readonly string[];
  readonly exclude?: readonly string[];
}

/** A model in a `.yml` file of dbt, as far as it determines names and columns. */
export interface YamlModelNames<Column extends Named> extends Named {
  readonly columns: readonly Column[];
  /** What a reference without a version means. */
  readonly latest_version?: number;
  readonly versions?: readonly {
    readonly v: number;
    readonly description?: string;
    /** The file without `.sql`. */
    readonly defined_in?: string;
    readonly deprecation_date?: string;
    readonly config?: { readonly alias?: string };
    readonly columns?: readonly (Column | ColumnChoice)[];
  }[];
}

/** A table or view that dbt makes of a model, or of one of its versions. */
export interface Relation<Column> extends Named {
  /** The file with its SQL, without `.sql`. */
  readonly file: string;
  /** Null if the model has no versions. */
  readonly version: number | null;
  readonly isLatest: boolean;
  /** The text that replaces the model's; null if the model's holds. */
  readonly description: string | null;
  readonly columns: readonly Column[];
  /** The day from which it may be removed. */
  readonly deprecationDate: string | null;
}

/** The relations of a model, by the rules of dbt: an `alias` and `defined_in` replace the default NAME_vVERSION. */
export function relationsOf<Column extends Named>(model: YamlModelNames<Column>): Relation<Column>[] {
  const { name, columns, versions } = model;
  if (!versions) {
    const only = { name, file: name, columns, version: null, isLatest: true, description: null, deprecationDate: null };
    return [only];
  }
  const latest = model.latest_version ?? Math.max(...versions.map(({ v }) => v));
  return versions.map(({ v, ...given }) => ({
    name: given.config?.alias ?? `${name}_v${v}`,
    file: given.defined_in ?? `${name}_v${v}`,
    version: v,
    isLatest: v === latest,
    description: given.description ?? null,
    columns: columnsOf(columns, given.columns ?? []),
    deprecationDate: given.deprecation_date ?? null,
  }));
}

/** dbt appends the columns of a version to those that it includes. */
function columnsOf<Column extends Named>(
  ofModel: readonly Column[],
  ofVersion: readonly (Column | ColumnChoice)[],
): Column[] {
  const choice = ofVersion.find((one) => 'include' in one) ?? { include: 'all' };
  const isIncluded = ({ name }: Column): boolean =>
    (typeof choice.include === 'string' || choice.include.includes(name)) && !choice.exclude?.includes(name);
  return [...ofModel.filter(isIncluded), ...ofVersion.filter((one) => 'name' in one)];
}
