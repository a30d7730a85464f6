import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const SCRIPT = new URL('../../scripts/services', import.meta.url).pathname;
const execute = promisify(execFile);

export type ServiceName = 'rabbitmq' | 'elasticsearch';

/** RabbitMQ and Elasticsearch of a test's own, that it may kill, freeze and restart. Their data outlives a kill. */
export interface PrivateServices {
  readonly amqpUrl: string;
  readonly elasticsearchUrl: string;
  /** Ends it (`SIGKILL`: as a crash would; resolves when it is gone) or freezes and thaws it (`SIGSTOP`, `SIGCONT`). */
  kill(service: ServiceName, signal?: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  /** Starts it again on its port and its data; resolves when it is healthy. */
  start(service: ServiceName): Promise<void>;
  /** Runs `rabbitmqctl` on its RabbitMQ; what it prints. @throws Error with its words where it fails */
  rabbitmqctl(...args: string[]): Promise<string>;
  /** Stops both, by pid, and removes their data. */
  stop(): Promise<void>;
}

export interface PrivateServicesOptions {
  /** The instance's name, `[a-z0-9-]+`: two of one name are the same instance. */
  readonly name: string;
  /**
   * At most 11,700: 20,000 and 21,000 above it (Erlang's distribution) must be below the ports of outgoing connections, any of which may
   * be taken; 10,020 above it is for metrics.
   */
  readonly amqpPort: number;
  /** 100 above it must be free too. */
  readonly esPort: number;
  /** Elasticsearch's heap, by default `512m`. */
  readonly esHeap?: string;
  /** Elasticsearch's security is on, and this the password of its superuser `elastic`; natively only. */
  readonly esPassword?: string;
  /** A folder with files for Elasticsearch's configuration; natively only. */
  readonly esConfig?: string;
  /** Start only these; by default both. */
  readonly only?: ServiceName;
  /** Natively, also where there is a Docker engine: what is to be joined, and what joins. */
  readonly native?: boolean;
  /** The instance of which it is a further node. That one is started before, and stopped after it. */
  readonly join?: string;
}

/**
 * Starts them by `scripts/services`, left-overs of a broken-off run removed first. Takes about 20 seconds.
 * @throws Error with the script's own words when one cannot be started.
 */
export async function startPrivateServices(options: PrivateServicesOptions): Promise<PrivateServices> {
  const { name, amqpPort, esPort, esHeap = '512m', esPassword, esConfig, only, native = false, join } = options;
  const instance = [
    '--instance',
    name,
    '--amqp-port',
    String(amqpPort),
    '--es-port',
    String(esPort),
    '--es-heap',
    esHeap,
    '--es-short-lived',
    '--in-memory',
    ...(join === undefined ? [] : ['--join', join]),
    ...(esPassword === undefined ? [] : ['--es-password', esPassword]),
    ...(esConfig === undefined ? [] : ['--es-config', esConfig]),
  ];
  const env = { ...process.env, ...(native && { ORDER_SEARCH_SERVICES: 'native' }) };
  const services = async (command: string, ...args: string[]): Promise<void> => {
    await execute(SCRIPT, [command, ...args, ...instance], { env });
  };
  await services('down', '--purge');
  await services('up', ...(only ? ['--only', only] : []));
  return {
    amqpUrl: `amqp://guest:guest@127.0.0.1:${amqpPort}`,
    elasticsearchUrl: `http://127.0.0.1:${esPort}`,
    kill: (service, signal = 'SIGKILL') => services('kill', service, '--signal', signal),
    start: (service) => services('up', service),
    rabbitmqctl: async (...args) => (await execute(SCRIPT, ['ctl', ...instance, '--', ...args], { env })).stdout,
    stop: () => services('down', '--purge'),
  };
}
