import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import {
  certificateAuthority,
  startTlsProxy,
  type CertificateAuthority,
  type TlsProxy,
} from '../../support/tls-proxy.ts';

const SCRIPT = 'deploy/elasticsearch/create-user.sh';
/** Whoever writes JSON by hand gets these wrong. */
const PASSWORD = String.raw`"quoted" \ and $HOME & more`;

interface Asked {
  readonly request: string;
  readonly authorization: string;
  readonly body: unknown;
}

/** The security API as far as it is used: the Elasticsearch of the tests has none. */
describe(SCRIPT, function () {
  this.timeout(30_000);
  let server: Server;
  let asked: Asked[];
  /** Of the answers to come; 200 after that. */
  let statuses: number[];

  beforeEach(async () => {
    asked = [];
    statuses = [];
    server = createServer((request, response) => {
      const { method = '', url = '', headers } = request;
      void json(request).then((body) => {
        asked.push({ request: `${method} ${url}`, authorization: headers.authorization ?? '', body });
        response.writeHead(statuses.shift() ?? 200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });

  const port = () => (server.address() as AddressInfo).port;

  async function run(changes: NodeJS.ProcessEnv = {}): Promise<{ code: number; output: string }> {
    const { promise, resolve } = Promise.withResolvers<{ code: number; output: string }>();
    const env = {
      PATH: process.env['PATH'],
      ELASTICSEARCH_URL: `http://127.0.0.1:${port()}`,
      ELASTIC_PASSWORD: 'of-the-superuser',
      ELASTICSEARCH_USERNAME: 'order-search',
      ELASTICSEARCH_PASSWORD: PASSWORD,
      ...changes,
    };
    execFile('bash', [SCRIPT], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
    return await promise;
  }

  it('puts the role of role.json, then the user with that role and no other', async () => {
    const { code, output } = await run();
    assert.equal(code, 0, output);
    const authorization = `Basic ${Buffer.from('elastic:of-the-superuser').toString('base64')}`;
    const role: unknown = JSON.parse(readFileSync('deploy/elasticsearch/role.json', 'utf8'));
    const user = { password: PASSWORD, roles: ['order-search'] };
    assert.deepEqual(asked, [
      { request: 'PUT /_security/role/order-search', authorization, body: role },
      { request: 'PUT /_security/user/order-search', authorization, body: user },
    ]);
    assert.ok(!output.includes(PASSWORD) && !output.includes('of-the-superuser'), output);
  });

  it('does the same when it is run again', async () => {
    await run();
    const first = asked.splice(0);
    assert.equal((await run()).code, 0);
    assert.deepEqual(asked, first);
  });

  it('waits while Elasticsearch is not there yet', async () => {
    statuses = [503];
    const { code, output } = await run();
    assert.equal(code, 0, output);
    assert.deepEqual(
      asked.map(({ request }) => request),
      ['PUT /_security/role/order-search', ...asked.slice(1).map(({ request }) => request)],
    );
    assert.equal(asked.length, 3);
  });

  it('fails where it may not do that, and makes no user without a role', async () => {
    statuses = [401];
    const { code, output } = await run();
    assert.notEqual(code, 0);
    assert.match(output, /401/);
    assert.equal(asked.length, 1);
  });

  describe("when Elasticsearch's certificate is signed by an authority of one's own", () => {
    let authority: CertificateAuthority;
    let proxy: TlsProxy;

    beforeEach(async () => {
      authority = await certificateAuthority();
      proxy = await startTlsProxy({ host: '127.0.0.1', port: port() }, await authority.sign('localhost'));
    });
    afterEach(async () => {
      await proxy.close();
      authority.remove();
    });

    const url = () => ({ ELASTICSEARCH_URL: `https://localhost:${proxy.port}` });

    it('makes the user where that is named', async () => {
      const { code, output } = await run({ ...url(), ELASTICSEARCH_CA: authority.file });
      assert.equal(code, 0, output);
      assert.equal(asked.length, 2);
    });

    it('tells the password to nobody where it is not', async () => {
      const { code, output } = await run(url());
      assert.notEqual(code, 0);
      assert.match(output, /certificate/);
      assert.equal(proxy.bytesForwarded(), 0);
    });
  });
});
