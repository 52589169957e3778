// Convolutions and products with what follows them, as ONNX Runtime's optimiser writes them.

import { arg, call, literal, type Node } from '@espalier/ir';
import type { Importers, Site } from '../../importer.ts';
import { convolution } from '../conv.ts';
import { gemm, product } from '../products.ts';
import { activated } from './activations.ts';

/** A residual may be added before the activation. */
function fusedConv(site: Site): Node {
  const sum = convolution(site, site.input(0), site.input(1), site.optional(2));
  const residual = site.optional(3);
  const whole = residual ? site.b.scalar('add', sum, residual) : sum;
  return activated(site, whole, site.attributes.floats('activation_params') ?? []);
}

/** `[N, …, C]` with weights `[O, …, C]`. */
function channelsLastConv(site: Site): Node {
  const { b } = site;
  const first = (x: Node) => {
    const rank = x.type.shape.length;
    const spatial = Array.from({ length: rank - 2 }, (_, i) => i + 1);
    return b.transpose(x, { perm: [0, rank - 1, ...spatial] });
  };
  const last = (x: Node) => {
    const spatial = x.type.shape.slice(2).map((_, i) => i + 2);
    return b.transpose(x, { perm: [0, ...spatial, 1] });
  };
  const sum = last(convolution(site, first(site.input(0)), first(site.input(1)), site.optional(2)));
  const residual = site.optional(3);
  const whole = residual ? b.scalar('add', sum, residual) : sum;
  return activated(site, whole, site.attributes.floats('activation_params') ?? []);
}

function fusedGemm(site: Site): Node {
  const { attributes } = site;
  const numbers = ['activation_alpha', 'activation_beta', 'activation_gamma'].flatMap((name) =>
    attributes.has(name) ? [attributes.float(name)] : [],
  );
  return activated(site, gemm(site), numbers);
}

/** `alpha · A·B`, either transposed first, with its batches before or behind its rows. */
function fusedMatMul(site: Site): Node {
  const { b, attributes } = site;
  const side = (i: number, swap: string, batch: string): Node => {
    const x = site.input(i);
    const axes = x.type.shape.map((_, axis) => axis);
    if (axes.length < 2) return x;
    // The batches lie between the two axes of the matrix.
    if (attributes.int(batch, 0) !== 0)
      axes.splice(0, axes.length - 1, ...axes.slice(1, -1), axes[0]!);
    if (attributes.int(swap, 0) !== 0) axes.push(...axes.splice(-2).reverse());
    return b.transpose(x, { perm: axes });
  };
  const left = side(0, 'transA', 'transBatchA');
  const result = product(site, left, side(1, 'transB', 'transBatchB'));
  const alpha = attributes.float('alpha', 1);
  return alpha === 1 ? result : b.map([result], { expr: call('mul', arg(0), literal(alpha)) });
}

/** Layers with what follows them, by name. */
export const layers: Importers = {
  FusedConv: { import: fusedConv },
  FusedGemm: { import: fusedGemm },
  FusedMatMul: { import: fusedMatMul },
  NhwcConv: { import: channelsLastConv },
  NhwcFusedConv: { import: channelsLastConv },
  TransposeMatMul: { import: fusedMatMul },
};
