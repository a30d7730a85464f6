import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface Mount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly read_only?: boolean;
  readonly bind?: { readonly create_host_path: boolean };
}

export interface ComposeService {
  readonly image?: string;
  readonly restart?: string;
  readonly profiles?: readonly string[];
  readonly hostname?: string;
  readonly stop_grace_period?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly (string | Mount)[];
  readonly tmpfs?: readonly string[];
  readonly command?: readonly string[];
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  /** Null: handed on where .env, or the shell, has it. */
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

interface ComposeFile {
  readonly name: string;
  readonly 'x-authentication': string;
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly configs: Readonly<Record<string, { readonly content: string } | { readonly file: string }>>;
}

export const composeText = readFileSync('docker-compose.yml', 'utf8');
export const compose = parse(composeText, { merge: true }) as ComposeFile;
export const services = Object.entries(compose.services);

/** They end when they have done what they are for. */
export const ONE_SHOT: readonly string[] = [
  'elasticsearch-certificates',
  'elasticsearch-user',
  'elasticsearch-cluster-user',
];

/** The services of an image, whatever its tag, each with its name. */
export function ofImage(image: string) {
  return services.filter(([, service]) => service.image?.startsWith(`${image}:`));
}

export function nodesOf(image: string) {
  return ofImage(image).filter(([name]) => !ONE_SHOT.includes(name));
}

/** Without the folders of the host. */
export function namedVolumesOf({ volumes = [] }: ComposeService): readonly string[] {
  return volumes.flatMap((volume) => (typeof volume === 'string' ? [volume.replace(/:.*/, '')] : []));
}

export function contentOf(config: string): string {
  const found = compose.configs[config];
  return found === undefined ? '' : 'content' in found ? found.content : readFileSync(found.file, 'utf8');
}

/** As Compose puts variables in: what is demanded is `given`, of the others the default. */
export function interpolated(text: string, given: string): string {
  return text.replace(/\$\{\w+:\?[^}]*\}/g, given).replace(/\$\{\w+:-([^}]*)\}/g, '$1');
}

/** In .env where nothing is said of it. */
const SECRET = 'x'.repeat(32);

/** What a container gets where .env has what is demanded, and of the variables that are handed on `handedOn`. */
export function environmentOf(
  { environment = {} }: ComposeService,
  handedOn: Readonly<Record<string, string>> = { AUTH_JWT_SECRET: SECRET },
): Record<string, string> {
  const values = Object.entries(environment).map(([name, value]) =>
    value === null ? ([name, handedOn[name]] as const) : ([name, interpolated(value, SECRET)] as const),
  );
  return Object.fromEntries(values.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}
