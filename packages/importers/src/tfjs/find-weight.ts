// Weights of layers by name, which writers nest as they like: `lstm/kernel`, `lstm/lstm_cell/kernel`.

import type { Tensor } from '@espalier/ir';

/** The name of a weight whose name has all scopes in order; without the last of them, if none has. */
export function findWeight(
  weights: ReadonlyMap<string, Tensor>,
  prefix: string,
  scopes: readonly (readonly string[])[],
  weight: string,
): string | undefined {
  const [only] = scopes;
  const plain = only?.[0] ?? '';
  const exact = [`${prefix}${plain}/${weight}`, `${plain}/${weight}`];
  const found = scopes.length === 1 ? exact.find((key) => weights.has(key)) : undefined;
  if (found !== undefined) return found;
  const own = [...weights.keys()].filter((key) => {
    if (!key.endsWith(`/${weight}`)) return false;
    const path = `/${key}`;
    let from = 0;
    return scopes.every((names) => {
      const places = names.map((name) => path.indexOf(`/${name}/`, from)).filter((at) => at >= 0);
      from = Math.min(...places);
      return places.length > 0;
    });
  });
  if (own.length === 1) return own[0];
  const inPrefix = own.filter((key) => prefix !== '' && key.startsWith(prefix));
  if (inPrefix.length === 1) return inPrefix[0];
  if (own.length > 1 || scopes.length < 2) return undefined;
  return findWeight(weights, prefix, scopes.slice(0, -1), weight);
}
