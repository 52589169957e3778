// The process of a quick calibration: times, reports and ends.

import { measureInNode } from './in-node.ts';
import { quickStride } from './quick.ts';
import { createSubjects } from './subjects.ts';

const subjects = createSubjects(quickStride);
const patience = { batchMs: 0.5, warmMs: 1, patience: 3 };
const measurements = await measureInNode(subjects, undefined, undefined, patience);
process.send?.(JSON.stringify(measurements), () => process.exit());
