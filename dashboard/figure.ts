import type { GoldRow, GoldSnapshot } from '../warehouse/gold-reader.ts';
import type { Unit } from './format.ts';
import type { Html } from './html.ts';

/** A column of a figure: a column of GOLD, and how a person reads it. */
export interface Column {
  /** Its name in the query and in downloads. If it is a metric, or a column of a model of the figure, the heading links to the definition. */
  readonly key: string;
  readonly label: string;
  readonly unit: Unit;
  /** The page of the thing that a cell names. */
  link?(row: GoldRow): string | null;
  /** Only in downloads. */
  readonly isHidden?: true;
}

/** What a visitor chose, as the query of the address. */
export type Choices = URLSearchParams;

/** SQL with the values of its parameters. */
export interface Query {
  readonly sql: string;
  readonly values?: Readonly<Record<string, string | number>>;
}

/**
 * Some numbers with one meaning. The page shows its rows as a chart and as a table, and `/data/ID.csv` and `/data/ID.json` have the same
 * rows, so every number has exactly one query.
 */
export interface Figure {
  readonly id: string;
  readonly title: string;
  /** What is counted, as sentences. */
  readonly counted: string;
  readonly columns: readonly Column[];
  /** The models of GOLD that the query reads. A column is defined by the first of them that has it. */
  readonly models: readonly string[];
  query(choices: Choices): Query;
  /** @default the table alone */
  chart?(rows: readonly GoldRow[], choices: Choices): Html;
  /** What a pointer or an arrow key reads at each mark of the chart, by `data-row`. */
  marks?(rows: readonly GoldRow[], choices: Choices): readonly string[];
}

/** A figure with the rows of one snapshot. */
export interface FilledFigure {
  readonly figure: Figure;
  readonly rows: readonly GoldRow[];
}

/** Runs the query of a figure. */
export async function fill(figure: Figure, gold: GoldSnapshot, choices: Choices): Promise<FilledFigure> {
  const { sql, values } = figure.query(choices);
  return { figure, rows: await gold.query(sql, values) };
}

/** The choice of a visitor among a few words; the first one if it is not one of them. */
export function choiceOf<const Word extends string>(
  choices: Choices,
  name: string,
  words: readonly [Word, ...Word[]],
): Word {
  const given = choices.get(name);
  return words.find((word) => word === given) ?? words[0];
}

/** A row's value as a number; null if it is unknown. */
export const numberIn = (row: GoldRow, key: string): number | null => {
  const value = row[key];
  return value === null || value === undefined ? null : Number(value);
};
