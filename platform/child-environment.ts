/**
 * The environment of dbt and the broker. It contains the paths of programs from our own environment, and no secret. HOME, locale and time
 * zone are the same everywhere, so that neither a read-only HOME nor a Turkish locale changes the results.
 */
export const childEnvironment = (environment: NodeJS.ProcessEnv, dataDir: string): Record<string, string> => {
  const { PATH, JAVA_HOME, TMPDIR } = environment;
  return {
    ...(PATH !== undefined && { PATH }),
    ...(JAVA_HOME !== undefined && { JAVA_HOME }),
    ...(TMPDIR !== undefined && { TMPDIR }),
    ...{ HOME: dataDir, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', TZ: 'UTC' },
    ...{ PYTHONUTF8: '1', PYTHONNOUSERSITE: '1', DBT_SEND_ANONYMOUS_USAGE_STATS: 'false' },
  };
};
