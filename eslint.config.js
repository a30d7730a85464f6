import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const TYPESCRIPT = ['**/*.ts'];
const TESTS = ['test/**/*.ts', 'bench/**/*.ts'];
const MEASURED = { skipBlankLines: true, skipComments: true };

export default defineConfig([
  globalIgnores(['node_modules/', 'coverage/', 'dist/', 'data/', '.services/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: TYPESCRIPT,
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // `[...text]` is how its code points are taken, deliberately.
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
      // An event without data is `{}`.
      '@typescript-eslint/no-generated-empty-object-type': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true, argsIgnorePattern: '^_' }],
      // A port's method is async in one backend and need not wait for anything in the other.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true },
      ],
      complexity: ['error', 16],
      eqeqeq: 'error',
      'max-depth': ['error', 3],
      'max-lines': ['error', { max: 300, skipBlankLines: true }],
      'max-lines-per-function': ['error', { max: 40, ...MEASURED }],
      'max-params': ['error', 5],
      // `void | Promise<void>` is what a handler may return.
      '@typescript-eslint/no-invalid-void-type': 'off',
      // ASCII is told by its code points.
      'no-control-regex': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
        {
          selector: "CallExpression[callee.property.name='skip'][callee.object.type='Identifier']",
          message: 'No skipped tests. this.skip() for what a machine lacks is allowed.',
        },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/main.ts', 'src/cli.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'The environment is read in main.ts and cli.ts only (design §7).',
        },
        { object: 'process', property: 'exit', message: 'Only main.ts and cli.ts end the process.' },
      ],
      'no-restricted-imports': ['error', { paths: [{ name: 'node:process', importNames: ['env', 'exit'] }] }],
    },
  },
  { files: ['src/**/*.ts'], ignores: ['src/main.ts', 'src/cli.ts', 'src/cli/**'], rules: { 'no-console': 'error' } },
  {
    files: TESTS,
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      // An assertion narrows a type for good: what is checked again after it looks needless.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // `getJson<Health>(url)` says what the test expects.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // A test's or a suite's callback is as long as what it tells; its helpers are measured by the review.
      'max-lines-per-function': 'off',
      'max-lines': 'off',
    },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { module: 'writable', require: 'readonly', process: 'readonly' },
    },
  },
  {
    // Type-checked with the DOM's types (web/tsconfig.json), which knows every global there is.
    files: ['web/**/*.js'],
    rules: { 'no-undef': 'off' },
  },
]);
