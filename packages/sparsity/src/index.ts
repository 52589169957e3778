// What @espalier/sparsity offers to the packages below it.

export {
  blockLists,
  type ListStatistics,
  listStatistics,
  type SupportGroup,
  supportGroups,
} from './groups.ts';
export { magnitude } from './importance/magnitude.ts';
export { compensated, diagonal } from './importance/reconstruction.ts';
export { taylor } from './importance/taylor.ts';
export { channelScores, type Narrowed, narrow, narrowAll } from './narrow.ts';
export { maskOfZeros, type Recognised, recognise } from './recognise.ts';
export { type Params, project, type Scheme } from './scheme.ts';
export { type SchemeName, schemes } from './schemes/index.ts';
export { learnPatterns, type Pattern, patternWith, standardPatterns } from './schemes/pattern.ts';
export { keptCount, type Mask, masked, sizeOf, type WeightShape, weightShape } from './weights.ts';
