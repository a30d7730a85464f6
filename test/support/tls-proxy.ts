import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** A certificate authority of a test's own. */
export interface CertificateAuthority {
  /** Its certificate, PEM. */
  readonly file: string;
  /** A certificate for a server of that name, and its key, PEM. */
  sign(hostName: string): Promise<ServerCertificate>;
  remove(): void;
}

export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** By `openssl`, since Node signs no certificates. */
export async function certificateAuthority(): Promise<CertificateAuthority> {
  const folder = mkdtempSync(join(tmpdir(), 'order-search-ca-'));
  const openssl = (...args: string[]) => execute('openssl', args, { cwd: folder });
  await openssl(
    'req',
    '-x509',
    ...NEW_KEY,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=a test CA',
  );
  return {
    file: join(folder, 'ca.pem'),
    sign: async (hostName) => {
      writeFileSync(join(folder, 'names'), `subjectAltName = DNS:${hostName}\n`);
      await openssl('req', ...NEW_KEY, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=a test server');
      const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names'];
      await openssl('x509', '-req', '-in', 'server.csr', ...by, '-days', '2', '-out', 'server.pem');
      const [cert, key] = ['server.pem', 'server.key'].map((file) => readFileSync(join(folder, file), 'utf8'));
      return { cert: cert ?? '', key: key ?? '' };
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** A TLS listener in front of a server that has none. */
export interface TlsProxy {
  /** At which it is reached, at `localhost`. */
  readonly port: number;
  /** All that clients have sent, as whoever listens on the wire has it: Latin-1, a text for each connection. */
  sent(): readonly string[];
  /** How many bytes of theirs have come through to the server. */
  bytesForwarded(): number;
  close(): Promise<void>;
}

export async function startTlsProxy(
  target: { readonly host: string; readonly port: number },
  certificate: ServerCertificate,
): Promise<TlsProxy> {
  const sockets = new Set<Socket>();
  let forwarded = 0;
  const terminating = createTlsServer({ ...certificate }, (client) => {
    const server = connect(target);
    client.on('data', (bytes: Buffer) => (forwarded += bytes.length));
    couple(client, server, sockets);
  });
  // Refused by the client, which is the point.
  terminating.on('tlsClientError', () => undefined);
  const inner = await listening(terminating);
  const wires: Buffer[][] = [];
  const listener = createServer((client) => {
    const wire: Buffer[] = [];
    wires.push(wire);
    client.on('data', (bytes: Buffer) => wire.push(bytes));
    couple(client, connect({ host: '127.0.0.1', port: inner }), sockets);
  });
  const port = await listening(listener);
  return {
    port,
    sent: () => wires.map((wire) => Buffer.concat(wire).toString('latin1')),
    bytesForwarded: () => forwarded,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all([listener, terminating].map((server) => new Promise((closed) => server.close(closed))));
    },
  };
}

async function listening(server: Server): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return (server.address() as AddressInfo).port;
}

/** Each gets what the other sends, and ends with it. */
function couple(client: Socket, server: Socket, sockets: Set<Socket>): void {
  for (const [socket, other] of [
    [client, server],
    [server, client],
  ] as const) {
    sockets.add(socket);
    // `close` follows, and does the rest.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      other.destroy();
    });
    socket.pipe(other);
  }
}
