import { secretNames } from '../../../platform/settings.ts';
import type { Labels, Manifest, Process } from './kubernetes.ts';

/** The rights that a pod must not have, and the limits that it must have. */
const rules: readonly [string, (process: Process) => boolean][] = [
  ['may be root', ({ pod }) => pod.securityContext?.['runAsNonRoot'] === true],
  ['is another user', ({ pod }) => pod.securityContext?.['runAsUser'] === 10_001],
  ['is another group', ({ pod }) => ['runAsGroup', 'fsGroup'].every((name) => pod.securityContext?.[name] === 10_001)],
  [
    'may use every system call',
    ({ pod }) => JSON.stringify(pod.securityContext?.['seccompProfile']) === '{"type":"RuntimeDefault"}',
  ],
  ['may gain privileges', ({ container }) => container.securityContext?.['allowPrivilegeEscalation'] === false],
  ['has a writable root', ({ container }) => container.securityContext?.['readOnlyRootFilesystem'] === true],
  [
    'keeps capabilities',
    ({ container }) => JSON.stringify(container.securityContext?.['capabilities']) === '{"drop":["ALL"]}',
  ],
  ['has a token for the API of Kubernetes', ({ pod }) => pod.automountServiceAccountToken === false],
  ['gets the addresses of services as settings', ({ pod }) => pod.enableServiceLinks === false],
  ['has no process that reaps orphaned processes', ({ pod }) => pod.shareProcessNamespace === true],
  [
    'has no limits',
    ({ container }) => ['cpu', 'memory'].every((what) => /^\d/.test(String(Object(container.resources.limits)[what]))),
  ],
  [
    'has a secret in its environment',
    ({ container }) => !container.env.some(({ name, valueFrom }) => secretNames.includes(name) || isSecret(valueFrom)),
  ],
  ['uses the machine', ({ pod }) => !Object.keys(pod).some((key) => /^host/.test(key))],
  [
    'mounts other volumes than files in memory, on its disk, or given to it',
    ({ pod }) =>
      pod.volumes.every((volume) => ['emptyDir', 'configMap', 'projected'].some((kind) => Object.hasOwn(volume, kind))),
  ],
  [
    'may fill its disk',
    ({ pod }) => pod.volumes.every(({ emptyDir }) => emptyDir === undefined || emptyDir.sizeLimit !== undefined),
  ],
  // A registry that exists could have another image of this name.
  ['has an image of a registry that exists', ({ container }) => /^registry\.example\.com\//.test(container.image)],
];

const isSecret = (source: object | undefined): boolean => source !== undefined && 'secretKeyRef' in source;

/** The checks that a process fails. */
export const complaintsAbout = (process: Process): string[] =>
  rules.filter(([, holds]) => !holds(process)).map(([complaint]) => complaint);

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { readonly key: string; readonly values: readonly string[] }[];
}

/** Whether a selector of a policy, which uses only labels and the operator `In`, selects a pod. */
const selects = ({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean =>
  Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
  matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ''));

interface Peer {
  readonly namespaceSelector?: { readonly matchLabels: Labels };
  readonly ipBlock?: { readonly cidr: string };
}

const nameOf = ({ namespaceSelector, ipBlock }: Peer): string =>
  namespaceSelector?.matchLabels['kubernetes.io/metadata.name'] ?? ipBlock?.cidr ?? 'anywhere';

/** `kafka:9093` for each peer and port that the policies allow a pod. */
export const allowed = (
  manifests: readonly Manifest[],
  direction: 'egress' | 'ingress',
  labels: Labels,
): readonly string[] =>
  manifests
    .filter(({ kind, spec }) => kind === 'NetworkPolicy' && selects(spec.podSelector, labels))
    .flatMap(({ spec }) => spec[direction] ?? [])
    .flatMap(({ to, from, ports = [{ port: 'any' }] }) =>
      (to ?? from ?? [{}]).flatMap((peer: Peer) =>
        ports.map(({ port }: { port: number | string }) => `${nameOf(peer)}:${port}`),
      ),
    )
    .filter((text, index, all) => all.indexOf(text) === index)
    .toSorted();
