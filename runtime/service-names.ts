/**
 * The name of each service, the same everywhere: in `docker-compose.yml`, in the names of the consumer groups, and in the label and the
 * field `service` of metrics and log lines. The command that runs a service is a verb: `fetch` runs the fetcher.
 */
export const serviceNames = {
  producerPopular: 'producer-popular',
  producerChanges: 'producer-changes',
  producerExport: 'producer-export',
  producerGenres: 'producer-genres',
  fetcher: 'fetcher',
  loader: 'loader',
  scheduler: 'scheduler',
  sandbox: 'sandbox',
  dashboard: 'dashboard',
  /** The broker and the token store that the others share on one machine. */
  up: 'up',
  /** All stages in one process: `run`. */
  allInOne: 'all-in-one',
} as const;

export type ServiceName = (typeof serviceNames)[keyof typeof serviceNames];
