import { orNull } from '../../runtime/or-null.ts';
/** The progress of a run; `total` is known from the first node on. */
export interface DbtProgress {
  readonly done: number;
  readonly total: number;
  /** The name of the node that has just finished. */
  readonly node: string;
}

/** The fields of a line of `dbt --log-format json` that we use. */
interface LogLine {
  readonly info?: { readonly level?: string; readonly msg?: string };
  readonly data?: {
    readonly total?: number;
    readonly node_info?: {
      readonly unique_id?: string;
      readonly node_name?: string;
      readonly resource_type?: string;
      readonly node_finished_at?: string;
    };
  };
}

/** Follows dbt's log: finished nodes and errors. A line that is not JSON (a traceback) belongs to an error. */
export class LogFollower {
  readonly #onProgress: (progress: DbtProgress) => void;
  readonly #finished = new Set<string>();
  readonly #errors: string[] = [];
  #total = 0;

  constructor(onProgress: (progress: DbtProgress) => void) {
    this.#onProgress = onProgress;
  }

  /** The last errors, for a run without results. */
  get errors(): string {
    return this.#errors.slice(-20).join('\n');
  }

  take(text: string): void {
    const line = parse(text);
    if (line === null) {
      if (text.trim() !== '') this.#errors.push(text);
      return;
    }
    if (line.info?.level === 'error' && line.info.msg) this.#errors.push(line.info.msg);
    this.#follow(line.data ?? {});
  }

  #follow({ total, node_info: node }: NonNullable<LogLine['data']>): void {
    this.#total = Math.max(this.#total, total ?? 0);
    if (!node?.unique_id || !node.node_finished_at || node.resource_type === 'operation') return;
    if (this.#finished.has(node.unique_id)) return;
    this.#finished.add(node.unique_id);
    const done = this.#finished.size;
    this.#onProgress({ done, total: Math.max(this.#total, done), node: node.node_name ?? node.unique_id });
  }
}

function parse(text: string): LogLine | null {
  const value: unknown = orNull(() => JSON.parse(text));
  return typeof value === 'object' ? value : null;
}
