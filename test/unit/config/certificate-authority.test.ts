import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCertificateAuthority } from '../../../src/config/certificate-authority.ts';
import { certificateAuthority, type CertificateAuthority } from '../../support/tls-proxy.ts';

const REMEDY = "name a PEM file of the authority's certificates";

describe('the file of a certificate authority', () => {
  let folder: string;
  let authority: CertificateAuthority;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'order-search-ca-file-'));
    authority = await certificateAuthority();
  });
  after(() => {
    authority.remove();
    rmSync(folder, { recursive: true });
  });

  function reading(content: string) {
    const file = join(folder, 'ca.pem');
    writeFileSync(file, content);
    const { pem, problem } = readCertificateAuthority('AMQP_CA', file);
    return { pem, problem: problem?.replace(file, 'FILE') };
  }

  it('is read where it holds one certificate or several, with whatever is between them', () => {
    const certificate = readFileSync(authority.file, 'utf8');
    const labelled = (label: string) => certificate.replaceAll('CERTIFICATE', `${label}CERTIFICATE`);
    for (const content of [
      certificate,
      `# one\r\n${certificate}\n# another\n${certificate}`,
      labelled('X509 '),
      labelled('TRUSTED '),
    ]) {
      assert.deepEqual(reading(content), { pem: content, problem: undefined });
    }
    assert.deepEqual(readCertificateAuthority('AMQP_CA', undefined), { pem: undefined, problem: undefined });
  });

  it('is refused where it holds none', async () => {
    const { key } = await authority.sign('localhost');
    for (const content of ['', 'garbage', key]) {
      const problem = `AMQP_CA="FILE": has no certificate in it; ${REMEDY}`;
      assert.deepEqual(reading(content), { pem: undefined, problem });
    }
  });

  it('is refused where one of them is broken', () => {
    const certificate = readFileSync(authority.file, 'utf8');
    const problem = `AMQP_CA="FILE": its certificate 2 is broken; ${REMEDY}`;
    for (const broken of [certificate.slice(0, 200), certificate.replace(/\n.{8}/, '\nAAAAAAAA')]) {
      assert.deepEqual(reading(certificate + broken), { pem: undefined, problem });
    }
  });

  it('is refused where it cannot be read', () => {
    const { problem } = readCertificateAuthority('ELASTICSEARCH_CA', join(folder, 'none'));
    assert.match(problem ?? '', /^ELASTICSEARCH_CA=".*none": cannot be read \(ENOENT: .*\); name a PEM file/);
  });
});
