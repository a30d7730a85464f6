import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

interface CertificateAuthority {
  /** Undefined where no file is named, or it is wrong. */
  readonly pem: string | undefined;
  /** One line, with the remedy. */
  readonly problem: string | undefined;
}

const CERTIFICATE = /-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----.*?(?:-----END \1-----|$)/gs;
const REMEDY = "name a PEM file of the authority's certificates";

/** The text of the file that a variable names. Whether there are certificates in it, TLS would not say: it trusts nobody then. */
export function readCertificateAuthority(variable: string, file: string | undefined): CertificateAuthority {
  if (file === undefined) return { pem: undefined, problem: undefined };
  const wrong = (what: string) => ({
    pem: undefined,
    problem: `${variable}=${JSON.stringify(file)}: ${what}; ${REMEDY}`,
  });
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (error) {
    return wrong(`cannot be read (${(error as Error).message})`);
  }
  const certificates = pem.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) return wrong('has no certificate in it');
  const broken = certificates.findIndex((certificate) => !isCertificate(certificate));
  return broken === -1 ? { pem, problem: undefined } : wrong(`its certificate ${broken + 1} is broken`);
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false; // The only thing that it says of a text.
  }
}
