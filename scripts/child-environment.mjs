/**
 * The environment of a program that installs packages: by name, only the variables that it needs to run and to reach its registry.
 * It gets no other variables, so no secrets of ours or of other programs.
 */

/** Needed to run, and to reach a network through a proxy or with a private certificate authority. */
const common = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'JAVA_HOME'],
  ...['XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'PYENV_ROOT', 'PYENV_VERSION'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS'],
];

/** Settings of one program. A registry's address may contain credentials, which only this program may see. */
const own = [
  { program: /^npm$/, setting: /^npm_config_/i },
  { program: /^(?:python|pip)[\d.]*$/, setting: /^PIP_/ },
  { program: /^mvn$/, setting: /^(?:MAVEN_|M2_HOME$)/ },
];

/** @param command the program by its name or path. @param environment our own. */
export function childEnvironment(command, environment = process.env) {
  const program = command.split('/').at(-1);
  const settings = own.filter((one) => one.program.test(program)).map(({ setting }) => setting);
  const isPassed = (name) => common.includes(name) || settings.some((setting) => setting.test(name));
  return Object.fromEntries(Object.entries(environment).filter(([name]) => isPassed(name)));
}
