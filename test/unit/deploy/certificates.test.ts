import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { compose } from '../../support/compose-file.ts';

/**
 * What is known of the real one: it goes to Elasticsearch's own folder before it reads a path (elasticsearch-env does), writes over
 * nothing, and its file is its owner's alone.
 */
const CERTUTIL = `#!/usr/bin/env bash
set -euo pipefail
cd "$ES_HOME"
kind=$1 out='' ca=''
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=$2 ;;
    --ca) ca=$2 ;;
  esac
  shift
done
[ ! -e "$out" ] || { echo "Output file '$out' already exists"; exit 74; }
[ "$kind" = ca ] || [ -f "$ca" ] || { echo "no authority at '$ca'"; exit 66; }
umask 077
echo "$kind of $RANDOM$RANDOM" >"$out"
`;
/** Only root may give a file away. */
const CHOWN = `#!/usr/bin/env bash
echo "$*" >>"$ES_HOME/../owners"
[ -f "$2" ]
`;

const [shell = '', ...args] = compose.services['elasticsearch-certificates']?.command ?? [];

describe('elasticsearch-certificates of docker-compose.yml', () => {
  let folder: string;
  let certificates: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'order-search-certificates-'));
    certificates = join(folder, 'certs');
    for (const name of ['bin', 'home', 'certs']) mkdirSync(join(folder, name));
    for (const [name, text] of Object.entries({ 'elasticsearch-certutil': CERTUTIL, chown: CHOWN }))
      writeFileSync(join(folder, 'bin', name), text, { mode: 0o755 });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** With the volume's path replaced: nothing outside the folder is touched. */
  async function run(): Promise<{ exitCode: number; output: string }> {
    const { promise, resolve } = Promise.withResolvers<{ exitCode: number; output: string }>();
    const env = {
      PATH: [join(folder, 'bin'), process.env['PATH']].join(delimiter),
      ES_HOME: join(folder, 'home'),
      // Node's pipes are sockets: with one at its standard input the outermost bash reads the machine's bashrc.
      SHLVL: '1',
    };
    const inFolder = args.map((text) => text.replaceAll('/certs', certificates).replaceAll('$$', '$'));
    execFile(shell, inFolder, { env, cwd: join(folder, 'home') }, (error, stdout, stderr) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
    return await promise;
  }

  async function made(): Promise<string> {
    const { exitCode, output } = await run();
    assert.equal(exitCode, 0, output);
    assert.deepEqual(readdirSync(certificates), ['nodes.p12']);
    return readFileSync(join(certificates, 'nodes.p12'), 'utf8');
  }

  it("makes the nodes' certificate in the volume, for Elasticsearch's user to read, and leaves nothing else", async () => {
    assert.match(await made(), /^cert of /);
    assert.equal(statSync(join(certificates, 'nodes.p12')).mode & 0o777, 0o440);
    assert.equal(readFileSync(join(folder, 'owners'), 'utf8'), '1000:0 nodes.new\n');
    assert.deepEqual(readdirSync(join(folder, 'home')), []);
  });

  it('keeps the one that is there', async () => {
    const first = await made();
    assert.equal(await made(), first);
  });

  for (const left of [['ca.p12'], ['ca.p12', 'nodes.new'], ['nodes.new']]) {
    it(`begins anew where one that was ended half-way has left ${left.join(' and ')}`, async () => {
      for (const name of left) writeFileSync(join(certificates, name), 'half of it');
      assert.match(await made(), /^cert of /);
    });
  }
});
