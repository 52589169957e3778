// Operators of `ai.onnx.ml`: linear models and trees, what converters of classical learners write.

import type { Importers } from '../../importer.ts';
import { linears } from './linear.ts';
import { trees } from './trees.ts';

/** Importers of the domain `ai.onnx.ml`, by name. */
export const classical: Importers = { ...linears, ...trees };
