import { objectOf, type SettingsGroup, setting } from '../runtime/setting.ts';
import { headerSecret, list } from '../runtime/setting-kinds.ts';
import { listenAddress } from '../runtime/settings.ts';

const settings = {
  listen: setting({
    name: 'DASHBOARD_LISTEN',
    kind: listenAddress('127.0.0.1:8484'),
    default: '127.0.0.1:8484',
    meaning:
      'Where `dashboard` serves its pages, without encryption. For access from other machines, use a proxy with TLS.',
    see: 'docs/dashboard.md',
  }),
  hosts: setting({
    name: 'DASHBOARD_HOSTS',
    kind: list,
    default: '',
    meaning:
      'Names under which browsers open the dashboard, besides localhost and loopback addresses. Others are refused.',
  }),
  token: setting({
    name: 'DASHBOARD_TOKEN',
    kind: headerSecret,
    meaning: 'If set, the dashboard asks for it: as a bearer token, or in a browser as the password.',
  }),
};

/** The dashboard's settings. The platform composes all settings, and cannot import from the dashboard's layer. */
export const dashboardGroup = {
  title: 'Dashboard',
  prefixes: ['DASHBOARD_'],
  settings,
  schema: objectOf(settings),
} satisfies SettingsGroup;
