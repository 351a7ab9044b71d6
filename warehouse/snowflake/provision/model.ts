/** Snowflake's answers: rows, with column names in lower case. */
export type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/** The roles that every account has. */
export const adminRoles = ['ACCOUNTADMIN', 'SECURITYADMIN', 'USERADMIN', 'SYSADMIN'] as const;

/** One statement, and the lowest role that may run it. */
export interface Step {
  readonly role: string;
  readonly sql: string;
}

/** `is` is the value in the form of `observe`; `set` is its clause in CREATE and ALTER, empty for a property to remove. */
export interface Property {
  readonly is: string;
  readonly set: string;
}

/** A planned object with properties, or a planned grant. */
export interface Wanted {
  /** Its name in messages, and the key under which `observe` reports it. */
  readonly label: string;
  readonly properties: Readonly<Record<string, Property>>;
  readonly create: Step;
  /** A note for the administrator who creates it. */
  readonly note?: string;
  /** Sets the given properties, which differ. */
  alter?(names: readonly string[]): Step[];
}

/** A privilege granted to a role or a user; a role counts as an object with the privilege USAGE. */
export interface Grant {
  readonly privilege: string;
  /** The kind of object in the words of SHOW GRANTS: `TABLE`, `ROLE`, `MATERIALIZED_VIEW`. */
  readonly on: string;
  /** The object; for a future grant, its schema (or database). */
  readonly name: string;
  readonly isFuture: boolean;
  /** Whether the grantee may pass it on. */
  readonly isGrantable: boolean;
  readonly grantee: { readonly kind: 'role' | 'user'; readonly name: string };
}

/** The observed state of the objects that concern us. */
export interface Observed {
  /** Objects by label, with the properties that we set. */
  readonly objects: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** All grants to our roles and users. */
  readonly grants: readonly Grant[];
  /** Tables and views, which need individual grants: by `TABLE LECTURE_DE.GOLD`, their names. */
  readonly present: Present;
  /** Schemas other than ours. */
  readonly otherSchemas: readonly string[];
}

export type Present = ReadonlyMap<string, readonly string[]>;

export const nothingObserved: Observed = { objects: new Map(), grants: [], present: new Map(), otherSchemas: [] };

/** One difference between the account and the plan; `steps` correct it, if provisioning may do that. */
export interface Difference {
  readonly what: string;
  readonly change: 'missing' | 'different' | 'not wanted';
  /** For messages: the observed state and the planned one. */
  readonly detail: string;
  readonly steps: readonly Step[];
}
