// What becomes of every operator of a TFLite model.

import { type Call, type Survey, survey } from '../survey.ts';
import { type ImportTfliteOptions, importTflite } from './import.ts';
import { type DeclaredOperator, readTflite, type TfliteModel } from './read.ts';
import { unknownOps } from './unknown-ops.ts';

type OwnCall = Call & { readonly operator: DeclaredOperator };

/**
 * Surveys a model. What the operators refuse is part of the answer; a file that cannot be read is not.
 *
 * @throws {EspalierError} as `importTflite` does, where no operator is to blame
 */
export function surveyTflite(
  source: Uint8Array | TfliteModel,
  options: ImportTfliteOptions,
): Survey {
  const model = source instanceof Uint8Array ? readTflite(source, options) : source;
  const [main] = model.subgraphs;
  const calls = new Map<DeclaredOperator, OwnCall>();
  for (const operator of main?.operators ?? []) {
    const { op, custom, version, label } = operator;
    calls.set(operator, { op, domain: custom ? 'custom' : '', opset: version, label, operator });
  }
  return survey<OwnCall>({
    calls: [...calls.values()],
    unknown: () =>
      [...unknownOps([...calls.keys()]).values()].map((uses) =>
        uses.flatMap((operator) => calls.get(operator) ?? []),
      ),
    import: (observe) =>
      importTflite(model, {
        ...options,
        observe(operator, results) {
          const call = calls.get(operator);
          if (call) observe(call, results);
        },
      }),
  });
}
