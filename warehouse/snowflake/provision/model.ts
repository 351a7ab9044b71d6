/** What Snowflake answers: rows, their columns by names in lower case. */
export type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/** The roles that every account has. */
export const adminRoles = ['ACCOUNTADMIN', 'SECURITYADMIN', 'USERADMIN', 'SYSADMIN'] as const;

/** One statement, and the lowest role that may run it. */
export interface Step {
  readonly role: string;
  readonly sql: string;
}

/** `is` as `observe` words it; `set` is its clause in CREATE and ALTER, empty for a property to be taken away. */
export interface Property {
  readonly is: string;
  readonly set: string;
}

/** Something that is to be there: an object with properties, or a grant. */
export interface Wanted {
  /** Names it to a person; what was observed is found by it. */
  readonly label: string;
  readonly properties: Readonly<Record<string, Property>>;
  readonly create: Step;
  /** What a person should know who has it made. */
  readonly note?: string;
  /** Sets the properties named, which differ. */
  alter?(names: readonly string[]): Step[];
}

/** A privilege that a role or a user was granted; a role counts as an object with the privilege USAGE. */
export interface Grant {
  readonly privilege: string;
  /** The kind of object, as SHOW GRANTS names it: `TABLE`, `ROLE`, `MATERIALIZED_VIEW`. */
  readonly on: string;
  /** The object; of a future grant, the schema (or database) that it is for. */
  readonly name: string;
  readonly isFuture: boolean;
  /** Whether the grantee may pass it on. */
  readonly isGrantable: boolean;
  readonly grantee: { readonly kind: 'role' | 'user'; readonly name: string };
}

/** What is there, of what concerns us. */
export interface Observed {
  /** Objects by label, with the properties that we set. */
  readonly objects: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** All that our roles and users were granted. */
  readonly grants: readonly Grant[];
  /** Tables and views, which grants are for one by one: by `TABLE LECTURE_DE.GOLD`, their names. */
  readonly present: Present;
  /** Schemas beside ours. */
  readonly otherSchemas: readonly string[];
}

export type Present = ReadonlyMap<string, readonly string[]>;

export const nothingObserved: Observed = { objects: new Map(), grants: [], present: new Map(), otherSchemas: [] };

/** One way in which the account is not as it should be; `steps` mend it, if provisioning may do that. */
export interface Difference {
  readonly what: string;
  readonly change: 'missing' | 'different' | 'not wanted';
  /** For a person: what is there and what should be. */
  readonly detail: string;
  readonly steps: readonly Step[];
}
