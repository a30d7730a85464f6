// The one-way dependencies of the design: main → app → {http, projector, rebuild, rollups} → {broker, order-index} → order.
// observability, cursor and back-off are leaves that all may import; config is plain data made in main and cli.
const AREAS = ['http', 'projector', 'rebuild', 'rollups'];
const BACKENDS = ['broker', 'order-index'];
const LEAVES = ['order', 'observability', 'cursor', 'back-off'];
/** What puts the parts together, and what is not the service: these may import all. */
const OUTSIDE = '^(src/[^/]+[.]ts$|src/(cli|service)/|test/|bench/|scripts/|examples/)';

/** An area imports itself and what lies below it, nothing else of src/. `config` is the type of plain data. */
const onlyBelow = (area, below) => ({
  name: `${area}-imports-only-what-lies-below`,
  severity: 'error',
  from: { path: `^src/${area}/` },
  to: { path: '^src/', pathNot: `^src/((${[area, ...below].join('|')})/${below.length > 0 ? '|config[.]ts$' : ''})` },
});

const packageOnlyIn = (name, folder) => ({
  name: `only-${folder.replaceAll('/', '-')}-imports-${name.replaceAll('/', '-')}`,
  severity: 'error',
  from: { path: '^src/', pathNot: `^src/${folder}/` },
  to: { path: `(^|/)node_modules/(@types/)?${name}/` },
});

module.exports = {
  forbidden: [
    ...AREAS.map((area) => onlyBelow(area, [...BACKENDS, ...LEAVES])),
    ...BACKENDS.map((backend) => onlyBelow(backend, [...LEAVES, 'sqlite'])),
    onlyBelow('order', []),
    onlyBelow('observability', []),
    onlyBelow('sqlite', []),
    onlyBelow('cursor', []),
    onlyBelow('back-off', []),
    {
      name: 'the-client-stands-alone',
      comment: 'It is published by itself.',
      severity: 'error',
      from: { path: '^src/client/' },
      to: { pathNot: '^src/client/' },
    },
    {
      name: 'the-outbox-stands-alone',
      comment: 'It is published by itself, for services that publish events.',
      severity: 'error',
      from: { path: '^src/outbox/' },
      to: { pathNot: '^src/outbox/' },
    },
    {
      name: 'the-outbox-is-not-the-services',
      severity: 'error',
      from: { path: '^src/(?!outbox/)' },
      to: { path: '^src/outbox/' },
    },
    {
      name: 'sqlite-is-the-embedded-backends',
      severity: 'error',
      from: { path: '^src/', pathNot: `${OUTSIDE}|^src/(sqlite|(broker|order-index)/embedded)/` },
      to: { path: '^src/sqlite/' },
    },
    {
      name: 'a-backend-is-loaded-where-it-is-chosen',
      comment: 'Elasticsearch’s client alone would be a quarter of a start of the embedded default.',
      severity: 'error',
      from: { path: '^src/(service/)?[^/]+[.]ts$', pathNot: '^src/cli[.]ts$' },
      to: {
        path: '^src/(broker|order-index)/(rabbitmq|elasticsearch|embedded)/',
        dependencyTypesNot: ['dynamic-import', 'type-only'],
      },
    },
    packageOnlyIn('amqplib', 'broker'),
    packageOnlyIn('@elastic/elasticsearch', 'order-index/elasticsearch'),
    packageOnlyIn('@elastic/transport', 'order-index/elasticsearch'),
    packageOnlyIn('express', 'http'),
    packageOnlyIn('@opentelemetry', 'observability'),
    {
      name: 'areas-know-the-ports-not-the-backends',
      comment: 'Which backend it is, app and cli decide. What is written over the port alone is the same for both.',
      severity: 'error',
      from: { path: '^src/', pathNot: `${OUTSIDE}|^src/(broker|order-index)/` },
      to: {
        path: '^src/(broker|order-index)/',
        pathNot:
          '^src/(broker|order-index)/([^/]*port|diverge|document-write|forget-order|lease|lost-indices|lease-loop|load-documents|page-size|parked-pages)[.]ts$',
      },
    },
    {
      name: 'the-domain-is-pure',
      comment: 'No I/O in order/: nothing of Node that reads, writes or waits.',
      severity: 'error',
      from: { path: '^src/order/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|buffer|util)$' },
    },
    {
      name: 'no-one-imports-main-or-cli',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/(main|cli)[.]ts$' },
    },
    {
      name: 'only-main-and-cli-import-app',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main[.]ts$|cli[.]ts$|cli/)' },
      to: { path: '^src/app[.]ts$' },
    },
    {
      name: 'src-never-imports-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts)/' },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependency-in-src',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '(^|/)node_modules/@types/' },
    },
    {
      name: 'no-undeclared-dependency',
      severity: 'error',
      from: { path: '^(src|test|bench|scripts)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(coverage|dist|data|web|[.]services)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
