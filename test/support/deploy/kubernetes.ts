import { globSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { readYamlDocuments, root } from './project.ts';

/** The ways to install: each is a folder of deploy/kubernetes with a kustomization. */
export const installations = ['duckdb', 'snowflake'] as const;
export type Installation = (typeof installations)[number];

/** The program that validates manifests against the schemas of Kubernetes, for the Python of the linters. */
export const validator = 'test/support/deploy/validate-manifests.py';

const kustomizationOf = (folder: string): string => join(folder, 'kustomization.yml');

/** Every manifest of deploy/kubernetes. A kustomization is not sent to Kubernetes, and has no schema there. */
export const manifestFiles = (): string[] =>
  globSync('deploy/kubernetes/**/*.yml', { cwd: root })
    .filter((file) => !file.endsWith('/kustomization.yml'))
    .toSorted();

export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Labels };
  readonly data?: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: the schema of Kubernetes, against which the manifests are validated
  readonly spec?: any;
}

export type Labels = Readonly<Record<string, string>>;

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold?: number;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly envFrom: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly configMapKeyRef: { readonly name: string; readonly key: string } };
  }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly resources: Readonly<Record<'requests' | 'limits', Readonly<Record<'cpu' | 'memory', string>>>>;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}

interface SecretSource {
  readonly secret: {
    readonly name: string;
    readonly optional?: boolean;
    readonly items: readonly { readonly key: string; readonly path: string }[];
  };
}

export interface Volume {
  readonly name: string;
  readonly emptyDir?: { readonly medium?: string; readonly sizeLimit?: string };
  readonly configMap?: { readonly name: string };
  readonly projected?: { readonly defaultMode: number; readonly sources: readonly SecretSource[] };
}

export interface PodSpec {
  readonly shareProcessNamespace?: boolean;
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}

/** A container with what belongs to it. */
export interface Process {
  readonly container: Container;
  readonly pod: PodSpec;
  readonly labels: Labels;
  readonly workload: Manifest;
}

/** The resources that a kustomization lists, its bases included, as files from the project folder. */
function filesOf(folder: string): string[] {
  const [kustomization] = readYamlDocuments<{ resources: readonly string[] }>([kustomizationOf(folder)]);
  return (kustomization?.resources ?? []).flatMap((resource) => {
    const path = normalize(join(folder, resource));
    return path.endsWith('.yml') ? [path] : filesOf(path);
  });
}

const folderOf = (installation: Installation): string => join('deploy/kubernetes', installation);

/** The manifests of an installation. */
export const manifestsOf = (installation: Installation): Manifest[] =>
  readYamlDocuments<Manifest>(filesOf(folderOf(installation)));

/** Every container of our image. */
export const processesOf = (manifests: readonly Manifest[]): Process[] =>
  manifests.flatMap((workload) => {
    const template = workload.spec?.template;
    if (template === undefined) return [];
    const pod: PodSpec = template.spec;
    return pod.containers.map((container) => ({ container, pod, labels: template.metadata.labels, workload }));
  });

/** The variables of a container, as Kubernetes makes them of the config maps. @throws Error if one does not exist. */
export function variablesOf({ envFrom, env }: Container, manifests: readonly Manifest[]): Record<string, string> {
  const dataOf = (name: string) => {
    const found = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name);
    if (found?.data === undefined) throw new Error(`there is no config map ${name}`);
    return found.data;
  };
  const textOf = ({ name, value, valueFrom }: Container['env'][number]): string => {
    const text = valueFrom ? dataOf(valueFrom.configMapKeyRef.name)[valueFrom.configMapKeyRef.key] : value;
    if (text === undefined) throw new Error(`${name} has no value`);
    return text;
  };
  return Object.assign(
    {},
    ...envFrom.map(({ configMapRef }) => dataOf(configMapRef.name)),
    Object.fromEntries(env.map((variable) => [variable.name, textOf(variable)])),
  );
}

/** The volume at a path of a container. */
export const volumeAt = ({ container, pod }: Process, mountPath: string): Volume | undefined => {
  const mount = container.volumeMounts.find((each) => each.mountPath === mountPath);
  return pod.volumes.find(({ name }) => name === mount?.name);
};

/** The secrets of a container: path → `secret/key`. */
export const secretsOf = (process: Process): Record<string, string> =>
  Object.fromEntries(
    (volumeAt(process, '/run/secrets')?.projected?.sources ?? []).flatMap(({ secret }) =>
      secret.items.map(({ key, path }) => [`/run/secrets/${path}`, `${secret.name}/${key}`]),
    ),
  );

/** Every manifest that no kustomization lists. */
export const unlistedFiles = (): string[] => {
  const listed = installations.flatMap((installation) => filesOf(folderOf(installation)));
  return manifestFiles().filter((file) => !listed.includes(file));
};
