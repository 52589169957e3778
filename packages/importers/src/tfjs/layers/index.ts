// The table of Keras' layers. A new one is a line in a file of this folder.

import { convolutions } from './convolutions.ts';
import { core } from './core.ts';
import { custom } from './custom.ts';
import type { CustomLayer, CustomLayers } from './layer.ts';
import { recurrents } from './recurrent.ts';
import { shapes } from './shapes.ts';

const families: CustomLayers = { ...convolutions, ...core, ...custom, ...recurrents, ...shapes };

/** The importer of a layer: the user's own, if there is one, or the table's. */
export function layerOf(className: string, own: CustomLayers): CustomLayer | undefined {
  if (Object.hasOwn(own, className)) return own[className];
  return Object.hasOwn(families, className) ? families[className] : undefined;
}

/** The classes of all layers that are imported, sorted. */
export const importedLayers = (): string[] =>
  [...Object.keys(families), 'Functional', 'InputLayer', 'Model', 'Sequential'].sort();
