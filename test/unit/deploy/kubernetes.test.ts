import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { readConfig } from '../../../src/config.ts';
import { commandOf, ended, installPythonPackage } from '../../support/python-package.ts';

const VALIDATOR = { name: 'kubernetes-validate', version: '1.37.0' };
/** The oldest that they are meant for, and the newest that the validator knows. */
const KUBERNETES = ['1.29', '1.37'];
const PROJECTOR_FILE = 'deploy/kubernetes/projector.yaml';
const FILES = globSync('deploy/kubernetes/*.yaml').sort();

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef: { readonly name: string; readonly key: string; readonly optional?: boolean };
  };
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly image: string;
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env: readonly Variable[];
  readonly resources: Readonly<Record<'requests' | 'limits', { readonly cpu: string; readonly memory: string }>>;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
}

interface Deployment {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly containers: readonly [Container];
        readonly securityContext: Readonly<Record<string, unknown>>;
        readonly volumes: readonly { readonly name: string }[];
        readonly automountServiceAccountToken: boolean;
      };
    };
  };
}

interface Other {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data: Readonly<Record<string, string>>;
  readonly spec: {
    readonly selector: Readonly<Record<string, string>> & {
      readonly matchLabels: Readonly<Record<string, string>>;
    };
    readonly scaleTargetRef: { readonly name: string };
  };
}

const resources = FILES.flatMap((file) => parseAllDocuments(readFileSync(file, 'utf8'), { merge: true })).map(
  (document) => document.toJS() as unknown,
);
/** The lines that rebuilds from a file want are comments, since the volume is the user's. */
const FILES_FOR_REBUILDS = /^( *)# (- \{ name: import.*)$/gim;
const projectorWithFiles = readFileSync(PROJECTOR_FILE, 'utf8').replace(FILES_FOR_REBUILDS, '$1$2');
const deployments = (resources as Deployment[]).filter(({ kind }) => kind === 'Deployment');
const others = (kind: string) => (resources as Other[]).filter((resource) => resource.kind === kind);

/** As the container gets it; `placeholders` stand for what is secret. */
function environmentOf({ env }: Container, placeholders: Readonly<Record<string, string>>): Record<string, string> {
  const own = env.map(({ name, value, valueFrom }) => [name, value ?? placeholders[valueFrom?.secretKeyRef.key ?? '']]);
  const [shared] = others('ConfigMap');
  return { HOST: '0.0.0.0', PORT: '3000', ...shared?.data, ...(Object.fromEntries(own) as Record<string, string>) };
}

const SECRETS = {
  'amqp-url': 'amqps://order-search:secret@rabbitmq:5671',
  'elasticsearch-api-key': 'a2V5',
  'auth-jwt-secret': 'x'.repeat(32),
};

describe('deploy/kubernetes', () => {
  it('has the api and the projector apart, and both can be evicted one after another', () => {
    assert.deepEqual(
      deployments.map(({ metadata }) => metadata.name),
      ['order-search-api', 'order-search-projector'],
    );
    const selected = others('PodDisruptionBudget').map(({ spec }) => spec.selector.matchLabels);
    assert.deepEqual(
      selected,
      deployments.map(({ spec }) => spec.template.metadata.labels),
    );
  });

  it('sends requests to the api, and scales it alone', () => {
    const [api] = deployments;
    assert.deepEqual(
      others('Service').map(({ spec }) => spec.selector),
      [api?.spec.template.metadata.labels],
    );
    assert.deepEqual(
      others('HorizontalPodAutoscaler').map(({ spec }) => spec.scaleTargetRef.name),
      [api?.metadata.name],
    );
  });

  for (const { metadata, spec } of deployments) {
    const pod = spec.template.spec;
    const [container] = pod.containers;

    describe(metadata.name, () => {
      it('is configured so that it starts, in its role', () => {
        const result = readConfig(environmentOf(container, SECRETS));
        assert.ok(result.ok, JSON.stringify(result));
        assert.equal(`order-search-${result.config.role}`, metadata.name);
        assert.equal(result.config.backend.kind, 'services');
      });

      it("starts with an identity provider's keys in place of the secret of tokens, and not with neither", () => {
        const { env } = container;
        const isOptional = ({ valueFrom }: Variable) => valueFrom?.secretKeyRef.optional === true;
        assert.deepEqual(
          env.filter(isOptional).map(({ name }) => name),
          ['AUTH_JWT_SECRET'],
        );
        const without = environmentOf({ ...container, env: env.filter((variable) => !isOptional(variable)) }, SECRETS);
        assert.ok(!readConfig(without).ok);
        assert.ok(readConfig({ ...without, AUTH_JWKS_URL: 'https://id.example/keys' }).ok);
      });

      it('takes what is secret from a Secret, and says it nowhere', () => {
        const values = environmentOf(container, {});
        for (const { name, value, valueFrom } of container.env) {
          if (name === 'ROLE') continue;
          assert.equal(value, undefined, name);
          assert.equal(valueFrom?.secretKeyRef.name, 'order-search', name);
          assert.ok(valueFrom.secretKeyRef.key in SECRETS, name);
        }
        for (const [name, value = ''] of Object.entries(values)) assert.doesNotMatch(value, /:\/\/[^/]*@/, name);
      });

      it('is probed where the service answers: alive without Elasticsearch, ready only with it', () => {
        assert.deepEqual(container.ports, [{ name: 'http', containerPort: 3000 }]);
        for (const [probe, path] of [
          [container.startupProbe, '/health/live'],
          [container.livenessProbe, '/health/live'],
          [container.readinessProbe, '/health/ready'],
        ] as const) {
          assert.deepEqual(probe.httpGet, { path, port: 'http' });
        }
      });

      it('runs with no more rights than it needs, on a file system that it cannot write to', () => {
        assert.equal(pod.securityContext['runAsNonRoot'], true);
        assert.deepEqual(pod.securityContext['seccompProfile'], { type: 'RuntimeDefault' });
        assert.deepEqual(container.securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        assert.equal(pod.automountServiceAccountToken, false);
        assert.deepEqual(
          container.volumeMounts.map(({ name }) => name),
          pod.volumes.map(({ name }) => name),
        );
      });

      it('is limited in memory and CPU, and runs the image of this version', () => {
        for (const { cpu, memory } of [container.resources.requests, container.resources.limits]) {
          assert.match(cpu, /^\d+m?$/);
          assert.match(memory, /^\d+[MG]i$/);
        }
        const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
        assert.equal(container.image, `order-search:${version}`);
      });
    });
  }

  describe('the projector, with the comment signs off what is for rebuilds from a file', () => {
    const [deployment] = parseAllDocuments(projectorWithFiles, { merge: true }).map(
      (document) => document.toJS() as Deployment,
    );
    const { containers, volumes } = deployment!.spec.template.spec;
    const [container] = containers;

    it('reads them from a volume that it cannot write to', () => {
      const result = readConfig(environmentOf(container, SECRETS));
      assert.ok(result.ok, JSON.stringify(result));
      const mounted = container.volumeMounts.find(({ mountPath }) => mountPath === result.config.rebuild.importDir);
      assert.deepEqual(mounted, { name: 'import', mountPath: '/import', readOnly: true });
      assert.deepEqual(
        container.volumeMounts.map(({ name }) => name),
        volumes.map(({ name }) => name),
      );
    });

    it('is the projector but for that', () => {
      const isOther = ({ name }: { readonly name: string }) => !/^import/i.test(name);
      const [plain] = deployments.filter(({ metadata }) => metadata.name === deployment?.metadata.name);
      const pod = plain!.spec.template.spec;
      assert.deepEqual(container.env.filter(isOther), pod.containers[0].env);
      assert.deepEqual(container.volumeMounts.filter(isOther), pod.containers[0].volumeMounts);
      assert.deepEqual(volumes.filter(isOther), pod.volumes);
    });
  });

  describe('to the schemas of Kubernetes', () => {
    before(async function () {
      this.timeout(180_000);
      try {
        await installPythonPackage(VALIDATOR);
      } catch (error) {
        if (process.env['CI'] === 'true') throw error;
        console.log(`      (not run: ${(error as Error).message})`);
        this.skip();
      }
    });

    for (const version of KUBERNETES) {
      it(`is right, field by field: ${version}`, async () => {
        const args = ['--strict', '--kubernetes-version', version, ...FILES];
        const { code, output } = await ended(commandOf(VALIDATOR), args);
        assert.equal(code, 0, output);
        assert.equal(output.match(/ passed for resource /g)?.length, resources.length, output);
      });
    }

    it('is right with files for rebuilds too', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'order-search-kubernetes-'));
      try {
        const file = join(folder, 'projector.yaml');
        writeFileSync(file, projectorWithFiles);
        const args = ['--strict', '--kubernetes-version', KUBERNETES.at(-1)!, file];
        const { code, output } = await ended(commandOf(VALIDATOR), args);
        assert.equal(code, 0, output);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
});
