import { parser } from '@prometheus-io/lezer-promql';

/** What an expression reads. */
export interface Selected {
  readonly metric: string;
  /** Of its matchers. */
  readonly labels: readonly string[];
}

/** Grafana's own variables, as what Grafana puts in their place. */
const VARIABLES: readonly (readonly [RegExp, string])[] = [
  [/\$__(rate_)?interval\b/g, '5m'],
  [/\$__range\b/g, '3h'],
];

export function withoutVariables(expression: string): string {
  return VARIABLES.reduce((text, [variable, value]) => text.replace(variable, value), expression);
}

/** The metrics that a PromQL expression reads, by the grammar of Prometheus' own editor. @throws SyntaxError */
export function selectorsOf(expression: string): Selected[] {
  const found: { metric: string; labels: string[] }[] = [];
  parser.parse(expression).iterate({
    enter({ type, from, to, node }) {
      if (type.isError) throw new SyntaxError(`no PromQL at ${from}: ${expression}`);
      if (type.name === 'VectorSelector') found.push({ metric: '', labels: [] });
      const selected = found.at(-1);
      if (!selected) return;
      if (type.name === 'Identifier' && node.parent?.name === 'VectorSelector') {
        selected.metric = expression.slice(from, to);
      }
      if (type.name === 'LabelName' && node.parent?.name.endsWith('LabelMatcher')) {
        selected.labels.push(expression.slice(from, to));
      }
    },
  });
  return found;
}
