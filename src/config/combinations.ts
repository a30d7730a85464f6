/** The variables that are known and set, as text. */
export type Given = Readonly<Record<string, string>>;

/** What is wrong between variables, each of which may be right by itself. */
export function combinationProblems(given: Given): string[] {
  return [...backendProblems(given), ...credentialProblems(given), ...authProblems(given)];
}

function backendProblems(given: Given): string[] {
  const { AMQP_URL, ELASTICSEARCH_URL } = given;
  const problems: string[] = [];
  if (AMQP_URL && !ELASTICSEARCH_URL) {
    problems.push('ELASTICSEARCH_URL is not set, but AMQP_URL is: set both, or neither for the embedded default');
  }
  if (!AMQP_URL && ELASTICSEARCH_URL) {
    problems.push('AMQP_URL is not set, but ELASTICSEARCH_URL is: set both, or neither for the embedded default');
  }
  if (given['AMQP_CA'] && !/amqps:/i.test(AMQP_URL ?? '')) {
    problems.push('AMQP_CA is set, but AMQP_URL has no amqps:// host: use amqps://, or unset AMQP_CA');
  }
  if (given['ELASTICSEARCH_CA'] && !/https:/i.test(ELASTICSEARCH_URL ?? '')) {
    problems.push(
      'ELASTICSEARCH_CA is set, but ELASTICSEARCH_URL has no https:// host: use https://, or unset ELASTICSEARCH_CA',
    );
  }
  return problems;
}

function credentialProblems(given: Given): string[] {
  const { ELASTICSEARCH_USERNAME: username, ELASTICSEARCH_PASSWORD: password, ELASTICSEARCH_API_KEY: apiKey } = given;
  const problems: string[] = [];
  if (username && !password)
    problems.push('ELASTICSEARCH_PASSWORD is not set, but ELASTICSEARCH_USERNAME is: set both or neither');
  if (!username && password)
    problems.push('ELASTICSEARCH_USERNAME is not set, but ELASTICSEARCH_PASSWORD is: set both or neither');
  const inUrl = (given['ELASTICSEARCH_URL'] ?? '').includes('@');
  if ([inUrl, Boolean(apiKey), Boolean(username ?? password)].filter(Boolean).length > 1) {
    problems.push(
      'ELASTICSEARCH_API_KEY, ELASTICSEARCH_USERNAME/PASSWORD, credentials in ELASTICSEARCH_URL: more than one is set, keep one of them',
    );
  }
  return problems;
}

function authProblems(given: Given): string[] {
  const { AUTH, AUTH_JWT_SECRET, AUTH_JWKS_URL } = given;
  if (AUTH_JWT_SECRET && AUTH_JWKS_URL) return ['AUTH_JWT_SECRET and AUTH_JWKS_URL are both set: keep one of them'];
  const withToken = Boolean(AUTH_JWT_SECRET ?? AUTH_JWKS_URL);
  if (withToken && AUTH) return ['AUTH is set together with AUTH_JWT_SECRET or AUTH_JWKS_URL: unset one of them'];
  if (!withToken && !AUTH && given['AMQP_URL'] && given['ELASTICSEARCH_URL']) {
    return [
      'AUTH_JWT_SECRET and AUTH_JWKS_URL are not set: set one of them, or AUTH=off to let everyone read everything',
    ];
  }
  return [];
}
