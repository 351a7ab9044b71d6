/**
 * What a program that installs something is given of our environment: what it needs to run and to reach its registry, by name.
 * Everything else, our secrets and those of other programs among it, stays here.
 */

/** To run at all, and to reach a network through a proxy or with a certificate authority of its own. */
const common = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'JAVA_HOME'],
  ...['XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'PYENV_ROOT', 'PYENV_VERSION'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS'],
];

/** Settings of one program: a registry's address may hold credentials, which are for this program alone. */
const own = [
  { program: /^npm$/, setting: /^npm_config_/i },
  { program: /^(?:python|pip)[\d.]*$/, setting: /^PIP_/ },
  { program: /^mvn$/, setting: /^(?:MAVEN_|M2_HOME$)/ },
];

/** @param command the program by its name or path. @param environment of ours. */
export function childEnvironment(command, environment = process.env) {
  const program = command.split('/').at(-1);
  const settings = own.filter((one) => one.program.test(program)).map(({ setting }) => setting);
  const isPassed = (name) => common.includes(name) || settings.some((setting) => setting.test(name));
  return Object.fromEntries(Object.entries(environment).filter(([name]) => isPassed(name)));
}
